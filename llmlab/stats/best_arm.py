"""
Which arm is best, looked at after every input: money is bet against each arm's being the best.

Of an arm that is best no other arm is better, so whoever bets on another one against it gains
nothing on average, whichever other it is and however that was chosen from what was seen before.
Such a gambler backs the leader. An arm is out when the gambler against it has become rich
(Ville's inequality); the last one left is the best. To name a wrong arm the true best one must be
out, so that one gambler alone can mislead, or two where two are tied: nothing is shared over pairs.

Source: Waudby-Smith & Ramdas (2023), "Estimating means of bounded random variables by betting",
JRSS B 86(1); Kaufmann & Koolen (2021), "Mixture martingales revisited", JMLR 22(246), for tests
that stop when one arm is best.
"""

from typing import Final

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, fraction, positive
from llmlab.stats.sequential import BETS, MONEY

STAKES: Final = np.append(BETS.ravel(), 0.0)
"""Shares of the money that may be staked; 0 where the leader is no leader yet."""

PRIOR: Final = np.log([0.05, 0.20, 0.15, 0.05, 0.05, 0.50])
"""How far each stake is trusted before anything was seen (logarithm)."""

LEARNT: Final = 0.8
"""Part of the money that is staked as the arms still in have taught; the rest is spread evenly."""

SHARE: Final = 0.8
"""Part of a run's error that naming the best arm may take; the rest is for single pairs."""


class BestArm:
    """
    Several arms on the same inputs: is one of them better than every other?

    Feed the scores of each input, in an order that does not depend on the outcome. `p` holds at
    any time, for arms that are tied too. *bound* is the largest difference of two scores of one
    input. Of a cluster feed the means over its inputs and its size; *largest* is the size of the
    largest that can come. *alpha* is where an arm is taken to be out, which only steers the bets.
    """

    def __init__(
        self, arms: int, alpha: float = 0.05, *, bound: float = 1.0, largest: float = 1.0
    ) -> None:
        if arms < 2:  # noqa: PLR2004 - one arm is not compared
            raise UsageError("the best of arms needs at least two arms")
        self._needed = float(np.log(2.0 / SHARE / fraction("alpha", alpha)))
        self._bound, self._largest = positive("bound", bound), positive("largest", largest)
        self._sums = np.zeros(arms)
        self._learnt = np.zeros(arms)
        self._even = np.zeros((arms, BETS.size))
        # By leader, other arm and stake: what betting so from the start would have come to.
        self._fixed = np.zeros((arms, arms, STAKES.size))
        self._peak = np.zeros(arms)
        self._pair_peak = np.zeros((arms, arms))

    def feed(self, scores: Floats, sizes: "float | Floats" = 1.0) -> None:
        """
        Take the scores of one input (arms) or of several (inputs x arms).

        An input that lacks a score of an arm is no look: arms are compared on the same inputs.

        Raises:
            UsageError: Two scores of an input differ by more than the bound.
        """
        table = np.atleast_2d(np.asarray(scores, dtype=float))
        shares = np.broadcast_to(np.asarray(sizes, dtype=float), table.shape[:1]) / self._largest
        whole = ~np.isnan(table).any(axis=1)
        _check(table, self._bound)
        for values, share in zip(table[whole] / self._bound, shares[whole], strict=True):
            self._look(values, float(share))

    @property
    def p(self) -> Floats:
        """
        Return, of each arm, the p-value of "it is not better than every other".

        All arms but one must be out, with `SHARE` of the error, and the arm must be above each
        other at the error of that pair alone. Of two arms it is the p-value of their pair.
        """
        above = self.p_above
        np.fill_diagonal(above, 0.0)
        alone = above.max(axis=1)
        if alone.size == 2:  # noqa: PLR2004 - two arms are one pair
            return np.asarray(alone)
        order = np.argsort(self._peak)
        others = np.full(alone.size, self._peak[order[0]])
        others[order[0]] = self._peak[order[1]]
        return np.asarray(np.minimum(1.0, np.maximum(alone, 2.0 / SHARE * np.exp(-others))))

    @property
    def p_above(self) -> Floats:
        """
        Return the two-sided p-value of each pair: the arm of the line above that of the column.

        Each is that of its pair alone, as `PairedSequence` has it.
        """
        return np.asarray(np.minimum(1.0, 2.0 * np.exp(-self._pair_peak)))

    def _look(self, values: Floats, share: float) -> None:
        rivals, stakes = self._bets()
        moves = (values[rivals] - values) * share
        self._learnt += np.log1p(stakes * moves)
        self._even += np.log1p(BETS.ravel() * moves[:, None])
        gaps = (values[:, None] - values) * share
        self._fixed += np.log1p(STAKES * gaps[:, :, None])
        self._sums += values * share
        even = _mixed(self._even)
        rich = np.logaddexp(self._learnt + np.log(LEARNT), even + np.log1p(-LEARNT))
        self._peak = np.maximum(self._peak, rich)
        self._pair_peak = np.maximum(self._pair_peak, _mixed(self._fixed[:, :, :-1]))

    def _bets(self) -> tuple["np.ndarray[tuple[int], np.dtype[np.intp]]", float]:
        """
        Return who is backed against each arm, and the stake, by what was seen before.

        The stake is the one that would have paid on average, backing the leader against those
        that are still in: the last of them decide when it is over.
        """
        leader, second = np.argsort(-self._sums, kind="stable")[:2]
        rivals = np.full(self._sums.size, leader)
        rivals[leader] = second
        inside = self._peak < self._needed
        inside[leader] = False
        paid = self._fixed[leader, inside].mean(axis=0) if inside.any() else 0.0
        trust = PRIOR + paid
        trust = np.exp(trust - trust.max())
        return rivals, float((trust * STAKES).sum() / trust.sum())


def _check(table: Floats, bound: float) -> None:
    spread = np.fmax.reduce(table, axis=1) - np.fmin.reduce(table, axis=1)
    if (spread > bound * (1.0 + 1e-9)).any():
        raise UsageError(f"a difference lies outside of ±{bound:g}; give the bound of the score")


def _mixed(paths: Floats) -> Floats:
    """Return the log fortune of all stakes (last axis) together, as `PairedSequence` has it."""
    return np.asarray(np.logaddexp.reduce(paths + MONEY.ravel(), axis=-1))
