"""What a response used: its tokens, the searches that are charged, what went into the cache."""

from typing import Final

from llmlab.providers.believed import added
from llmlab.providers.decoding import lenient
from llmlab.providers.responses import wire
from llmlab.records import Usage

_SEARCHES: Final = frozenset({"web_search_call", "x_search_call"})


def usage_of(said: wire.ResponseUsage, response: wire.ResponseObject) -> Usage:
    """Return the tokens and searches of *response*, of which *said* is the usage."""
    prompt = said.input_tokens_details or wire.InputTokensDetails()
    return Usage(
        input=said.input_tokens,
        cached=prompt.cached_tokens,
        cache_write=prompt.cache_write_tokens or _by_time_to_live(prompt),
        output=said.output_tokens,
        reasoning=(said.output_tokens_details or wire.OutputTokensDetails()).reasoning_tokens,
        searches=_searches(said, response),
    )


def odd_writes(said: wire.ResponseUsage) -> list[str]:
    """Name cache writes whose own price nobody publishes, or that do not add up."""
    prompt = said.input_tokens_details or wire.InputTokensDetails()
    parts = prompt.cache_write_tokens_details
    if parts is None:
        return []
    written, split = prompt.cache_write_tokens, _by_time_to_live(prompt)
    odd: list[str] = []
    if written and written != split:
        odd.append(f"usage does not add up: {split} cached by time to live, {written} in all")
    if parts.ttl_12h_tokens:
        kept = f"{parts.ttl_12h_tokens} tokens of usage were cached for 12 hours"
        odd.append(f"{kept}: they are priced as any cache write, their own price is not known")
    return odd


def _by_time_to_live(prompt: wire.InputTokensDetails) -> int:
    parts = prompt.cache_write_tokens_details or wire.Writes()
    return added(parts.ttl_30m_tokens, parts.ttl_12h_tokens)


def _searches(usage: wire.ResponseUsage, response: wire.ResponseObject) -> int:
    """Return the searches that are charged: as counted by xAI, by OpenAI, or by the items."""
    tools = usage.server_side_tool_usage_details
    if tools is not None:
        return added(tools.web_search_calls, tools.x_search_calls, tools.code_interpreter_calls)
    counted, _ = lenient(response.tool_usage, wire.ToolUsage)
    if counted and counted.web_search and counted.web_search.num_requests is not None:
        return counted.web_search.num_requests
    items = [item for item in response.output or () if item.get("type") in _SEARCHES]
    return sum(1 for item in items if _is_search(item.get("action")))


def _is_search(action: object) -> bool:
    # Opening a page that was found is free.
    return not isinstance(action, dict) or action.get("type", "search") == "search"
