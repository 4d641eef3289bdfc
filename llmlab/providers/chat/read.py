"""The reading half of chat completions: replies, chunks and their usage."""

from collections.abc import Callable
from dataclasses import dataclass, field

from llmlab.errors import Unreadable
from llmlab.providers.believed import added
from llmlab.providers.chat import wire
from llmlab.providers.decoding import decode_line, is_nothing, lenient
from llmlab.providers.failures import failure_in
from llmlab.providers.response_builder import ResponseBuilder, dollars, odd_usage
from llmlab.providers.sse import Event
from llmlab.records import Answer, Piece, Usage

_DONE = b"[DONE]"


def heard_of(
    completion: wire.ChatCompletion, provider: str, *, reasoning_apart: bool
) -> ResponseBuilder:
    """Return what the first choice says; raise `Unreadable` if there is none."""
    if not completion.choices:
        raise Unreadable(f"{provider}: the reply holds no choices", provider=provider, status=200)
    builder = ResponseBuilder()
    _head(builder, completion)
    choice = completion.choices[0]
    builder.stop = choice.finish_reason
    _hear(builder, choice.message)
    _count(builder, completion.usage, reasoning_apart=reasoning_apart)
    return builder


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
        if chunk.error is not None:
            raise failure_in(chunk.error, self.provider)
        _head(self.builder, chunk)
        if not is_nothing(chunk.usage):
            # Some servers repeat a growing usage in every chunk: the last one holds.
            _count(self.builder, chunk.usage, reasoning_apart=self.reasoning_apart)
        for choice in chunk.choices or ():
            if choice.index == 0:
                self.builder.stop = choice.finish_reason or self.builder.stop
                return None if choice.delta is None else _hear(self.builder, choice.delta)
        return None


def _head(builder: ResponseBuilder, said: wire.ChatCompletion | wire.ChatCompletionChunk) -> None:
    known = (builder.id, builder.model, builder.fingerprint)
    if (said.id, said.model, said.system_fingerprint) == known and said.citations is None:
        return  # a chunk that says again what the first one said
    builder.model = said.model or builder.model
    builder.id = said.id or builder.id
    builder.fingerprint = said.system_fingerprint or builder.fingerprint
    for url in said.citations or ():
        builder.cite(url)


def _hear(builder: ResponseBuilder, message: wire.ChatMessage) -> Piece | None:
    if message.tool_calls or message.function_call is not None:
        builder.tools = True
    for note in message.annotations or ():
        if note.url_citation is not None:
            builder.cite(note.url_citation.url, note.url_citation.title)
    # DeepSeek and xAI say reasoning_content, Ollama's /v1 and several gateways reasoning.
    piece = builder.say(message.content, message.reasoning_content or message.reasoning)
    return piece if message.refusal is None else builder.decline(message.refusal) or piece


def _count(builder: ResponseBuilder, found: object, *, reasoning_apart: bool) -> None:
    said, odd = lenient(found, wire.CompletionUsage)
    if builder.warnings:
        builder.warnings = [text for text in builder.warnings if "usage" not in text]
    builder.warn(*odd)
    if said is None:
        return
    usage = _usage(said, reasoning_apart=reasoning_apart)
    builder.usage, builder.billed = usage, dollars(said.cost_in_usd_ticks)
    builder.warn(*odd_usage(usage, said.total_tokens), *_odd_cache(said))


def _usage(said: wire.CompletionUsage, *, reasoning_apart: bool) -> Usage:
    prompt = said.prompt_tokens_details or wire.PromptTokensDetails()
    reasoning = (said.completion_tokens_details or wire.CompletionTokensDetails()).reasoning_tokens
    output = said.completion_tokens
    if reasoning_apart and output is not None:
        output = added(output, reasoning)
    hits = said.prompt_cache_hit_tokens
    return Usage(
        input=said.prompt_tokens,
        cached=prompt.cached_tokens if hits is None else hits,
        cache_write=prompt.cache_write_tokens or 0,
        output=output,
        reasoning=reasoning,
    )


def _odd_cache(said: wire.CompletionUsage) -> list[str]:
    hits, misses, whole = (
        said.prompt_cache_hit_tokens,
        said.prompt_cache_miss_tokens,
        said.prompt_tokens,
    )
    if hits is None or misses is None or whole is None or hits + misses == whole:
        return []
    return [f"usage does not add up: {hits} hits + {misses} misses are not the input of {whole}"]
