"""
Check that the numbers of a reply are possible: impossible counts are not used.

In: tokens, searches and dollars as a provider reported them. Out: what cannot be, in words. A reply
that reports one such number is believed in none: its words are kept, what it used and cost is
unknown, as where it reports nothing at all.
"""

from decimal import Decimal
from typing import Final

from llmlab.records import Usage

MOST: Final = 100_000_000
"""Tokens of one call: ten times the largest window that any model has."""

MOST_USD: Final = Decimal(1_000_000)
"""Dollars of one call that the book can hold."""

NOTHING: Final = Usage()
_COUNTS: Final = (
    "input", "cached", "cache_write", "cache_write_1h", "output", "reasoning", "searches",
)  # fmt: skip
_SHOWN: Final = 24


def all_can_be(usage: Usage, billed: Decimal | None = None) -> bool:
    """Say whether every count is from 0 to `MOST`, and the cost from 0 to `MOST_USD`."""
    counts = (
        usage.input or 0, usage.output or 0, usage.cached or 0, usage.reasoning or 0,
        usage.cache_write, usage.cache_write_1h, usage.searches,
    )  # fmt: skip
    return min(counts) >= 0 and max(counts) <= MOST and (billed is None or 0 <= billed <= MOST_USD)


def what_cannot_be(usage: Usage, billed: Decimal | None, request_id: str | None) -> str:
    """Name the numbers that cannot be, each with its value, and the reply they are in."""
    counts = [(f"usage.{name}", getattr(usage, name)) for name in _COUNTS]
    said = [f"{name} is {_short(n)}" for name, n in counts if not 0 <= (n or 0) <= MOST]
    if billed is not None and not 0 <= billed <= MOST_USD:
        said.append(f"billed is ${_short(billed)}")
    where = f"request {request_id}" if request_id else "a reply without a request id"
    return f"{' and '.join(said)}, which cannot be ({where}): what it used and cost is unknown"


def odd_usage(usage: Usage, total: int | None) -> list[str]:
    """Return what does not add up in *usage*, in words; nothing is put right."""
    whole, output = usage.input, usage.output
    odd: list[str] = []
    if total is not None and whole is not None and output is not None and total != whole + output:
        odd.append(f"usage does not add up: {whole} in + {output} out is not the total {total}")
    if whole is not None and (usage.cached or 0) + usage.cache_write > whole:
        odd.append(f"usage does not add up: more cached than the whole input of {whole}")
    if usage.reasoning is not None and output is not None and usage.reasoning > output:
        odd.append(f"usage does not add up: {usage.reasoning} reasoning in {output} out")
    if usage.cache_write_1h > usage.cache_write:
        odd.append("usage does not add up: more cached for an hour than cached at all")
    return odd


def believed(usage: Usage) -> Usage:
    """Return *usage*, or nothing at all where one of its counts cannot be."""
    return usage if all_can_be(usage) else NOTHING


def added(*counts: int | None) -> int:
    """Add counts; one that cannot be is returned instead, so that no sum hides it."""
    known = [count or 0 for count in counts]
    odd = [count for count in known if not 0 <= count <= MOST]
    return odd[0] if odd else sum(known)


def _short(number: int | Decimal) -> str:
    text = str(number)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} digits)"
