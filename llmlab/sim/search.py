"""
Pretend to search: which server-side tools were offered, how often each ran, what they cite.

Pages are under example.org (RFC 2606) or the domains the client allowed; the number of
searches is drawn from the words of the prompt, so the same request always costs the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from llmlab.sim.authors.author import Asked, Written, count_tokens, draw

Tool: TypeAlias = Literal["web_search", "x_search"]

RESULT_TOKENS = 400
"""Input tokens that the pages of one search add to the prompt."""
_MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSearch:
    """One server-side search and the page it found."""

    tool: Tool
    query: str
    url: str


def searches(tools: object, asked: Asked, limit: int = _MOST) -> tuple[SimulatedSearch, ...]:
    """Run every search tool that was offered, one to `limit` times each."""
    return tuple(
        search for tool in _offered(tools) for search in _run(tool, asked, min(limit, _MOST))
    )


def _offered(tools: object) -> Iterable[Mapping[str, Any]]:
    if not isinstance(tools, Iterable):
        return []
    return (
        tool
        for tool in tools
        if isinstance(tool, Mapping) and str(tool.get("type", "")).startswith(("web_se", "x_se"))
    )


def _run(tool: Mapping[str, Any], asked: Asked, limit: int) -> Iterable[SimulatedSearch]:
    kind: Tool = "x_search" if tool["type"].startswith("x_") else "web_search"
    times = 1 + int(draw("search", asked.user, kind) * limit)
    query = " ".join(asked.user.split()[:6])
    for number in range(times):
        yield SimulatedSearch(
            tool=kind, query=query, url=f"https://{_domain(tool, kind)}/page-{number + 1}"
        )


def _domain(tool: Mapping[str, Any], kind: Tool) -> str:
    filters = tool.get("filters") or {}
    allowed = filters.get("allowed_domains") or tool.get("allowed_domains")
    if allowed:
        return str(allowed[0])
    return "x.example.org" if kind == "x_search" else "www.example.org"


def with_searches(written: Written, found: tuple[SimulatedSearch, ...], *, cite: bool) -> Written:
    """Add what searching adds: tokens of the results, and a citation at the end of the text."""
    if not found:
        return written
    mark = citation(found[0]) if cite else ""
    return replace(
        written,
        text=written.text + mark,
        input_tokens=written.input_tokens + RESULT_TOKENS * len(found),
        output_tokens=written.output_tokens + count_tokens(mark),
    )


def citation(search: SimulatedSearch) -> str:
    """Return the mark that cites a page."""
    return f"[[1]]({search.url})"
