"""Confidence intervals for a mean, a rate or a quantile of one arm."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, Ints, at_least, fraction, known, same_length
from llmlab.stats.means import mean_of
from llmlab.stats.spread import INDEPENDENT, Dependence, Spread, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A range that holds the true value in `level` of all repetitions; NaN when unknowable."""

    low: float
    high: float
    level: float
    method: str


def wilson(successes: float, n: int, level: float = 0.95) -> Interval:
    """
    Return Wilson's score interval for a rate.

    Raises:
        UsageError: when `successes` is not within 0..n, or n is below 1.

    Source: Wilson, E. B. (1927), JASA 22, 209-212; without continuity correction.
    """
    at_least("n", n, 1)
    if not 0.0 <= successes <= n:
        raise UsageError(f"successes must lie between 0 and n = {n}, got {successes!r}")
    fraction("level", level)
    low, high = wilson_limits(successes / n, float(n), float(stats.norm.isf((1.0 - level) / 2.0)))
    return Interval(low=low, high=high, level=level, method="wilson")


def wilson_limits(rate: float, size: float, z: float) -> tuple[float, float]:
    """Return Wilson's limits for *rate* out of *size* (it may be fractional) at quantile *z*."""
    square = z * z / size
    centre = (rate + square / 2.0) / (1.0 + square)
    half = z * np.sqrt(rate * (1.0 - rate) / size + square / size / 4.0) / (1.0 + square)
    return float(max(0.0, min(rate, centre - half))), float(min(1.0, max(rate, centre + half)))


def t_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    """Return Student's interval for the mean; limits are NaN below two values, or all alike."""
    return mean_interval(known(values), level)


def cluster_interval(
    values: Iterable[float], clusters: Sequence[object], level: float = 0.95
) -> Interval:
    """
    Return the interval for the mean when values of one cluster move together.

    The standard error is cluster-robust (CR2) with Bell and McCaffrey's degrees of freedom, which
    hold for clusters of very unequal sizes too; see `spread`. Limits are NaN below two clusters.
    """
    array = np.asarray(list(values), dtype=float)
    labels = list(clusters)
    same_length("values and clusters", array.size, len(labels))
    keep = ~np.isnan(array)
    codes = numbered([label for label, kept in zip(labels, keep, strict=True) if kept])
    return mean_interval(known(array), level, Dependence(codes))


