"""Non-inferiority and equivalence of two arms within a margin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, Ints, fraction, positive, same_length
from llmlab.stats.differences import binary, laws
from llmlab.stats.intervals import numbered
from llmlab.stats.means import TestedMean, agreed
from llmlab.stats.onesided import signs
from llmlab.stats.spread import Dependence


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
    ends: tuple[float, float] = (-np.inf, np.inf),
    steps: int = 0,
) -> Equivalence:
    """
    Test B against A on the same inputs for non-inferiority and equivalence.

    Scores of 0 and 1 are tested with Tango's statistic, for there few or no discordant inputs must
    not look like certainty; others by two one-sided tests of their mean, as pairs are. With
    clusters (dates in order, where targets look *steps* of them ahead) errors are robust, and of
    0/1 scores the larger p of both ways holds. *ends* are the least and the largest difference
    there can be, where that is known.

    Raises:
        UsageError: when lengths differ, the margin is not above 0, or nothing is shared.

    Source: Schuirmann (1987), J. Pharmacokinetics and Biopharmaceutics 15, 657-680 (TOST);
    Tango (1998) for paired rates.
    """
    positive("margin", margin)
    fraction("2 * alpha", 2.0 * alpha)
    one, other, codes = _shared(a, b, clusters)
    gaps = other - one
    rates = binary(one) and binary(other)
    depends = Dependence(codes, steps)
    found = laws(gaps, ends, depends, rates=rates)
    parts = [
        TestedMean(law.above(-margin), *law.limits(1.0 - 2.0 * alpha), name) for law, name in found
    ]
    whole = agreed(parts)
    return Equivalence(
        inputs=int(gaps.size),
        difference=float(gaps.mean()),
        low=whole.low,
        high=whole.high,
        margin=margin,
        p_not_worse=_largest([law.above(-margin) for law, _ in found], gaps + margin, depends),
        p_not_better=_largest([law.below(margin) for law, _ in found], margin - gaps, depends),
        alpha=alpha,
        test=whole.test,
    )


def _largest(found: list[float], leads: Floats, depends: Dependence) -> float:
    """Return the largest p; where no law speaks, for nothing varies, that of the signs alone."""
    known = [p for p in found if not np.isnan(p)]
    return max(known) if known else signs(leads, depends)


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
    codes = numbered(clusters)
    return one[both], other[both], codes[both]
