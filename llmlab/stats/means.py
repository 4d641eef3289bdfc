"""
Test and interval of a mean: one law for each kind of data, from which both come.

An interval is what its test does not reject, so neither contradicts the other. Where two tests
must both reject (`agreed`), the larger p counts and the interval holds what either keeps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from scipy import special

from llmlab.stats.bounded import MOST, BoundedMean, trusted
from llmlab.stats.checks import Floats
from llmlab.stats.spread import INDEPENDENT, Dependence, Spread, spread

SERIAL: Final = "long-run t"
"""The name of the test, and of the interval, of inputs in an order of time."""


SKEWED: Final = ", skewed"
"""What a method's name ends with where so few and so skewed values are too much for it."""

LOOKED_AT: Final = 4_000
"""Values above which no skewness is asked for."""

ROUNDING: Final = 1e-12
"""What is smaller, of the largest value, is rounding and not data."""


class Mean(Protocol):
    """Inference for a mean: p-values and limits."""

    def above(self, null: float) -> float:
        """Return the one-sided p-value of "the mean is *null* or less"."""
        ...

    def below(self, null: float) -> float:
        """Return the one-sided p-value of "the mean is *null* or more"."""
        ...

    def limits(self, level: float) -> tuple[float, float]:
        """Return the values that neither side rejects at half of 1 - *level*."""
        ...


@dataclass(frozen=True, slots=True)
class StudentMean:
    """A mean with its standard error and Student's law; NaN where the error is not known."""

    mean: float
    spread: Spread

    def above(self, null: float) -> float:
        """Return the one-sided p-value of "the mean is *null* or less"."""
        if not self.spread.error > 0.0:
            return float("nan")
        return float(special.stdtr(self.spread.freedom, (null - self.mean) / self.spread.error))

    def below(self, null: float) -> float:
        """Return the one-sided p-value of "the mean is *null* or more"."""
        return StudentMean(-self.mean, self.spread).above(-null)

    def limits(self, level: float) -> tuple[float, float]:
        """Return Student's limits; NaN where nothing varies, for then nothing is known."""
        if not self.spread.error > 0.0:
            return float("nan"), float("nan")
        half = self.spread.reach(level)
        return self.mean - half, self.mean + half


def mean_of(
    values: Floats,
    ends: tuple[float, float],
    depends: Dependence = INDEPENDENT,
    measured: Spread | None = None,
) -> tuple[Mean, str]:
    """
    Return what *values* (at least one) say of their mean, and the name of the method.

    *measured* spares their spread, where it is known already.

    *ends* are the least and the largest value there can be, infinite where that is not known.
    Bounded values that are alike, or few and skewed, have Gaffke's law; all others Student's,
    which says in its name where their skewness is too much for it.
    """
    least, largest = float(values.min()), float(values.max())
    scale = max(-least, largest)
    known = bool(np.isfinite(ends).all())
    if known and largest - least <= ROUNDING * max(1.0, scale):
        alike = np.full(depends.units(values.size), values[0])
        return BoundedMean(alike, *ends), f"{depends.kind}bounded"
    if known and depends.codes is None and values.size <= MOST and not trusted(values):
        return BoundedMean(values, *ends), "bounded"
    name = SERIAL if depends.steps else f"{depends.kind}t"
    if depends.codes is None and largest > least and not (known or _symmetric(values)):
        name += SKEWED
    found = spread(values, depends) if measured is None else measured
    if found.error <= ROUNDING * scale:
        found = Spread(0.0, found.freedom)
    return StudentMean(float(values.mean()), found), name


def _symmetric(values: Floats) -> bool:
    """Return whether Student's law may be trusted; of very many values it is taken to be."""
    return values.size > LOOKED_AT or trusted(values)


class TestedMean(NamedTuple):
    """A two-sided p-value and the interval that belongs to it."""

    p: float
    low: float
    high: float
    test: str


def tested(found: Mean, level: float, name: str) -> TestedMean:
    """Return the test of "the mean is zero"."""
    p = 2.0 * min(found.above(0.0), found.below(0.0))
    return TestedMean(min(1.0, p) if p == p else p, *found.limits(level), name)  # noqa: PLR0124 - NaN


def only_zero(p: float, level: float, name: str) -> TestedMean:
    """Return a test that speaks of zero alone: its interval is zero where it keeps that."""
    kept = 0.0 if p > 1.0 - level else float("nan")
    return TestedMean(p, kept, kept, name)


def agreed(parts: Sequence[TestedMean], fallback: TestedMean | None = None) -> TestedMean:
    """
    Return the test that rejects only where all *parts* do.

    Its p-value is the largest and its interval holds what any of them keeps, so p is at most
    1 - level exactly where zero lies outside. The name is that of the part that decided.
    """
    known = [part for part in parts if not np.isnan(part.p)]
    if not known:
        return fallback or parts[0]
    deciding = max(known, key=lambda part: part.p)
    sides = [part for part in known if not np.isnan(part.low)]
    # Zero alone is no interval: what it is added to must be known.
    if not any(part.high > part.low for part in sides):
        return TestedMean(deciding.p, float("nan"), float("nan"), deciding.test)
    low, high = min(part.low for part in sides), max(part.high for part in sides)
    return TestedMean(deciding.p, low, high, deciding.test)
