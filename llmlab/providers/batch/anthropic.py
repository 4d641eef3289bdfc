"""
Anthropic's batches: all requests in one document, results as a file of lines.

Source: the vendor's SDK (`resources/messages/batches.py`, `types/messages/message_batch.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from llmlab.errors import Unavailable, Unreadable
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
    results_of,
)
from llmlab.providers.decoding import decode
from llmlab.providers.failures import failure_in
from llmlab.providers.profile import ProviderProfile
from llmlab.records import HttpCall, HttpReply
from llmlab.secrets.redact import redact


class _State(msgspec.Struct):
    processing_status: str = ""


class _Entry(msgspec.Struct):
    id: str
    request_counts: dict[str, int] = {}
    created_at: datetime | None = None


class _List(msgspec.Struct):
    data: list[_Entry] = []
    has_more: bool = False
    last_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicBatch:
    """Submits all requests with one call."""

    profile: ProviderProfile

    first_buys: ClassVar[bool] = True
    named: ClassVar[bool] = False

    def first(self, items: Sequence[BatchRequest], token: str, path: str, base: str) -> HttpCall:  # noqa: ARG002 - the protocol's
        """Make the batch; the token is part of each request's id, for a batch has no name."""
        requests = [{"custom_id": item.id, "params": msgspec.Raw(item.body)} for item in items]
        return self.profile.call(base, "/v1/messages/batches", {"requests": requests})

    def rest(self, *_: object) -> list[BatchPart]:
        """Nothing is left to do."""
        return []

    def list_call(self, base: str, after: str) -> HttpCall:
        """Ask for a hundred batches."""
        more = f"&after_id={after}" if after else ""
        return self.profile.call(base, f"/v1/messages/batches?limit=100{more}")

    def read_list(self, reply: HttpReply) -> BatchPage:
        """Read ids and sizes; no entry says which requests are in it."""
        found = decode(reply, _List, self.profile.provider)
        listed = tuple(
            ListedBatch(
                id=each.id,
                token=None,
                size=sum(each.request_counts.values()),
                created_at=each.created_at.timestamp() if each.created_at else None,
            )
            for each in found.data
        )
        return BatchPage(batches=listed, more=found.last_id or "" if found.has_more else "")

    def read_id(self, replies: Sequence[HttpReply]) -> str:
        """Return the batch's id."""
        return id_made(replies[0], self.profile.provider)

    def state_call(self, batch: str, base: str) -> HttpCall:
        """Ask for the batch."""
        return self.profile.call(base, f"/v1/messages/batches/{batch}")

    def read_state(self, reply: HttpReply) -> BatchState:
        """Read whether processing has ended."""
        said = decode(reply, _State, self.profile.provider).processing_status
        return BatchState(ended=said == "ended", said=said, parts=("",))

    def results_call(self, batch: str, part: str, base: str) -> HttpCall:  # noqa: ARG002 - the protocol's
        """Fetch the results; `results_url` is not followed, for the key would go where it says."""
        return self.profile.file(base, f"/v1/messages/batches/{batch}/results")

    def read_results(self, reply: HttpReply) -> tuple[dict[str, Result], tuple[str, ...]]:
        """Read a line for each request: succeeded, errored, canceled or expired."""
        return results_of(reply, self.profile.provider, self._result), ()

    def _result(self, line: Mapping[str, Any]) -> Result:
        result = fields_of(line.get("result"))
        kind = result.get("type")
        if kind == "succeeded":
            body = msgspec.json.encode(result.get("message"))
            return HttpReply(status=OK, headers={}, body=body)
        if kind == "errored":
            error = fields_of(result.get("error"))
            return failure_in(error.get("error", error), self.profile.provider)
        if kind in ("canceled", "expired"):
            return Unavailable(f"the batch was {kind} before this request", provider="anthropic")
        odd = f"anthropic: a result of the type {redact(repr(kind))[:50]}"
        return Unreadable(odd, provider=self.profile.provider)
