"""
Sequential test: check after each input, stop when it is clear, keep the error rate.

A gambler bets against "the mean difference is m" with money that a true m can never multiply on
average. Ville's inequality: the chance that such a fortune ever reaches 1/alpha is at most
alpha, however often one looks. The values of m that survive form the confidence sequence.

Source: Waudby-Smith & Ramdas (2023), "Estimating means of bounded random variables by betting",
JRSS B 86(1), section 4 and appendix B (diversified bets); Howard, Ramdas, McAuliffe & Sekhon
(2021), "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics
49(2).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logsumexp

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, at_least, fraction, positive
from llmlab.stats.intervals import Interval

BETS: Final = np.array([0.8, 0.4, 0.2, 0.1, 0.05])[:, None]
"""Stakes that share the starting money: from large rare differences to small common ones.
The largest is below 1, so a difference of -1 never ruins the gambler."""

MONEY: Final = np.log([0.1, 0.3, 0.3, 0.2, 0.1])[:, None]
"""What each stake starts with (logarithm): most where two prompts usually differ."""

_STEPS: Final = 50
"""Halvings of [-1, 1] that find a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedEarly:
    """Where a sequential comparison stopped, and its estimate at that point."""

    inputs: int
    clear: bool
    mean: float
    interval: Interval


class PairedSequence:
    """
    A confidence sequence for the mean of paired differences (B minus A) in [-bound, bound].

    Feed one difference an input, repeats averaged, in an order that does not depend on the
    outcome. The interval holds the mean at all times at once with probability 1 - alpha;
    with several *comparisons* under way each gets alpha / comparisons (Bonferroni). Inputs of
    one cluster are not separate looks: feed the mean of each cluster, with its size. The mean
    that is bounded is that over inputs, whatever the sizes: a cluster is bet on with a stake in
    proportion to its size, and *largest*, the size of the largest cluster that can come, must be
    known before the first.
    """

    def __init__(
        self,
        alpha: float = 0.05,
        comparisons: int = 1,
        *,
        bound: float = 1.0,
        largest: float = 1.0,
    ) -> None:
        self._alpha = fraction("alpha", alpha)
        self._bound = positive("bound", bound)
        self._largest = positive("largest", largest)
        share = alpha / at_least("comparisons", comparisons, 1)
        # Two gamblers, one for each direction, have half of the error each.
        self._needed = float(np.log(2.0 / share))
        self._gaps = np.empty(0)
        self._shares = np.empty(0)
        self._wealth = np.zeros((2, BETS.shape[0], 1))
        self._clear_at: int | None = None
        self._best = 0.0

    def feed(
        self,
        differences: "float | Sequence[float] | Floats",
        sizes: "float | Sequence[float] | Floats" = 1.0,
    ) -> None:
        """
        Take one difference or a block; NaN (a failed call) is passed over.

        *sizes* says how many inputs each difference is the mean of.

        Raises:
            UsageError: when a difference lies outside of the bound, or a size above `largest`.
        """
        gaps = np.atleast_1d(np.asarray(differences, dtype=float))
        shares = np.broadcast_to(np.asarray(sizes, dtype=float), gaps.shape) / self._largest
        shares = shares[~np.isnan(gaps)]
        gaps = gaps[~np.isnan(gaps)] / self._bound
        if (shares > 1.0 + 1e-9).any():
            raise UsageError(f"a cluster is larger than the largest, {self._largest:g}")
        if (np.abs(gaps) > 1.0 + 1e-9).any():
            raise UsageError(
                f"a difference lies outside of ±{self._bound:g}; give the bound of the score"
            )
        gaps = np.clip(gaps, -1.0, 1.0)
        if not gaps.size:
            return
        moves = gaps * shares
        steps = np.stack([np.log1p(BETS * moves), np.log1p(-BETS * moves)])
        paths = self._wealth + np.cumsum(steps, axis=2)
        fortunes = _mixed(paths)
        self._best = max(self._best, float(fortunes.max()))
        reached = (fortunes >= self._needed).any(axis=0)
        if self._clear_at is None and reached.any():
            self._clear_at = self.inputs + int(np.argmax(reached)) + 1
        self._wealth = paths[:, :, -1:]
        self._gaps = np.concatenate([self._gaps, gaps])
        self._shares = np.concatenate([self._shares, shares])

    @property
    def inputs(self) -> int:
        """Return how many differences were fed."""
        return int(self._gaps.size)

    @property
    def mean(self) -> float:
        """Return the mean difference over the inputs so far; NaN before the first."""
        return self._mean * self._bound

    @property
    def _mean(self) -> float:
        if not self._shares.any():
            return float("nan")
        return float(np.average(self._gaps, weights=self._shares))

    @property
    def p(self) -> float:
        """
        Return the two-sided p-value that holds at any time: 2 over the best fortune so far.

        It belongs to this comparison alone; with several under way it must be adjusted.
        """
        return float(min(1.0, 2.0 * np.exp(-self._best)))

    @property
    def clear(self) -> bool:
        """Return whether zero has been excluded at some look; it stays so."""
        return self._clear_at is not None

    @property
    def clear_at(self) -> int | None:
        """Return after how many inputs zero was first excluded."""
        return self._clear_at

    def interval(self) -> Interval:
        """Return the running intersection of the intervals at every look so far."""
        low = -self._limit(-self._gaps)
        high = self._limit(self._gaps)
        if low > high:  # every value was excluded: an event of probability alpha
            low = high = float(np.clip(self._mean, high, low))
        return Interval(
            low=low * self._bound,
            high=high * self._bound,
            level=1.0 - self._alpha,
            method="betting",
        )

    def _limit(self, gaps: Floats) -> float:
        """Return the upper limit: the fortune of betting on "lower than m" grows with m."""
        if not gaps.size or _peak(gaps, 1.0, self._shares) < self._needed:
            return 1.0
        low, high = -1.0, 1.0
        for _ in range(_STEPS):
            middle = (low + high) / 2.0
            if _peak(gaps, middle, self._shares) < self._needed:
                low = middle
            else:
                high = middle
        return high


