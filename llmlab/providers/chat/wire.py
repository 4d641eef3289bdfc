"""The part of chat completions that llmlab relies on; msgspec ignores the rest."""

from typing import Any, Final

import msgspec

NOTHING: Final = msgspec.Raw()


class CitedPage(msgspec.Struct):
    """A cited page."""

    url: str = ""
    title: str = ""


class ChatAnnotation(msgspec.Struct):
    """A citation."""

    type: str = ""
    url_citation: CitedPage | None = None


class ChatMessage(msgspec.Struct):
    """What is said, whole or as a delta."""

    content: str | list[Any] | None = None
    """Text, or parts of it as Mistral has them."""
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Any] | None = None
    function_call: Any = None
    annotations: list[ChatAnnotation] | None = None


class Choice(msgspec.Struct):
    """One alternative of a whole reply."""

    message: ChatMessage
    finish_reason: str | None = None
    index: Any = 0
    logprobs: Any = None


class Delta(msgspec.Struct):
    """A piece of one alternative."""

    delta: ChatMessage | None = None
    finish_reason: str | None = None
    index: int = 0
    logprobs: Any = None


class ChatCompletion(msgspec.Struct):
    """A whole reply."""

    choices: list[Choice] = msgspec.field(default_factory=list)
    usage: msgspec.Raw = NOTHING
    """Left as it is: a count that cannot be read must not cost the words."""
    model: str | None = None
    id: str | None = None
    system_fingerprint: str | None = None
    service_tier: Any = None
    citations: list[str] | None = None
    error: Any = None


class Groq(msgspec.Struct):
    """What Groq puts beside a stream's chunks."""

    usage: msgspec.Raw = NOTHING
    error: Any = None


class ChatCompletionChunk(msgspec.Struct):
    """One event of a stream."""

    choices: list[Delta] | None = None
    usage: msgspec.Raw = NOTHING
    """Left as it is: a count that cannot be read must not cost the words."""
    x_groq: Groq | None = None
    model: str | None = None
    id: str | None = None
    system_fingerprint: str | None = None
    service_tier: Any = None
    citations: list[str] | None = None
    error: Any = None


class PromptTokensDetails(msgspec.Struct):
    """The cached parts of the prompt."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionTokensDetails(msgspec.Struct):
    """The reasoning part of the output."""

    reasoning_tokens: int | None = None


class CompletionUsage(msgspec.Struct):
    """Tokens as counted by the provider; the last ones are DeepSeek's, xAI's and OpenRouter's."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_cache_miss_tokens: int | None = None
    cost_in_usd_ticks: int | None = None
    cost: Any = None
    cost_details: Any = None
    is_byok: Any = None
