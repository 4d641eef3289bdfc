"""The cheaper arm is not worse by more than a margin; or both are the same within it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, Ints, fraction, positive, same_length
from llmlab.stats.differences import binary, difference_limits
from llmlab.stats.onesided import above


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Whether B minus A stays within the margin; the interval has level 1 - 2 alpha."""

    inputs: int
    difference: float
    low: float
    high: float
    margin: float
    p_not_worse: float
    """Of "B is worse than A by the margin or more"."""
    p_not_better: float
    """Of "B is better than A by the margin or more"."""
    alpha: float
    test: str

    @property
    def p(self) -> float:
        """Return the p-value of equivalence: the larger of both (TOST)."""
        return float(np.maximum(self.p_not_worse, self.p_not_better))

    @property
    def non_inferior(self) -> bool:
        """Return whether B is not worse than A by more than the margin."""
        return self.p_not_worse <= self.alpha

    @property
    def equivalent(self) -> bool:
        """Return whether B and A are the same within the margin."""
        return self.p <= self.alpha


def equivalence(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    *,
    margin: float,
    clusters: Sequence[object] | None = None,
    alpha: float = 0.05,
) -> Equivalence:
    """
    Test B against A on the same inputs for non-inferiority and equivalence.

    Scores of 0 and 1 are tested with Bonett-Price errors, for there few or no discordant
    inputs must not look like certainty; others by two one-sided paired t tests. With clusters
    errors are cluster-robust (for 0/1 scores the larger p of both ways holds).

    Raises:
        UsageError: when lengths differ, the margin is not above 0, or nothing is shared.

    Source: Schuirmann (1987), J. Pharmacokinetics and Biopharmaceutics 15, 657-680 (TOST);
    Bonett & Price (2012) for paired rates.
    """
    positive("margin", margin)
    fraction("2 * alpha", 2.0 * alpha)
    one, other, codes = _shared(a, b, clusters)
    gaps = other - one
    rates = binary(one) and binary(other)
    worse, better = above(gaps, -margin, codes), above(-gaps, -margin, codes)
    if rates:
        plain = _rates(gaps, margin)
        with_clusters = (worse, better) if codes is not None else (0.0, 0.0)
        worse, better = max(plain[0], with_clusters[0]), max(plain[1], with_clusters[1])
    low, high = difference_limits(one, other, codes, 1.0 - 2.0 * alpha, rates=rates)
    name = "Bonett-Price" if rates else "paired t"
    return Equivalence(
        inputs=int(gaps.size),
        difference=float(gaps.mean()),
        low=low,
        high=high,
        margin=margin,
        p_not_worse=worse,
        p_not_better=better,
        alpha=alpha,
        test=name if codes is None else f"cluster {name}",
    )


def _shared(
    a: Sequence[float] | Floats, b: Sequence[float] | Floats, clusters: Sequence[object] | None
) -> tuple[Floats, Floats, Ints | None]:
    one, other = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    same_length("a and b", one.size, other.size)
    both = ~(np.isnan(one) | np.isnan(other))
    if not both.any():
        raise UsageError("a and b share no scored input")
    if clusters is None:
        return one[both], other[both], None
    same_length("scores and clusters", one.size, len(clusters))
    places = {label: place for place, label in enumerate(dict.fromkeys(clusters))}
    codes = np.array([places[label] for label in clusters], dtype=np.intp)
    return one[both], other[both], codes[both]


def _rates(gaps: Floats, margin: float) -> tuple[float, float]:
    n = gaps.size
    up, down = ((gaps > 0.0).sum() + 1.0) / (n + 2.0), ((gaps < 0.0).sum() + 1.0) / (n + 2.0)
    error = np.sqrt((up + down - (up - down) ** 2) / (n + 2.0))
    worse = stats.norm.sf((up - down + margin) / error)
    better = stats.norm.sf((down - up + margin) / error)
    return float(worse), float(better)
