"""
Tiers of service: what was asked for, what can come of it, and at what an answer came.

A tier changes the price of the same words: OpenAI sells flex at half and priority at about twice
the standard price, and sets by project which of them a request gets that names none. Regions of
OpenAI's are addresses, Anthropic's are set by workspace and told in the usage.
"""

import re
from functools import lru_cache
from typing import Final, TypeAlias

from llmlab.records import Tier

Bound: TypeAlias = tuple[str | None, str]
"""The tier and the region that an answer may be charged at; None is any tier that is sold."""

STANDARD: Final = frozenset({"default", "standard", "standard_only", "auto", "on_demand", "batch"})
"""Words for the standard price, or (batch) for one that is counted apart."""

_DEARER: Final = frozenset({"priority", "fast"})
_OPENAI: Final = re.compile(r"https://(?:([a-z]{2})\.)?api\.openai\.com(?:[:/]|$)")
_ANTHROPIC: Final = re.compile(r"https://api\.anthropic\.com(?:[:/]|$)")
_LONGEST: Final = 40


def tier_said(word: object) -> str | None:
    """Return the tier a reply names, "" for the standard one; None where it names none."""
    if not isinstance(word, str) or not word:
        return None
    return "" if word in STANDARD else word[:_LONGEST]


def served_at(said: str | None, asked: Tier | None) -> str:
    """Return the tier to price an answer at; a silent reply counts at the dearer of two."""
    if said is not None:
        return said
    return asked if asked in _DEARER else ""


@lru_cache(maxsize=256)
def region_of(provider: str, base_url: str) -> str:
    """Return the region that an address of OpenAI's stands for, such as eu; "" for none."""
    found = _OPENAI.match(base_url) if provider == "openai" else None
    return found[1] or "" if found else ""


@lru_cache(maxsize=256)
def bound_of(provider: str, asked: Tier | None, base_url: str) -> Bound:
    """
    Say at what tier and in which region an answer may come, at the dearest.

    Only the provider itself is taken at its word that it heeds the tier in a request: what
    stands behind another address may leave it out or answer at another one.
    """
    if provider == "anthropic":
        # A workspace may be set to a region, which no request can undo where it is the only one.
        return (_held(asked) if _ANTHROPIC.match(base_url) else None), "us"
    if provider == "openai" and _OPENAI.match(base_url):
        return _held(asked), region_of(provider, base_url)
    return None, ""


def _held(asked: Tier | None) -> str | None:
    """Return the tier that a request is certain of; None where the account's setting decides."""
    if asked == "auto":
        return None
    return "" if asked is None or asked in STANDARD else asked


def odd_tier(served: str, asked: Tier | None) -> str:
    """Say in words that an answer came at another tier than was asked for; "" where it did not."""
    wanted = _held(asked)
    same = served == wanted or (served in _DEARER and wanted in _DEARER)
    if same or wanted is None:
        return ""
    if not served:
        return f"{UNASKED} the standard tier, not at {wanted} as asked"
    return f"{UNASKED} {served}, which was not asked for"


UNASKED: Final = "answered at"
"""How the warnings begin that a run gathers into a note."""
