"""Sequential comparison of several arms, until one is clear of every other."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.matrix import Name
from llmlab.stats.sequential import PairedSequence


class PairedRace:
    """
    Several arms on the same inputs, until one is clear of every other.

    Every pair is one comparison of a shared error *alpha*. `bound` is the largest possible
    difference between two scores of one input: 1 for scores in [0, 1]. `largest` is the size of
    the largest cluster of the design, where clusters are fed.
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
        places = list(combinations(arms, 2))
        self._arms = tuple(arms)
        self._pairs = {
            place: PairedSequence(alpha, len(places), bound=bound, largest=largest)
            for place in places
        }

    def feed(self, scores: Mapping[Name, float], size: float = 1.0) -> None:
        """
        Take the scores of one input; an arm that is absent or NaN sits this input out.

        Of a cluster it takes the means over its inputs, and how many those are.
        """
        for (one, other), sequence in self._pairs.items():
            gap = scores.get(other, np.nan) - scores.get(one, np.nan)
            sequence.feed(gap, size)

    @property
    def leader(self) -> Name | None:
        """Return the arm that is clear of every other, or None so far."""
        for arm in self._arms:
            if all(self._ahead(arm, other) for other in self._arms if other != arm):
                return arm
        return None

    @property
    def clear(self) -> bool:
        """Return whether there is a leader."""
        return self.leader is not None

    def between(self, one: Name, other: Name) -> PairedSequence:
        """Return the comparison of two arms, in the order they were given to the race."""
        found = self._pairs.get((one, other))
        if found is None:
            raise UsageError(f"no comparison of {one} with {other} in this order")
        return found

    def _ahead(self, arm: Name, other: Name) -> bool:
        found = self._pairs.get((arm, other))
        if found is not None:
            return found.clear and found.interval().high <= 0.0
        found = self._pairs[other, arm]
        return found.clear and found.interval().low >= 0.0
