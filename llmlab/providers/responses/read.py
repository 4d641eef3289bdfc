"""Parse replies of the Responses API: the response object and the events that build it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmlab.errors import CallError, Unreadable
from llmlab.providers.believed import odd_usage
from llmlab.providers.decoding import convert, decode_line, lenient
from llmlab.providers.failures import failure_in
from llmlab.providers.functions import call_at, hear_call
from llmlab.providers.response_builder import ResponseBuilder, unknown
from llmlab.providers.responses import wire
from llmlab.providers.responses.usage import odd_writes, usage_of
from llmlab.providers.sse import Event
from llmlab.providers.stated_cost import stated_cost
from llmlab.providers.tiers import tier_said
from llmlab.records import Answer, Finish, Piece

FINISHES: Final[Mapping[str, Finish]] = {
    "completed": "stop",
    "max_output_tokens": "length",
    "content_filter": "filter",
}
_CALLED: Final = ("_call", "_call_output", "_approval_request", "mcp_list_tools", "compaction")
"""How items end that stand for tools, whose text is in no answer."""
_TERMINAL: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_THOUGHTS: Final = frozenset(
    {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}
)


@dataclass(slots=True, kw_only=True)
class ResponsesReading:
    """Reads a response whole, or event by event until a terminal one brings it whole."""

    provider: str
    to_answer: Callable[[ResponseBuilder, str | None], Answer]
    builder: ResponseBuilder = field(default_factory=ResponseBuilder)
    ended: bool = False
    failed: CallError | None = None
    """What an error event said; the response that follows it has the last word."""

    def take(self, event: Event) -> Piece | None:
        """Take one event; raise the error it carries."""
        if event.data.strip() == b"[DONE]":  # older deployments and proxies send one
            return None
        said = decode_line(event.data, wire.ResponseEvent, self.provider)
        kind = said.type or event.name
        if kind == "error" or (said.error is not None and said.response is None):
            flat = {"message": said.message, "code": said.code}
            # `response.failed`, which states what was used, may follow.
            self.failed = failure_in({"error": said.error or flat}, self.provider, whole=True)
            return None
        if self.failed is not None and kind not in _TERMINAL:
            raise self.failed
        return self._step(kind, said)

    def _step(self, kind: str, said: wire.ResponseEvent) -> Piece | None:
        if said.response is not None:
            self.hear(said.response) if kind in _TERMINAL else self._head(said.response)
        elif isinstance(said.delta, str):
            if said.logprobs:
                self.builder.weigh(said.logprobs)
            return self._piece(kind, said.delta)
        elif kind == "response.output_item.done" and isinstance(said.item, dict):
            self._call(said.item)
        return None

    def hear(self, response: wire.ResponseObject) -> None:
        """Take a whole response; raise the error it ended in."""
        self._head(response)
        self._count(response)
        self._check(response)
        streamed, self.builder.texts = self.builder.text, []
        thoughts, self.builder.thoughts = self.builder.thoughts, []
        declined, self.builder.refusals = self.builder.refusals, []
        weighed, self.builder.tokens = self.builder.tokens, []
        for item in response.output or ():
            self._item(item)
        # The terminal event repeats all that was streamed; where a proxy leaves it out, the
        # pieces are what is known.
        self.builder.refusals = self.builder.refusals or declined
        if not self.builder.texts and not self.builder.refusals:
            self.builder.say(streamed)
        self.builder.thoughts = self.builder.thoughts or thoughts
        self.builder.tokens = self.builder.tokens or weighed
        if streamed and streamed != self.builder.text:
            self.builder.warn("the streamed pieces differ from the final text, which is kept")
        self.ended = True

    def whole(self) -> bool:
        """Return whether a terminal event came, or an error in its place."""
        return self.ended or self.failed is not None

    def answer(self, request_id: str | None) -> Answer:
        """Return the answer of a whole response or stream, or raise the error it ended in."""
        if self.failed is not None and not self.ended:
            raise self.failed
        return self.to_answer(self.builder, request_id)

    def _piece(self, kind: str, delta: str) -> Piece | None:
        if kind == "response.output_text.delta":
            return self.builder.say(delta)
        if kind == "response.refusal.delta":
            return self.builder.decline(delta)
        return self.builder.say(None, delta) if kind in _THOUGHTS else None

    def _head(self, response: wire.ResponseObject) -> None:
        self.builder.model = response.model or self.builder.model
        self.builder.id = response.id or self.builder.id
        self.builder.tier = tier_said(response.service_tier)
        metadata, _ = lenient(response.metadata, wire.Metadata)
        self.builder.fingerprint = metadata.system_fingerprint if metadata else None

    def _check(self, response: wire.ResponseObject) -> None:
        if response.error is not None or response.status in ("failed", "cancelled"):
            error = response.error or {"message": f"the response was {response.status}"}
            raise self._placed(failure_in({"error": error}, self.provider, whole=True))
        if response.status == "completed":
            self.builder.stop = "completed"
        elif response.status == "incomplete":
            details = response.incomplete_details or wire.IncompleteDetails()
            self.builder.stop = details.reason or "incomplete"
        else:
            said = f"{self.provider}: the response is {response.status or 'without a status'}"
            raise self._placed(Unreadable(said, provider=self.provider, status=200))

    def _placed(self, error: CallError) -> CallError:
        error.request_id = error.request_id or self.builder.id
        error.usage, error.billed = self.builder.stated()
        return error

    def _item(self, raw: dict[str, Any]) -> None:
        kind = raw.get("type")
        if kind == "function_call":
            self._call(raw)
        elif kind in ("message", "reasoning"):
            item = convert(raw, wire.OutputItem, self.provider)
            for part in [*(item.content or ()), *(item.summary or ())]:
                self._part(part, thought=kind == "reasoning")
        elif not str(kind).endswith(_CALLED):
            self.builder.warn(unknown("output item", kind))

    def _call(self, item: dict[str, Any]) -> None:
        """Take a call of a function; the last event of a stream repeats it, under the same id."""
        if item.get("type") != "function_call":
            return
        self.builder.tools = True
        place = item.get("call_id") or item.get("id") or len(self.builder.calls)
        known = call_at(self.builder.calls, place)
        if known is not None:
            known.pieces.clear()
        said = {"name": item.get("name"), "arguments": item.get("arguments")}
        hear_call(self.builder.calls, place, **said, id=item.get("call_id") or item.get("id"))

    def _part(self, part: wire.ContentPart, *, thought: bool) -> None:
        if thought:
            self.builder.say(None, part.text)
            return
        self.builder.say(part.text)
        if part.logprobs:
            self.builder.weigh(part.logprobs)
        self.builder.decline(part.refusal)
        for note in part.annotations or ():
            if note.type == "url_citation":
                self.builder.cite(note.url or "", note.title or "")

    def _count(self, response: wire.ResponseObject) -> None:
        said, odd = lenient(response.usage, wire.ResponseUsage)
        self.builder.warn(*odd)
        if said is None:
            return
        self.builder.usage = usage_of(said, response)
        self.builder.billed = stated_cost(said, self.builder)
        self.builder.warn(*odd_usage(self.builder.usage, said.total_tokens), *odd_writes(said))
