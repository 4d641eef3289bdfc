"""Parse replies of chat completions: whole replies, chunks and their usage."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from llmlab.errors import Unreadable
from llmlab.providers.chat import wire
from llmlab.providers.chat.usage import count
from llmlab.providers.decoding import decode_line, is_nothing
from llmlab.providers.failures import failure_in
from llmlab.providers.functions import hear_call, hear_chat_calls
from llmlab.providers.response_builder import ResponseBuilder, unknown
from llmlab.providers.sse import Event
from llmlab.providers.tiers import tier_said
from llmlab.records import Answer, Piece

_DONE = b"[DONE]"


def heard_of(
    completion: wire.ChatCompletion, provider: str, *, reasoning_apart: bool
) -> ResponseBuilder:
    """Return what the first choice says; raise `Unreadable` if there is none."""
    if not completion.choices:
        raise Unreadable(f"{provider}: the reply holds no choices", provider=provider, status=200)
    builder = ResponseBuilder()
    _head(builder, completion)
    choices = completion.choices
    choice = choices[0] if len(choices) == 1 else min(choices, key=_index)
    builder.stop = choice.finish_reason
    _hear(builder, choice.message, whole=True)
    if choice.logprobs is not None:
        _weigh(builder, choice.logprobs)
    count(builder, completion.usage, reasoning_apart=reasoning_apart)
    return builder


def _index(choice: wire.Choice) -> int:
    return choice.index if isinstance(choice.index, int) else 0


@dataclass(slots=True, kw_only=True)
class ChatReading:
    """Reads chunks until `[DONE]`."""

    provider: str
    reasoning_apart: bool
    to_answer: Callable[[ResponseBuilder, str | None], Answer]
    builder: ResponseBuilder = field(default_factory=ResponseBuilder)
    ended: bool = False

    def whole(self) -> bool:
        """Return whether all of the answer came: `[DONE]`, or reason and usage without it."""
        if self.ended:
            return bool(self.builder.model or self.builder.stop)
        return self.builder.stop is not None and self.builder.usage.output is not None

    def answer(self, request_id: str | None) -> Answer:
        """Return the answer of a whole stream."""
        if not self.ended:
            self.builder.warn("the stream ended without [DONE]; text and usage are whole")
        return self.to_answer(self.builder, request_id)

    def take(self, event: Event) -> Piece | None:
        """Take one chunk; raise the error it carries."""
        if event.data.startswith(b"[") and event.data.strip() == _DONE:
            self.ended = True
            return None
        chunk = decode_line(event.data, wire.ChatCompletionChunk, self.provider)
        if chunk.x_groq is not None:
            self._beside(chunk, chunk.x_groq)
        if chunk.error is not None:
            raise failure_in(chunk.error, self.provider)
        _head(self.builder, chunk)
        if not is_nothing(chunk.usage):
            # Some servers repeat a growing usage in every chunk: the last one holds.
            count(self.builder, chunk.usage, reasoning_apart=self.reasoning_apart)
        for choice in chunk.choices or ():
            if choice.index == 0:
                self.builder.stop = choice.finish_reason or self.builder.stop
                if choice.logprobs is not None:
                    _weigh(self.builder, choice.logprobs)
                return (
                    None if choice.delta is None else _hear(self.builder, choice.delta, whole=False)
                )
        return None

    def _beside(self, chunk: wire.ChatCompletionChunk, groq: wire.Groq) -> None:
        """Take what stands beside a chunk for the chunk's own."""
        chunk.error = chunk.error or groq.error
        if is_nothing(chunk.usage):
            chunk.usage = groq.usage


def _head(builder: ResponseBuilder, said: wire.ChatCompletion | wire.ChatCompletionChunk) -> None:
    if said.service_tier is not None:
        builder.tier = tier_said(said.service_tier)
    known = (builder.id, builder.model, builder.fingerprint)
    if (said.id, said.model, said.system_fingerprint) == known and said.citations is None:
        return  # a chunk that says again what the first one said
    builder.model = said.model or builder.model
    builder.id = said.id or builder.id
    builder.fingerprint = said.system_fingerprint or builder.fingerprint
    for url in said.citations or ():
        builder.cite(url)


def _weigh(builder: ResponseBuilder, found: Any) -> None:
    """Take the log-probabilities of a choice; those of a refusal are not the answer's."""
    content = found.get("content") if isinstance(found, dict) else None
    if content:
        builder.weigh(content)


def _hear(builder: ResponseBuilder, message: wire.ChatMessage, *, whole: bool) -> Piece | None:
    if message.tool_calls or message.function_call is not None:
        builder.tools = True
        hear_chat_calls(builder.calls, message.tool_calls, whole=whole)
        if isinstance(message.function_call, dict):  # its older form, of one call
            hear_call(builder.calls, "function_call", **_called(message.function_call))
    for note in message.annotations or ():
        if note.url_citation is not None:
            builder.cite(note.url_citation.url, note.url_citation.title)
    # DeepSeek and xAI say reasoning_content, Ollama's /v1 and several gateways reasoning.
    content, thought = message.content, message.reasoning_content or message.reasoning
    if isinstance(content, list):
        content, thinking = _joined(builder, content)
        thought = thinking or thought
    piece = builder.say(content, thought)
    return piece if message.refusal is None else builder.decline(message.refusal) or piece


def _called(said: dict[str, Any]) -> dict[str, Any]:
    return {name: said.get(name) for name in ("name", "arguments")}


def _joined(builder: ResponseBuilder, parts: list[Any]) -> tuple[str, str]:
    """Join the parts of a content: texts, and the thoughts before them."""
    said: list[str] = []
    thought: list[str] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("text", "output_text"):
            said.append(_text(part.get("text")))
        elif kind == "thinking":
            inner = part.get("thinking")
            thought += [_text(each.get("text")) for each in inner or () if isinstance(each, dict)]
        elif kind not in ("reference", "tool_reference"):
            builder.warn(unknown("content type", kind))
    return "".join(said), "".join(thought)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