def stop_when_clear(
    differences: Iterable[float],
    *,
    alpha: float = 0.05,
    comparisons: int = 1,
    bound: float = 1.0,
    least: int = 1,
) -> StoppedEarly:
    """
    Take differences one by one until zero is excluded, or until there are no more.

    *differences* may be a generator that makes the calls: nothing is drawn after the stop.
    *least* inputs are always taken.
    """
    sequence = PairedSequence(alpha, comparisons, bound=bound)
    for difference in differences:
        sequence.feed(difference)
        if sequence.clear and sequence.inputs >= least:
            break
    return StoppedEarly(
        inputs=sequence.inputs,
        clear=sequence.clear,
        mean=sequence.mean,
        interval=sequence.interval(),
    )


def _mixed(paths: Floats) -> Floats:
    """Return the log fortune of all bets together, over what they started with."""
    return np.asarray(logsumexp(paths + MONEY, axis=-2), dtype=float)


def _peak(gaps: Floats, mean: float, shares: Floats) -> float:
    """Return the highest log fortune so far of betting that the mean is below *mean*."""
    stakes = np.minimum(BETS, BETS[0] / max(1.0 - mean, 1e-300))
    return float(_mixed(np.cumsum(np.log1p(-stakes * shares * (gaps - mean)), axis=1)).max())


def p_below(values: Floats, null: float, shares: Floats) -> float:
    """
    Return the p-value, at any time, of "the mean over inputs is *null* or more".

    *values* lie in [-1, 1]; *shares* are the sizes of their clusters over the largest.
    """
    if not values.size:
        return float("nan")
    return float(min(1.0, np.exp(-max(0.0, _peak(values, null, shares)))))
