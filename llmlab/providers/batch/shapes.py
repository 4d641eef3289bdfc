"""
Shared by all batch endpoints: requests, results, and the state of a batch.

In: the bodies of single calls. Out: the calls that submit, watch and collect them; and each
single reply as if it had been sent alone, so that the provider's own adapter reads it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from llmlab.errors import CallError, Unreadable
from llmlab.providers.decoding import decode
from llmlab.providers.failures import failure_of
from llmlab.records import HttpCall, HttpReply

OK: Final = 200

Result: TypeAlias = HttpReply | CallError
"""A single reply, or why there is none."""

UNREAD: Final = ""
"""Under this id stands the error of lines that cannot be read: whose they are is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """One request of a batch under its own id: at most 64 of [A-Za-z0-9_-] (Anthropic)."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """State of a batch; `parts` are what its results are fetched by, once it has ended."""

    ended: bool
    said: str
    parts: tuple[str, ...] = ()
    trouble: str = ""
    """Why the whole batch failed."""
    size: int | None = None
    """Requests that the provider has in it; None when it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """An HTTP call that submits requests, and which requests those are."""

    call: HttpCall
    items: Sequence[BatchRequest]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBatch:
    """A batch in the provider's own list."""

    id: str
    token: str | None
    """The name that llmlab gave it; None where the provider has no place for one."""
    size: int | None = None
    created_at: float | None = None
    """Unix time; None where it is not said, or not needed because there is a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """A page of the provider's list, and how to ask for the next; empty when there is none."""

    batches: tuple[ListedBatch, ...]
    more: str = ""


class BatchWay(Protocol):
    """
    Adapter for a provider's batch endpoint; *base* is the base URL of its calls.

    *token* is llmlab's own name for the batch, by which it is found again in the provider's list.
    """

    @property
    def first_buys(self) -> bool:
        """Say whether the first call hands requests in; else it only prepares."""
        ...

    @property
    def named(self) -> bool:
        """Say whether the provider's list tells the token; else results are looked at."""
        ...

    def first(self, items: Sequence[BatchRequest], token: str, path: str, base: str) -> HttpCall:
        """Return the call that begins; `read_id` of its reply goes on."""
        ...

    def rest(
        self, first: str, items: Sequence[BatchRequest], token: str, path: str, base: str
    ) -> list[BatchPart]:
        """Return the calls that complete what the first began."""
        ...

    def list_call(self, base: str, after: str) -> HttpCall:
        """Return the call for a page of the provider's list, newest first."""
        ...

    def read_list(self, reply: HttpReply) -> BatchPage:
        """Return a page of the list; raise the `CallError` that the reply means."""
        ...

    def read_id(self, replies: Sequence[HttpReply]) -> str:
        """Return the batch's id out of all replies so far."""
        ...

    def state_call(self, batch: str, base: str) -> HttpCall:
        """Return the call for the state of a batch."""
        ...

    def read_state(self, reply: HttpReply) -> BatchState:
        """Return how far it is; raise the `CallError` that the reply means."""
        ...

    def results_call(self, batch: str, part: str, base: str) -> HttpCall:
        """Return the call for a part of the results."""
        ...

    def read_results(self, reply: HttpReply) -> tuple[dict[str, Result], tuple[str, ...]]:
        """Return results by the items' ids, and the parts that are still to be fetched."""
        ...


class _Made(msgspec.Struct):
    id: str | None = None
    batch_id: str | None = None


def id_made(reply: HttpReply, provider: str) -> str:
    """Return the id of what a call has made."""
    made = decode(reply, _Made, provider)
    found = made.id or made.batch_id
    if not found:
        raise Unreadable(f"{provider}: the reply names no batch", provider=provider, status=OK)
    return found


def results_of(
    reply: HttpReply, provider: str, result_of: Callable[[Mapping[str, Any]], Result]
) -> dict[str, Result]:
    """
    Return the results in a file of lines, by `custom_id`; what cannot be read is `UNREAD`.

    Raises:
        CallError: What another reply means.
    """
    if reply.status != OK:
        raise failure_of(reply, provider)
    results: dict[str, Result] = {}
    for line in reply.body.splitlines():
        if not line.strip():
            continue
        try:
            found = decode(HttpReply(status=OK, headers={}, body=line), dict[str, Any], provider)
        except CallError as error:
            results[UNREAD] = error
        else:
            results[str(found.get("custom_id"))] = result_of(found)
    return results


def fields_of(value: object) -> Mapping[str, Any]:
    """Return an object's fields; none where it is no object."""
    return value if isinstance(value, Mapping) else {}
