"""How far a mean, a rate or a quantile of one arm may be from what was measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, Ints, at_least, fraction, known, same_length


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
    """Return Student's interval for the mean; limits are NaN below two values."""
    array = known(values)
    fraction("level", level)
    error = float(array.std(ddof=1) / np.sqrt(array.size)) if array.size > 1 else np.nan
    return _student(array, error, array.size - 1, level, "t")


def cluster_interval(
    values: Iterable[float], clusters: Sequence[object], level: float = 0.95
) -> Interval:
    """
    Return the interval for the mean when values of one cluster move together.

    The standard error is the cluster-robust one of an intercept-only regression (CR1: the
    sandwich times G/(G-1)), with Student's quantile on G-1 degrees of freedom. Limits are
    NaN below two clusters.

    Source: Liang & Zeger (1986); Cameron & Miller (2015), "A Practitioner's Guide to
    Cluster-Robust Inference", J. Human Resources 50(2), sections II.B and VI.D.
    """
    array = np.asarray(list(values), dtype=float)
    labels = list(clusters)
    same_length("values and clusters", array.size, len(labels))
    fraction("level", level)
    keep = ~np.isnan(array)
    codes = _codes([label for label, kept in zip(labels, keep, strict=True) if kept])
    array = known(array)
    groups = int(codes.max(initial=-1)) + 1
    return _student(array, cluster_error(array, codes), groups - 1, level, "cluster t")


def cluster_error(values: Floats, codes: Ints) -> float:
    """Return the CR1 standard error of the mean; NaN below two clusters."""
    groups = np.unique(codes).size
    if groups < 2:  # noqa: PLR2004 - one cluster shows no spread between clusters
        return float("nan")
    sums = np.bincount(codes, weights=values - values.mean())
    return float(np.sqrt((sums**2).sum() * groups / (groups - 1)) / values.size)


def rate_interval(values: Floats, calls: int, codes: Ints | None, level: float) -> Interval:
    """
    Return Wilson's interval for a mean of 0/1 scores, at the size the data are worth.

    `values` are the inputs' mean scores. Repeats make an input worth more than one draw,
    clusters make it worth less: the effective size is p(1-p) over the measured variance of
    the mean. At 0 or 1 that variance says nothing, so the size is the count of units.

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
    size = _effective_size(values, rate, calls, codes)
    low, high = wilson_limits(rate, size, float(stats.t.isf((1.0 - level) / 2.0, units - 1)))
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


def _effective_size(values: Floats, rate: float, calls: int, codes: Ints | None) -> float:
    n = values.size
    units = n if codes is None else np.unique(codes).size
    spread = float(values.std(ddof=1) / np.sqrt(n))
    error = spread if codes is None else cluster_error(values, codes)
    if error == 0.0 or rate in (0.0, 1.0):
        return float(units)
    size = n * (rate * (1.0 - rate) / (n - 1)) / error**2
    most = calls if codes is None else min(calls, n * (rate * (1 - rate) / (n - 1)) / spread**2)
    return float(np.clip(size, min(1.0, units), most))


def _student(values: Floats, error: float, freedom: int, level: float, method: str) -> Interval:
    if values.size == 0 or freedom < 1 or np.isnan(error):
        return Interval(low=np.nan, high=np.nan, level=level, method=method)
    centre = float(values.mean())
    half = float(stats.t.isf((1.0 - level) / 2.0, freedom)) * error
    return Interval(low=centre - half, high=centre + half, level=level, method=method)


def _codes(labels: Sequence[object]) -> Ints:
    places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    return np.fromiter((places[label] for label in labels), dtype=np.intp, count=len(labels))
