"""
xAI's batches: an empty one is made, filled, and read page by page.

Source: "Batch API" at docs.x.ai.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from llmlab.errors import CallError, Refused, Throttled, Unavailable, Unreadable
from llmlab.providers.batch.shapes import (
    OK,
    BatchPage,
    BatchPart,
    BatchRequest,
    BatchState,
    ListedBatch,
    Result,
    fields_of,
    id_made,
)
from llmlab.providers.decoding import decode
from llmlab.providers.profile import ProviderProfile
from llmlab.records import HttpCall, HttpReply
from llmlab.secrets import redact

_NAME: Final = "llmlab-"
"""What the names of llmlab's batches begin with; the token follows."""
_MANY: Final = 500
"""Requests that are added to a batch of xAI at once; the limit is 25 MB a call."""


class _Counts(msgspec.Struct):
    num_requests: int = 0
    num_pending: int = 0
    num_success: int = 0
    num_error: int = 0
    num_cancelled: int = 0


class _State(msgspec.Struct):
    state: _Counts | None = None


class _Entry(msgspec.Struct):
    batch_id: str
    name: str = ""
    state: _Counts | None = None


class _List(msgspec.Struct):
    batches: list[_Entry] = []
    pagination_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class XaiBatch:
    """Makes an empty batch, fills it, and reads its results page by page."""

    profile: ProviderProfile

    first_buys: ClassVar[bool] = False
    named: ClassVar[bool] = True

    def first(self, items: Sequence[BatchRequest], token: str, path: str, base: str) -> HttpCall:  # noqa: ARG002 - the protocol's
        """Make an empty batch, named by the token."""
        return self.profile.call(base, "/batches", {"name": f"{_NAME}{token}"})

    def rest(
        self,
        first: str,
        items: Sequence[BatchRequest],
        token: str,  # noqa: ARG002 - the protocol's
        path: str,  # noqa: ARG002 - the protocol's
        base: str,
    ) -> list[BatchPart]:
        """Fill it, some hundreds at a time."""
        return [
            BatchPart(
                call=self.profile.call(
                    base,
                    f"/batches/{first}/requests",
                    {"batch_requests": [_request(item) for item in chunk]},
                ),
                items=chunk,
            )
            for chunk in _chunks(items)
        ]

    def list_call(self, base: str, after: str) -> HttpCall:
        """Ask for a hundred batches."""
        more = f"&pagination_token={after}" if after else ""
        return self.profile.call(base, f"/batches?page_size=100{more}")

    def read_list(self, reply: HttpReply) -> BatchPage:
        """Read ids and names."""
        found = decode(reply, _List, self.profile.provider)
        listed = tuple(
            ListedBatch(
                id=each.batch_id,
                token=each.name.removeprefix(_NAME) if each.name.startswith(_NAME) else "",
                size=each.state.num_requests if each.state else None,
            )
            for each in found.batches
        )
        return BatchPage(batches=listed, more=found.pagination_token or "")

    def read_id(self, replies: Sequence[HttpReply]) -> str:
        """Return the batch's id."""
        return id_made(replies[0], self.profile.provider)

    def state_call(self, batch: str, base: str) -> HttpCall:
        """Ask for the batch."""
        return self.profile.call(base, f"/batches/{batch}")

    def read_state(self, reply: HttpReply) -> BatchState:
        """Read the counts: there is no status, and all are zero before the first request."""
        counts = decode(reply, _State, self.profile.provider).state or _Counts()
        done = counts.num_requests - counts.num_pending
        ended = counts.num_requests > 0 and counts.num_pending == 0
        said = f"{done} of {counts.num_requests}"
        return BatchState(ended=ended, said=said, parts=("",), size=counts.num_requests)

    def results_call(self, batch: str, part: str, base: str) -> HttpCall:
        """Fetch a page."""
        more = f"&pagination_token={part}" if part else ""
        return self.profile.file(base, f"/batches/{batch}/results?page_size=100{more}")

    def read_results(self, reply: HttpReply) -> tuple[dict[str, Result], tuple[str, ...]]:
        """Read a page, and the token of the next one."""
        page = decode(reply, dict[str, Any], self.profile.provider)
        token, listed = page.get("pagination_token"), page.get("results")
        found = {
            str(each.get("batch_request_id")): self._result(each)
            for each in map(fields_of, listed if isinstance(listed, list) else ())
            if each
        }
        return found, (str(token),) if token else ()

    def _result(self, each: Mapping[str, Any]) -> Result:
        result = fields_of(each.get("batch_result"))
        completion = fields_of(result.get("response")).get("chat_get_completion")
        if completion:
            return HttpReply(status=OK, headers={}, body=msgspec.json.encode(completion))
        error = result.get("error") or each.get("error") or each.get("error_message")
        if not error:
            return Unreadable("xai: a result without answer and error", provider="xai")
        return _xai_failure(error)


_RESOURCE_EXHAUSTED: Final = 8
_PASSING: Final = frozenset({4, 13, 14})
"""gRPC: deadline exceeded, internal, unavailable. What is left is the request's own fault."""


def _xai_failure(error: object) -> CallError:
    """Read an error whose code is gRPC's."""
    code = error.get("code") if isinstance(error, Mapping) else None
    text = error.get("message") if isinstance(error, Mapping) else error
    kind: type[CallError] = Refused
    if code == _RESOURCE_EXHAUSTED:
        kind = Throttled
    elif isinstance(code, int) and code in _PASSING:
        kind = Unavailable
    return kind(redact(str(text or "no reason was given"))[:300], provider="xai")


def _request(item: BatchRequest) -> dict[str, object]:
    return {
        "batch_request_id": item.id,
        "batch_request": {"chat_get_completion": msgspec.Raw(item.body)},
    }


def _chunks(items: Sequence[BatchRequest]) -> Iterator[Sequence[BatchRequest]]:
    for start in range(0, len(items), _MANY):
        yield items[start : start + _MANY]
