"""
Prompt caching of a run: what is shared, what goes first, what it is expected to save, and saved.

In: prepared calls, and rows that landed. Out: the tokens that a provider can keep, the usage to
expect, and notes in words. Nothing here is worked out for a run without `cache=True`.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from llmlab.calls.prepared import Prepared
from llmlab.providers.caching import cache_minimum, shared_words
from llmlab.records import Answer, Row, Usage

if TYPE_CHECKING:
    from llmlab.pricing import Prices

_BYTES_PER_TOKEN: Final = 4
_ENCODER: Final = msgspec.json.Encoder(enc_hook=dict)
_ASKED: Final = frozenset({"anthropic", "openai"})
"""Providers that are asked to keep a beginning; the others do it by themselves, or not at all."""


def kept_tokens(prepared: Prepared) -> int:
    """Return about how many tokens the provider is to keep; 0 where it is not asked, or too few."""
    tokens = _shared_tokens(prepared)
    return tokens if tokens >= cache_minimum(prepared.request.model) else 0


def _shared_tokens(prepared: Prepared) -> int:
    request = prepared.request
    if not request.parameters.cache or request.provider not in _ASKED:
        return 0
    words = shared_words(request.prompt)
    # Tools come before all words, so what is kept of these has them too.
    tools = _ENCODER.encode(request.parameters.tools) if words and request.parameters.tools else b""
    return (len(words.encode()) + len(tools)) // _BYTES_PER_TOKEN


class CacheFill:
    """Tells the first call of those that share a beginning, which fills the cache."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def is_first(self, prepared: Prepared) -> bool:
        """Say whether *prepared* is the first of its kind; False where nothing will be kept."""
        return bool(kept_tokens(prepared)) and self.leads(prepared)

    def leads(self, prepared: Prepared) -> bool:
        """Say the same of a call of which something will be kept."""
        name = prepared.request.model, shared_words(prepared.request.prompt)
        first = name not in self._seen
        self._seen.add(name)
        return first


def expected_usage(prepared: Prepared, fill: CacheFill, plain: Usage) -> Usage:
    """Return *plain* with a cache: the first call of its kind writes what the others read."""
    kept = min(plain.input or 0, kept_tokens(prepared))
    if not kept:
        return plain
    if fill.leads(prepared):
        return replace(plain, cache_write=kept)
    return replace(plain, cached=kept)


def short_notes(plan: Iterable[Prepared]) -> tuple[str, ...]:
    """Say for which models the shared beginning is too short to be kept."""
    found: dict[str, tuple[int, dict[str, int]]] = {}
    for prepared in plan:
        request = prepared.request
        if not request.parameters.cache or request.provider not in _ASKED or kept_tokens(prepared):
            continue
        prompts = found.setdefault(request.label, (cache_minimum(request.model), {}))[1]
        prompts[request.prompt.name] = _shared_tokens(prepared)
    return tuple(_short_note(label, *each) for label, each in found.items())


def _short_note(label: str, minimum: int, prompts: dict[str, int]) -> str:
    shared = ", ".join(f"{name} {tokens:,}" for name, tokens in prompts.items())
    return (
        f"Caching: {label} keeps a beginning of {minimum:,} tokens or more, and what all inputs "
        f"share is shorter (about {shared} tokens): nothing is saved."
    )


def saved_note(rows: Sequence[Row], prices: "Prices") -> tuple[str, ...]:
    """Say what the cache saved in this run, against the same tokens without it; also if less."""
    saved, read, written, known = Decimal(0), 0, 0, 0
    for row in rows:
        answer = row.outcome
        if not row.request.parameters.cache or not isinstance(answer, Answer) or answer.from_book:
            continue
        difference = _saved_by(answer, row, prices)
        if difference is not None:
            known += 1
            saved += difference
            read += answer.usage.cached or 0
            written += answer.usage.cache_write
    if not known:
        return ()
    tokens = f"{read:,} tokens read from it, {written:,} written"
    if saved < 0:
        return (f"Prompt cache: it cost ${-saved:.6f} more than it saved ({tokens}).",)
    return (f"Prompt cache: it saved ${saved:.6f} ({tokens}).",)


def _saved_by(answer: Answer, row: Row, prices: "Prices") -> Decimal | None:
    usage = answer.usage
    plain = replace(usage, cached=0, cache_write=0, cache_write_1h=0)
    provider = row.request.provider
    without = prices.cost(plain, provider, row.request.model, answer.started_at)
    paid = prices.cost(usage, provider, row.request.model, answer.started_at)
    return None if without is None or paid is None else without.usd - paid.usd
