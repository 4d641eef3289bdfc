"""The score of a number: how far off, or whether near enough."""

import math
import re
from collections.abc import Sequence
from typing import Final

from llmlab.errors import UsageError
from llmlab.scores.scorer import Score, Scorer, as_float, known_targets
from llmlab.scores.scorer import numeric as checked

_NUMBER: Final = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*%?")


def number_of(text: str) -> float | None:
    """Return the first number that *text* says; a percent sign divides by 100."""
    said = _NUMBER.search(text)
    return None if said is None else value_of(said[0])


def numbers_of(text: str) -> list[tuple[float, bool]]:
    """Return each number that *text* says, and whether it was a percentage."""
    return [(value_of(each[0]), "%" in each[0]) for each in _NUMBER.finditer(text)]


def value_of(digits: str) -> float:
    """Return what the digits say, thousands' commas and percent understood."""
    digits = digits.replace(",", "").strip()
    if digits.endswith("%"):
        return float(digits.removesuffix("%").strip()) / 100.0
    return float(digits)


def number(tolerance: float | None = None, *, relative: bool = False) -> Score:
    """
    Score the first number in the answer against the target.

    Without *tolerance* the score is minus the absolute error (no number scores NaN); with it
    1 when the error is at most *tolerance*, or *tolerance* times the target where *relative*,
    else 0 (no number scores 0).
    """
    if tolerance is not None and not 0.0 <= tolerance < math.inf:
        raise UsageError(f"tolerance must not be negative, got {tolerance!r}")

    def near(text: str, target: object) -> float:
        said, right = number_of(text), as_float(target)
        allowed = (tolerance or 0.0) * (abs(right) if relative else 1.0)
        # One part in 10^12 for the rounding of decimals: 0.3 is within 0.1 of 0.2.
        slack = 1e-12 * max(abs(right), allowed)
        return float(said is not None and abs(said - right) <= allowed + slack)

    def error(text: str, target: object) -> float:
        said = number_of(text)
        return math.nan if said is None else -abs(said - as_float(target))

    def make(targets: Sequence[object]) -> Scorer:
        checked("number", known_targets(targets))
        return Scorer(
            name="number",
            score=error if tolerance is None else near,
            low=-math.inf if tolerance is None else 0.0,
            high=0.0 if tolerance is None else 1.0,
            said=lambda answer: number_of(answer.text),
        )

    return Score(name="number", make=make)
