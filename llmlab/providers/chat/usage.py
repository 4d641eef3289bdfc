"""The usage of chat completions, in the ways that providers and gateways count."""

from llmlab.providers.believed import added, odd_usage
from llmlab.providers.chat import wire
from llmlab.providers.decoding import lenient
from llmlab.providers.response_builder import ResponseBuilder
from llmlab.providers.stated_cost import stated_cost
from llmlab.records import Usage


def count(builder: ResponseBuilder, found: object, *, reasoning_apart: bool) -> None:
    """Read the usage of a reply or chunk; it replaces that of the chunk before."""
    said, odd = lenient(found, wire.CompletionUsage)
    if builder.warnings:
        builder.warnings = [text for text in builder.warnings if "usage" not in text]
    builder.warn(*odd)
    if said is None:
        return
    _with_thoughts(said, builder.model)
    usage = _usage(said, reasoning_apart=reasoning_apart or _is_apart(said))
    builder.usage, builder.billed = usage, stated_cost(said, builder)
    builder.warn(*odd_usage(usage, said.total_tokens), *_odd_cache(said))


def _is_apart(said: wire.CompletionUsage) -> bool:
    """Say whether the total shows that the output leaves reasoning out, as Gemini's does."""
    thought = (said.completion_tokens_details or wire.CompletionTokensDetails()).reasoning_tokens
    asked, answered, total = said.prompt_tokens, said.completion_tokens, said.total_tokens
    if not thought or asked is None or answered is None or total is None:
        return False
    return total == asked + answered + thought


def _with_thoughts(said: wire.CompletionUsage, model: str) -> None:
    """Take what Gemini's total has beyond its counts for thinking, where it does not say so."""
    if "gemini" not in model or said.completion_tokens_details is not None:
        return
    asked, answered, total = said.prompt_tokens, said.completion_tokens, said.total_tokens
    if asked is not None and answered is not None and total is not None:
        thought = total - asked - answered
        said.completion_tokens_details = wire.CompletionTokensDetails(
            reasoning_tokens=thought or None
        )


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
