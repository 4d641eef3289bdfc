"""Parse replies of Ollama's API: a whole reply is a stream of one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from llmlab.errors import Unreadable
from llmlab.providers.believed import odd_usage
from llmlab.providers.decoding import decode_line, lenient
from llmlab.providers.failures import failure_in
from llmlab.providers.functions import hear_chat_calls
from llmlab.providers.response_builder import ResponseBuilder
from llmlab.providers.sse import Event
from llmlab.records import Answer, Finish, Piece, Usage

FINISHES: Final[Mapping[str, Finish]] = {"stop": "stop", "length": "length"}


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[Any] | None = None


class OllamaLine(msgspec.Struct):
    """One line; durations are nanoseconds, counts are left out when they are zero or unknown."""

    done: bool = False
    model: str | None = None
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    done_reason: str | None = None
    prompt_eval_count: Any = None
    prompt_eval_cached_count: Any = None
    eval_count: Any = None
    logprobs: Any = None
    error: Any = None


class _Usage(msgspec.Struct):
    """The counts of the last line; read apart: one that cannot be read must not cost the words."""

    prompt_eval_count: int | None = None
    prompt_eval_cached_count: int | None = None
    eval_count: int | None = None


@dataclass(slots=True, kw_only=True)
class OllamaReading:
    """Reads lines until the one that says `done`."""

    provider: str
    to_answer: Callable[[ResponseBuilder, str | None], Answer]
    builder: ResponseBuilder = field(default_factory=ResponseBuilder)
    ended: bool = False

    def take(self, event: Event) -> Piece | None:
        """Take one line; raise the error it carries."""
        return self.hear(decode_line(event.data, OllamaLine, self.provider))

    def hear(self, line: OllamaLine) -> Piece | None:
        """Take one decoded line."""
        if line.error is not None:
            raise failure_in({"error": line.error}, self.provider)
        self.builder.model = line.model or self.builder.model
        message = line.message or _Message(content=line.response, thinking=line.thinking)
        if message.tool_calls:
            self.builder.tools = True
            hear_chat_calls(self.builder.calls, message.tool_calls, whole=True)
        if line.logprobs:
            self.builder.weigh(line.logprobs)
        piece = self.builder.say(message.content, message.thinking)
        if line.done:
            self._end(line)
        return piece

    def whole(self) -> bool:
        """Return whether the line with `done` came."""
        return self.ended

    def answer(self, request_id: str | None) -> Answer:
        """Return the answer; raise `Unreadable` if a whole reply was not done."""
        if not self.ended:
            said = f"{self.provider}: the reply does not say that it is done"
            raise Unreadable(said, provider=self.provider, status=200)
        return self.to_answer(self.builder, request_id)

    def _end(self, line: OllamaLine) -> None:
        self.ended = True
        # Old releases end without a reason; `done` itself is then all they say.
        self.builder.stop = line.done_reason or "stop"
        said, odd = lenient(line, _Usage)
        self.builder.warn(*odd)
        if said is None:
            return
        self.builder.usage = Usage(
            input=said.prompt_eval_count,
            cached=said.prompt_eval_cached_count,
            output=said.eval_count,
        )
        self.builder.warn(*odd_usage(self.builder.usage, None))
