"""The reading half of Responses: the response object and the events that build it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmlab.errors import CallError, Unreadable
from llmlab.providers.believed import added
from llmlab.providers.decoding import convert, decode_line, lenient
from llmlab.providers.failures import failure_in
from llmlab.providers.response_builder import ResponseBuilder, dollars, odd_usage
from llmlab.providers.responses import wire
from llmlab.providers.sse import Event
from llmlab.records import Answer, Finish, Piece, Usage

FINISHES: Final[Mapping[str, Finish]] = {
    "completed": "stop",
    "max_output_tokens": "length",
    "content_filter": "filter",
}
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

    def take(self, event: Event) -> Piece | None:
        """Take one event; raise the error it carries."""
        if event.data.strip() == b"[DONE]":  # older deployments and proxies send one
            return None
        said = decode_line(event.data, wire.ResponseEvent, self.provider)
        kind = said.type or event.name
        if kind == "error" or (said.error is not None and said.response is None):
            flat = {"message": said.message, "code": said.code}
            raise failure_in({"error": said.error or flat}, self.provider)
        if kind in _TERMINAL and said.response is not None:
            self.hear(said.response)
        elif said.response is not None:
            self._head(said.response)
        elif isinstance(said.delta, str):
            return self._piece(kind, said.delta)
        return None

    def hear(self, response: wire.ResponseObject) -> None:
        """Take a whole response; raise the error it ended in."""
        self._head(response)
        self._count(response)
        self._check(response)
        streamed, self.builder.texts = self.builder.text, []
        thoughts, self.builder.thoughts = self.builder.thoughts, []
        declined, self.builder.refusals = self.builder.refusals, []
        for item in response.output or ():
            self._item(item)
        # The terminal event repeats all that was streamed; where a proxy leaves it out, the
        # pieces are what is known.
        self.builder.refusals = self.builder.refusals or declined
        if not self.builder.texts and not self.builder.refusals:
            self.builder.say(streamed)
        self.builder.thoughts = self.builder.thoughts or thoughts
        if streamed and streamed != self.builder.text:
            self.builder.warn("the streamed pieces differ from the final text, which is kept")
        self.ended = True

    def whole(self) -> bool:
        """Return whether a terminal event came."""
        return self.ended

    def answer(self, request_id: str | None) -> Answer:
        """Return the answer of a whole response or stream."""
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
        metadata, _ = lenient(response.metadata, wire.Metadata)
        self.builder.fingerprint = metadata.system_fingerprint if metadata else None

    def _check(self, response: wire.ResponseObject) -> None:
        if response.error is not None or response.status in ("failed", "cancelled"):
            error = response.error or {"message": f"the response was {response.status}"}
            raise self._placed(failure_in({"error": error}, self.provider))
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
        return error

    def _item(self, raw: dict[str, Any]) -> None:
        kind = raw.get("type")
        if kind == "function_call":
            self.builder.tools = True
        elif kind in ("message", "reasoning"):
            item = convert(raw, wire.OutputItem, self.provider)
            for part in [*(item.content or ()), *(item.summary or ())]:
                self._part(part, thought=kind == "reasoning")

    def _part(self, part: wire.ContentPart, *, thought: bool) -> None:
        if thought:
            self.builder.say(None, part.text)
            return
        self.builder.say(part.text)
        self.builder.decline(part.refusal)
        for note in part.annotations or ():
            if note.type == "url_citation":
                self.builder.cite(note.url or "", note.title or "")

    def _count(self, response: wire.ResponseObject) -> None:
        said, odd = lenient(response.usage, wire.ResponseUsage)
        self.builder.warn(*odd)
        if said is None:
            return
        prompt = said.input_tokens_details or wire.InputTokensDetails()
        self.builder.usage = Usage(
            input=said.input_tokens,
            cached=prompt.cached_tokens,
            cache_write=prompt.cache_write_tokens or 0,
            output=said.output_tokens,
            reasoning=(said.output_tokens_details or wire.OutputTokensDetails()).reasoning_tokens,
            searches=_searches(said, response),
        )
        self.builder.billed = dollars(said.cost_in_usd_ticks)
        self.builder.warn(*odd_usage(self.builder.usage, said.total_tokens))


def _searches(usage: wire.ResponseUsage, response: wire.ResponseObject) -> int:
    """Return the searches that are charged: as counted by xAI, by OpenAI, or by the items."""
    tools = usage.server_side_tool_usage_details
    if tools is not None:
        return added(tools.web_search_calls, tools.x_search_calls, tools.code_interpreter_calls)
    counted, _ = lenient(response.tool_usage, wire.ToolUsage)
    if counted and counted.web_search and counted.web_search.num_requests is not None:
        return counted.web_search.num_requests
    items = [item for item in response.output or () if item.get("type") == "web_search_call"]
    return sum(1 for item in items if _is_search(item.get("action")))


def _is_search(action: object) -> bool:
    # Opening a page that was found is free.
    return not isinstance(action, dict) or action.get("type", "search") == "search"
