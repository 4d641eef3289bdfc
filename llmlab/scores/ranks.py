"""
A score that only many inputs have together: the rank information coefficient.

One input has no correlation. What it has is its influence on the correlation; these influences,
shifted so that their mean is the coefficient, are given to the inputs as their scores. So the
input stays the unit: the mean of an arm is its rank IC, the spread over inputs is the right one
for its interval, differences are paired, and clusters widen them as they do any score.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from llmlab.scores.digits import Mark
from llmlab.scores.numeric import by_decimal, numbers_of
from llmlab.scores.scorer import Floats, Score, Scorer, known_targets, numeric

FEWEST: Final = 3
"""Inputs (of one group) below which a rank correlation says nothing."""


def rank_ic(field: str | None = None, *, decimal: Mark | None = None) -> Score:
    """
    Score Spearman's correlation of the number stated with the target, a return.

    *field* is the path of the number in a JSON answer, *decimal* the mark of its decimals; see
    `number`.

    With clusters (a date, say) ranks are taken within each cluster, as for a cross-section of
    tickers a day, and a cluster weighs as many inputs as it has.

    Source: influence function of Spearman's rho, Croux & Dehon (2010), Statistical Methods &
    Applications 19, 497-515; here with mid-ranks, so that ties are allowed.
    """

    def make(targets: Sequence[object]) -> Scorer:
        numeric("rank_ic", known_targets(targets), "returns as targets")

        def scorer(mark: Mark | None) -> Scorer:
            return Scorer(
                name="rank_ic",
                value=lambda *_: float("nan"),
                read=numbers_of(field, "1", mark),
                written=repr,
                chance=0.0,
                low=-float("inf"),
                high=float("inf"),
                aggregate=influences,
            )

        return by_decimal(scorer, decimal)

    return Score(name="rank_ic", make=make)


def influences(said: Floats, targets: Floats, groups: Sequence[object] | None = None) -> Floats:
    """
    Return each input's influence on the rank correlation, shifted so that their mean equals it.

    NaN pairs are left out and get NaN, as does a group that is too small, or whose numbers are
    all the same: it has no correlation.
    """
    values = np.full(said.size, np.nan)
    keep = ~(np.isnan(said) | np.isnan(targets))
    codes = np.zeros(said.size, dtype=int)
    if groups is not None:
        codes = np.unique([str(each) for each in groups], return_inverse=True)[1]
    for code in np.unique(codes[keep]):
        of = np.flatnonzero(keep & (codes == code))
        values[of] = _influences(said[of], targets[of])
    return values


def _influences(x: Floats, y: Floats) -> Floats:
    if x.size < FEWEST or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return np.full(x.size, np.nan)
    f, g = _centred_ranks(x), _centred_ranks(y)
    both, one, other = float((f * g).mean()), float((f * f).mean()), float((g * g).mean())
    spread = np.sqrt(one * other)
    rho = both / spread
    # How moving a little weight to one input moves the covariance of ranks and both variances:
    # through its own term, and through the ranks of all others that lie above it.
    moved_both = f * g + _above(x, g) + _above(y, f)
    moved_one = f * f + 2.0 * _above(x, f)
    moved_other = g * g + 2.0 * _above(y, g)
    influence = moved_both / spread - rho / 2.0 * (moved_one / one + moved_other / other)
    return np.asarray(rho + influence - influence.mean(), dtype=float)


def _centred_ranks(values: Floats) -> Floats:
    from scipy import stats

    ranks = np.asarray(stats.rankdata(values), dtype=float)
    return np.asarray((ranks - ranks.mean()) / values.size, dtype=float)


def _above(values: Floats, weights: Floats) -> Floats:
    """Return for each value the mean weight at larger ones, those of equal ones by half."""
    uniques, codes = np.unique(values, return_inverse=True)
    sums = np.bincount(codes, weights=weights, minlength=uniques.size)
    larger = sums[::-1].cumsum()[::-1] - sums
    return np.asarray((larger + sums / 2.0)[codes] / values.size, dtype=float)
