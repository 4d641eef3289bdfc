"""The reading half of chat completions: replies, chunks and their usage."""

from collections.abc import Callable
from dataclasses import dataclass, field

from llmlab.errors import Unreadable
from llmlab.providers import chat_wire as wire
from llmlab.providers.believed import added
from llmlab.providers.decoding import decode_line, is_nothing, lenient
from llmlab.providers.failures import failure_in
from llmlab.providers.heard import Heard, dollars, odd_usage
from llmlab.providers.sse import Event
from llmlab.records import Answer, Piece, Usage

_DONE = b"[DONE]"


def heard_of(completion: wire.Completion, provider: str, *, reasoning_apart: bool) -> Heard:
    """Return what the first choice says; raise `Unreadable` if there is none."""
    if not completion.choices:
        raise Unreadable(f"{provider}: the reply holds no choices", provider=provider, status=200)
    heard = Heard()
    _head(heard, completion)
    choice = completion.choices[0]
    heard.stop = choice.finish_reason
    _hear(heard, choice.message)
    _count(heard, completion.usage, reasoning_apart=reasoning_apart)
    return heard


@dataclass(slots=True, kw_only=True)
class ChatReading:
    """Reads chunks until `[DONE]`."""

    provider: str
    reasoning_apart: bool
    to_answer: Callable[[Heard, str | None], Answer]
    heard: Heard = field(default_factory=Heard)
    ended: bool = False

    def whole(self) -> bool:
        """Return whether all of the answer came: `[DONE]`, or reason and usage without it."""
        if self.ended:
            return bool(self.heard.model or self.heard.stop)
        return self.heard.stop is not None and self.heard.usage.output is not None

    def answer(self, request_id: str | None) -> Answer:
        """Return the answer of a whole stream."""
        if not self.ended:
            self.heard.warn("the stream ended without [DONE]; text and usage are whole")
        return self.to_answer(self.heard, request_id)

    def take(self, event: Event) -> Piece | None:
        """Take one chunk; raise the error it carries."""
        if event.data.startswith(b"[") and event.data.strip() == _DONE:
            self.ended = True
            return None
        chunk = decode_line(event.data, wire.Chunk, self.provider)
        if chunk.error is not None:
            raise failure_in(chunk.error, self.provider)
        _head(self.heard, chunk)
        if not is_nothing(chunk.usage):
            # Some servers repeat a growing usage in every chunk: the last one holds.
            _count(self.heard, chunk.usage, reasoning_apart=self.reasoning_apart)
        for choice in chunk.choices or ():
            if choice.index == 0:
                self.heard.stop = choice.finish_reason or self.heard.stop
                return None if choice.delta is None else _hear(self.heard, choice.delta)
        return None


def _head(heard: Heard, said: wire.Completion | wire.Chunk) -> None:
    known = (heard.id, heard.model, heard.fingerprint)
    if (said.id, said.model, said.system_fingerprint) == known and said.citations is None:
        return  # a chunk that says again what the first one said
    heard.model = said.model or heard.model
    heard.id = said.id or heard.id
    heard.fingerprint = said.system_fingerprint or heard.fingerprint
    for url in said.citations or ():
        heard.cite(url)


def _hear(heard: Heard, message: wire.Message) -> Piece | None:
    if message.tool_calls or message.function_call is not None:
        heard.tools = True
    for note in message.annotations or ():
        if note.url_citation is not None:
            heard.cite(note.url_citation.url, note.url_citation.title)
    # DeepSeek and xAI say reasoning_content, Ollama's /v1 and several gateways reasoning.
    piece = heard.say(message.content, message.reasoning_content or message.reasoning)
    return piece if message.refusal is None else heard.decline(message.refusal) or piece


def _count(heard: Heard, found: object, *, reasoning_apart: bool) -> None:
    said, odd = lenient(found, wire.Usage)
    if heard.warnings:
        heard.warnings = [text for text in heard.warnings if "usage" not in text]
    heard.warn(*odd)
    if said is None:
        return
    usage = _usage(said, reasoning_apart=reasoning_apart)
    heard.usage, heard.billed = usage, dollars(said.cost_in_usd_ticks)
    heard.warn(*odd_usage(usage, said.total_tokens), *_odd_cache(said))


def _usage(said: wire.Usage, *, reasoning_apart: bool) -> Usage:
    prompt = said.prompt_tokens_details or wire.Prompt()
    reasoning = (said.completion_tokens_details or wire.Output()).reasoning_tokens
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


def _odd_cache(said: wire.Usage) -> list[str]:
    hits, misses, whole = (
        said.prompt_cache_hit_tokens,
        said.prompt_cache_miss_tokens,
        said.prompt_tokens,
    )
    if hits is None or misses is None or whole is None or hits + misses == whole:
        return []
    return [f"usage does not add up: {hits} hits + {misses} misses are not the input of {whole}"]