def mean_interval(
    values: Floats,
    level: float = 0.95,
    depends: Dependence = INDEPENDENT,
    ends: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Return the interval for the mean of *values* (no NaN); *ends* are those of their range."""
    fraction("level", level)
    if not values.size:
        return Interval(low=np.nan, high=np.nan, level=level, method="none")
    law, method = mean_of(values, ends, depends)
    low, high = law.limits(level)
    return Interval(low=low, high=high, level=level, method=method)


def rate_interval(
    values: Floats, calls: int, codes: Ints | None, level: float, steps: int = 0
) -> Interval:
    """
    Return Wilson's interval for a mean of 0/1 scores, at the size the data are worth.

    `values` are the inputs' mean scores. Repeats make an input worth more than one draw,
    clusters, or dates whose targets look *steps* ahead, make it worth less: the effective size is
    p(1-p) over the measured variance of the mean. At 0 or 1 that variance says nothing, so the size
    is the count of units.

    Source: Franco, Little, Louis & Slud (2019), "Comparative study of confidence intervals
    for proportions in complex sample surveys", J. Survey Statistics and Methodology 7(3).
    """
    rate, n = float(np.clip(values.mean(), 0.0, 1.0)), values.size
    units = n if codes is None else np.unique(codes).size
    plain = codes is None and calls == n
    if plain:
        return wilson(float(values.sum()), n, level)
    if units < 2:  # noqa: PLR2004 - one unit shows no spread
        return Interval(low=np.nan, high=np.nan, level=level, method="wilson, effective n")
    depends = Dependence(codes, steps)
    found = spread(values, depends)
    freedom = found.freedom
    if np.isnan(found.error):
        return Interval(low=np.nan, high=np.nan, level=level, method="wilson, effective n")
    if rate in (0.0, 1.0) or found.error == 0.0:
        size, freedom = float(depends.units(n)), units - 1.0
    else:
        size = _effective_size(values, rate, calls, codes, found)
    t = float(-special.stdtrit(freedom, (1.0 - level) / 2.0))
    low, high = wilson_limits(rate, size, t)
    return Interval(low=low, high=high, level=level, method="wilson, effective n")


def quantile_interval(values: Iterable[float], q: float, level: float = 0.95) -> Interval:
    """
    Return the exact interval for a quantile, from order statistics alone.

    It holds the true quantile with at least *level* whatever the law. A side that no value can
    bound is NaN: the upper limit of p95 needs 72 values, that of p99 needs 368 (at 95 %).

    Source: Conover (1999), "Practical Nonparametric Statistics", 3rd ed., section 3.2.
    """
    array = np.sort(known(values))
    fraction("q", q)
    tail = (1.0 - fraction("level", level)) / 2.0
    n = array.size
    if n == 0:
        return Interval(low=np.nan, high=np.nan, level=level, method="order statistics")
    # x(r) lies above the quantile with probability P(Bin(n, q) < r), below it with P(Bin >= r).
    lower = int(stats.binom.ppf(tail, n, q))
    upper = int(stats.binom.ppf(1.0 - tail, n, q)) + 1
    return Interval(
        low=float(array[lower - 1]) if lower >= 1 else float("nan"),
        high=float(array[upper - 1]) if upper <= n else float("nan"),
        level=level,
        method="order statistics",
    )


def bootstrap_quantile(
    values: Iterable[float],
    q: float,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """
    Return the percentile-bootstrap interval for a quantile such as p95 of latency.

    No resample is made: the places of two neighbouring order statistics of n uniform draws
    follow Beta laws, so each draw costs two random numbers whatever n is. Far out it is too
    narrow in small samples (p95 wants some hundreds of values; see benchmarks/intervals.py).

    Source: Efron (1979); Hutson & Ernst (2000), JRSS B 62(1), 89-94, for the shortcut.
    """
    array = np.sort(known(values))
    fraction("q", q)
    fraction("level", level)
    at_least("draws", draws, 1)
    if array.size == 0:
        return Interval(low=np.nan, high=np.nan, level=level, method="bootstrap")
    sample = _bootstrapped_quantiles(array, q, np.random.default_rng(seed), draws)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(sample, [tail, 1.0 - tail])
    return Interval(low=float(low), high=float(high), level=level, method="bootstrap")


def _bootstrapped_quantiles(
    ordered: Floats, q: float, rng: np.random.Generator, draws: int
) -> Floats:
    """Draw the bootstrap distribution of the (linearly interpolated) quantile."""
    n = ordered.size
    place = q * (n - 1)
    rank = int(place) + 1
    lower = rng.beta(rank, n + 1 - rank, size=draws)
    left = ordered[np.minimum((lower * n).astype(int), n - 1)]
    if rank == n:
        return np.asarray(left, dtype=float)
    upper = lower + (1.0 - lower) * rng.beta(1, n - rank, size=draws)
    right = ordered[np.minimum((upper * n).astype(int), n - 1)]
    result: Floats = left + (right - left) * (place - int(place))
    return result


def _effective_size(
    values: Floats, rate: float, calls: int, codes: Ints | None, found: Spread
) -> float:
    n = values.size
    units = n if codes is None else np.unique(codes).size
    alone = rate * (1.0 - rate) / (n - 1)
    most = float(calls) if codes is None else min(calls, alone / spread(values).error ** 2 * n)
    return float(np.clip(n * alone / found.error**2, min(1.0, units), most))


def numbered(labels: Sequence[object] | Ints) -> Ints:
    """Number labels in the order in which they come; whole numbers keep their own order."""
    found = np.asarray(labels)
    if found.dtype.kind == "i":
        return np.unique(found, return_inverse=True)[1].reshape(-1).astype(np.intp)
    places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    return np.fromiter((places[label] for label in labels), dtype=np.intp, count=len(labels))
