"""How likely it is that the arm chosen on some inputs is below the median arm on the others."""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from scipy import stats

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, Ints

FEWEST: Final = 4
MOST: Final = 16
"""Parts: 16 make 12,870 ways to choose half of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """The probability of backtest overfitting, by combinatorially symmetric cross-validation."""

    probability: float
    """That the arm which is best on one half ranks at or below the median on the other."""
    chosen_score: float
    """Mean score of the arm chosen, on the half that it was chosen on."""
    later_score: float
    """The same arm's on the other half."""
    splits: int
    arms: int


def overfitting(scores: Floats, parts: Ints) -> Overfitting:
    """
    Return the probability of overfitting of *scores* (inputs x arms, no NaN).

    *parts* numbers the part that each input lies in, whole clusters or stretches of time in one:
    every half of the parts chooses an arm once. Equal arms share the rank in between.

    Source: Bailey, Borwein, Lopez de Prado & Zhu (2017), J. Computational Finance 20(4).

    Raises:
        UsageError: There are fewer than two arms, or not an even number of 4 to 16 parts.
    """
    named, codes = np.unique(parts, return_inverse=True)
    count, arms = named.size, scores.shape[1]
    if arms < 2 or count % 2 or not FEWEST <= count <= MOST:  # noqa: PLR2004 - a choice
        raise UsageError(
            f"overfitting needs two arms and an even number of {FEWEST} to {MOST} parts with "
            f"inputs; there are {arms} arms and {count} parts"
        )
    sums = np.zeros((count, arms))
    np.add.at(sums, codes.reshape(-1), scores)
    sizes = np.bincount(codes.reshape(-1), minlength=count)
    below, first, later = [], [], []
    for half in combinations(range(count), count // 2):
        here = np.isin(np.arange(count), half)
        seen = sums[here].sum(axis=0) / sizes[here].sum()
        other = sums[~here].sum(axis=0) / sizes[~here].sum()
        best = int(np.argmax(seen))
        rank = float(stats.rankdata(np.round(other, 12))[best]) / (arms + 1.0)
        below.append(rank <= 0.5)  # noqa: PLR2004 - the median: a logit of at most 0
        first.append(seen[best])
        later.append(other[best])
    return Overfitting(
        probability=float(np.mean(below)),
        chosen_score=float(np.mean(first)),
        later_score=float(np.mean(later)),
        splits=len(below),
        arms=arms,
    )
