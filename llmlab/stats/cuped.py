"""
CUPED: use what is known about inputs before they are scored to narrow the interval.

Score a few hundred inputs, but know the length, the date or a cheap model's score of ten thousand:
the sample's luck with those is taken out of the difference. Without a pool that is larger
than the sample nothing is gained, and the interval says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, Ints, fraction, same_length
from llmlab.stats.intervals import mean_interval
from llmlab.stats.spread import Dependence, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuped:
    """A mean difference with covariates taken out, beside the plain one."""

    inputs: int
    pool: int
    difference: float
    low: float
    high: float
    plain_difference: float
    plain_low: float
    plain_high: float
    slopes: tuple[float, ...]
    """Difference a unit of each covariate."""
    variance_ratio: float
    """Variance of the adjusted mean over that of the plain mean; below 1 is a gain."""


def cuped(
    differences: Sequence[float] | Floats,
    covariates: Sequence[float] | Sequence[Sequence[float]] | Floats,
    pool: Sequence[float] | Sequence[Sequence[float]] | Floats,
    *,
    codes: Ints | None = None,
    steps: int = 0,
    level: float = 0.95,
) -> Cuped:
    """
    Return the mean of paired *differences* adjusted to the covariates of the whole *pool*.

    With *codes*, the cluster of each difference (or its date, whose targets look *steps* ahead),
    both intervals are robust (on what the covariates leave), and the pool's own share keeps the
    clusters' design effect.

    *covariates* has one line a scored input (a number, or several), *pool* one line for every
    input, scored ones included. Covariates must be known before scoring and must not depend
    on the arms compared. NaN differences are left out.

    Raises:
        UsageError: when shapes do not fit, a covariate is constant or missing, or there are
            too few inputs.

    Source: Deng, Xu, Kohavi & Walker (2013), WSDM '13 (CUPED); Cochran (1977), "Sampling
    Techniques", 12.6 (regression estimator in double sampling), for a finite pool.
    """
    fraction("level", level)
    gaps, known, whole = _checked(differences, covariates, pool)
    if codes is not None:
        codes = codes[~np.isnan(np.asarray(differences, dtype=float))]
    n, count = known.shape
    slopes, rest = _regressed(gaps, known)
    mean = float(gaps.mean() - (known.mean(axis=0) - whole.mean(axis=0)) @ slopes)
    depends = Dependence(codes, steps)
    variance, freedom = _variance(gaps, rest, depends, count, whole.shape[0])
    half = float(stats.t.isf((1.0 - level) / 2.0, freedom)) * float(np.sqrt(variance))
    plain = mean_interval(gaps, level, depends)
    return Cuped(
        inputs=n,
        pool=int(whole.shape[0]),
        difference=mean,
        low=mean - half,
        high=mean + half,
        plain_difference=float(gaps.mean()),
        plain_low=plain.low,
        plain_high=plain.high,
        slopes=tuple(float(slope) for slope in slopes),
        variance_ratio=variance / spread(gaps, depends).error ** 2,
    )


def _regressed(gaps: Floats, known: Floats) -> tuple[Floats, Floats]:
    """Return the slopes of differences on covariates, and what these leave."""
    centred = known - known.mean(axis=0)
    slopes, *_ = np.linalg.lstsq(centred, gaps - gaps.mean(), rcond=None)
    return slopes, gaps - gaps.mean() - centred @ slopes


def _variance(
    gaps: Floats, rest: Floats, depends: Dependence, covariates: int, pool: int
) -> tuple[float, float]:
    """Return the variance of the adjusted mean, and its degrees of freedom."""
    n = gaps.size
    unexplained = float((rest**2).sum() / (n - covariates - 1))
    explained = max(0.0, float(gaps.var(ddof=1)) - unexplained)
    if depends.codes is None:
        return unexplained / n + explained / pool, n - covariates - 1.0
    left = spread(rest, depends)
    if np.isnan(left.error):
        raise UsageError("cuped needs inputs of at least two clusters")
    # What the pool still varies by moves together as the differences do.
    effect = max(1.0, spread(gaps, depends).error ** 2 * n / float(gaps.var(ddof=1)))
    return left.error**2 + explained * effect / pool, left.freedom


def _checked(
    differences: Sequence[float] | Floats,
    covariates: Sequence[float] | Sequence[Sequence[float]] | Floats,
    pool: Sequence[float] | Sequence[Sequence[float]] | Floats,
) -> tuple[Floats, Floats, Floats]:
    gaps, known, whole = np.asarray(differences, dtype=float), _table(covariates), _table(pool)
    same_length("differences and covariates", gaps.size, known.shape[0])
    if known.shape[1] != whole.shape[1]:
        raise UsageError("the pool must have the same covariates as the sample")
    if np.isnan(known).any() or np.isnan(whole).any():
        raise UsageError("a covariate is missing; every input of the pool needs it")
    keep = ~np.isnan(gaps)
    gaps, known = gaps[keep], known[keep]
    if gaps.size < known.shape[1] + 3:
        raise UsageError(f"{gaps.size} inputs are too few for {known.shape[1]} covariate(s)")
    if whole.shape[0] < gaps.size:
        raise UsageError("the pool must hold the scored inputs too; it is smaller than they are")
    if (np.ptp(known, axis=0) == 0.0).any() or np.ptp(gaps) == 0.0:
        raise UsageError("a covariate or the difference is the same on every input")
    return gaps, known, whole


def _table(values: Sequence[float] | Sequence[Sequence[float]] | Floats) -> Floats:
    table = np.asarray(values, dtype=float)
    return table[:, None] if table.ndim == 1 else table
