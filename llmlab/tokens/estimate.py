"""
The estimate of a count where no vocabulary is published, such as Claude's.

In: the text's tokens of o200k. Out: the family's measured ratio times these (`families.toml`),
corrected by what answers reported, with bounds.
"""

import math
from typing import Final, NamedTuple

from llmlab.tokens.families import Family
from llmlab.tokens.kinds import Kind
from llmlab.tokens.learn import CountCorrection

BASE: Final = "o200k_base"
"""The vocabulary by which others are estimated."""

_PER: Final = 1_000.0
"""Tokens of the text for which a learned factor is predicted."""


class TokenEstimate(NamedTuple):
    """Tokens, and the bounds between which 19 of 20 texts lie."""

    tokens: int
    low: int
    high: int
    by: str
    """How it was made, such as `o200k_base x 1.127 (claude-3)`."""


def estimate(
    base: int, kind: Kind, family: Family, taught: CountCorrection | None
) -> TokenEstimate:
    """Return the estimate for a text of *kind* with *base* tokens of o200k."""
    middle, low, high = ratio(kind, family, taught)
    learned = f", learned from {taught.answers}" if taught else ""
    return TokenEstimate(
        tokens=round(base * middle),
        low=math.floor(base * low),
        high=math.ceil(base * high),
        by=f"{BASE} x {middle:.3f} ({family.name}{learned})",
    )


def ratio(kind: Kind, family: Family, taught: CountCorrection | None) -> tuple[float, float, float]:
    """Return tokens per o200k token: the family's, or its middle times what was learned."""
    first = family.ratios[kind]
    if taught is None:
        return first
    middle, low, high = (each / _PER for each in taught.predict({kind: _PER}, framed=False))
    return first[0] * middle, first[0] * low, first[0] * high
