"""
The mean of a bounded score when there are few of them, or most are alike.

Student's interval knows no more than the spread that was seen. Ten scores that are all zero, or
thirty of which 25 are, have shown next to none of it, and the interval is far too narrow. What
bounds a score bounds what was not seen: the values are weighted at random, together with one more
at the far end of the range.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import integrate, optimize

from llmlab.stats.checks import Floats

DRAWS: Final = 9_999
TAIL: Final = 50
"""Draws that must lie beyond a value; below that the tail is integrated."""
MOST: Final = 256
"""Values above which Student's law is near enough for all but the most skewed."""
COCHRAN: Final = 25.0
"""Student's law is trusted for more values than this times their squared skewness."""
_SEED: Final = 0


def trusted(values: Floats) -> bool:
    """
    Return whether Student's interval holds for the mean of so many values of this skewness.

    Source: Cochran (1977), "Sampling Techniques", 3rd ed., section 2.15: n above 25 G1^2.
    """
    gaps = values - values.mean()
    second = float((gaps**2).mean())
    if not second:
        return False
    skewness = float((gaps**3).mean()) / second**1.5
    return bool(values.size > COCHRAN * skewness**2)


@dataclass(frozen=True, slots=True)
class BoundedMean:
    """
    Inference for the mean of *values* between *low* and *high*.

    Source: Gaffke (2005), "Three test statistics for a nonparametric one-sided hypothesis on the
    mean of a nonnegative variable", Mathematical Methods of Statistics 14(4); Learned-Miller &
    Thomas (2020), arXiv:1905.06208. That it holds for every bounded law is proved for 0/1 scores
    (where it is Clopper & Pearson's) and conjectured elsewhere; no exception is known.
    """

    values: Floats
    low: float
    high: float

    def above(self, null: float) -> float:
        """Return the p-value of "the mean is *null* or less"."""
        return _p_lowest(self.values - null, self.low - null)

    def below(self, null: float) -> float:
        """Return the p-value of "the mean is *null* or more"."""
        return _p_lowest(null - self.values, null - self.high)

    def limits(self, level: float) -> tuple[float, float]:
        """Return the values that neither side rejects at half of 1 - *level*."""
        tail = (1.0 - level) / 2.0
        return (
            _lowest(self.values, self.low, tail),
            -_lowest(-self.values, -self.high, tail),
        )


def _lowest(values: Floats, end: float, tail: float) -> float:
    """Return the *tail* quantile of the weighted mean of *values* and one more at *end*."""
    if np.ptp(values) == 0.0:
        # The weight of one of n + 1 is above w with probability (1 - w)^n.
        return float(values[0] + (end - values[0]) * (1.0 - tail ** (1.0 / values.size)))
    place = int(np.floor(tail * (DRAWS + 1.0) + 1e-9))
    if place < 1:
        return end
    return float(np.partition(_means(values, end), place - 1)[place - 1])


def _p_lowest(values: Floats, end: float) -> float:
    """Return how often the weighted mean of *values* and *end* is zero or less."""
    if end >= 0.0 or values.max() <= 0.0:
        return 1.0 if values.max() <= 0.0 else 0.0
    if np.ptp(values) == 0.0:
        return float((end / (end - values[0])) ** values.size)
    reached = int((_means(values, end) <= 0.0).sum())
    if reached >= TAIL:
        return (reached + 1.0) / (DRAWS + 1.0)
    return min(_below_zero(np.append(values, end)), (reached + 1.0) / (DRAWS + 1.0))


def _means(values: Floats, end: float) -> Floats:
    """Return the weighted means, draw by draw; the order of *values* does not matter."""
    weights = _weights(values.size)
    return np.asarray(weights[:, :-1] @ np.sort(values) + weights[:, -1] * end)


@lru_cache(maxsize=1)
def _weights(size: int) -> Floats:
    drawn = np.random.default_rng(_SEED).standard_exponential((DRAWS, size + 1))
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


def _below_zero(values: Floats) -> float:
    """
    Return how often the sum of *values*, each times an exponential variable, is below zero.

    The inverse Laplace transform of 1 / (s prod (1 + s v)) along the line through its saddle.
    """
    scaled = values / np.abs(values).max()
    edge = 1.0 / float(-scaled.min())

    def exponent(s: "complex | float") -> "complex | float":
        return complex(-np.log(1.0 + s * scaled + 0j).sum() - np.log(s + 0j))

    found = optimize.minimize_scalar(
        lambda s: exponent(s).real, bounds=(1e-12 * edge, edge * (1.0 - 1e-12)), method="bounded"
    )
    saddle = float(found.x)
    top = exponent(saddle).real
    # The integrand falls like a Gaussian of this width before it falls like a power.
    width = float(1.0 / np.sqrt(1.0 / saddle**2 + ((scaled / (1.0 + saddle * scaled)) ** 2).sum()))
    whole, _ = integrate.quad(
        lambda u: float(np.exp(exponent(complex(saddle, u * width)) - top).real),
        0.0,
        np.inf,
        limit=200,
    )
    return float(np.clip(np.exp(top) * whole * width / np.pi, 0.0, 1.0))
