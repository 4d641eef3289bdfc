"""Sequential comparison of several arms, until one is clear of every other."""

from collections.abc import Mapping, Sequence

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.best_arm import BestArm
from llmlab.stats.checks import fraction
from llmlab.stats.matrix import Name


class PairedRace:
    """
    Several arms on the same inputs, until one is clear of every other.

    The chance that an arm is ever named which is not better than every other is at most *alpha*.
    `bound` is the largest possible difference between two scores of one input: 1 for scores in
    [0, 1]. `largest` is the size of the largest cluster of the design, where clusters are fed.
    """

    def __init__(
        self,
        arms: Sequence[Name],
        alpha: float = 0.05,
        *,
        bound: float = 1.0,
        largest: float = 1.0,
    ) -> None:
        if len(set(arms)) != len(arms) or len(arms) < 2:  # noqa: PLR2004 - a race needs two
            raise UsageError("a race needs at least two arms with different names")
        self._arms = tuple(arms)
        self._alpha = fraction("alpha", alpha)
        self._best = BestArm(len(arms), alpha, bound=bound, largest=largest)

    def feed(self, scores: Mapping[Name, float], size: float = 1.0) -> None:
        """
        Take the scores of one input; one that lacks a score of an arm is passed over.

        Of a cluster it takes the means over its inputs, and how many those are.
        """
        self._best.feed(np.array([scores.get(arm, np.nan) for arm in self._arms]), size)

    @property
    def leader(self) -> Name | None:
        """Return the arm that is clear of every other, or None so far."""
        p = self._best.p
        place = int(np.argmin(p))
        return self._arms[place] if p[place] <= self._alpha else None

    @property
    def clear(self) -> bool:
        """Return whether there is a leader."""
        return self.leader is not None
