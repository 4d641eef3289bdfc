"""
Which arms are ranked, and on which inputs: those that every ranked arm has a score for.

A mean over the inputs that one arm happened to be scored on does not compare with a mean over
those of another: the missing ones may be the hard ones. So rank, letters, pairs and sentence all
rest on the same inputs, and what is missing is bounded (Manski 2003, "Partial Identification of
Probability Distributions", chapter 1).
"""

from typing import Final

import numpy as np

from llmlab.stats.checks import Flags, Floats

LEAST_SHARE: Final = 0.5
"""An arm that has scores on fewer inputs than this share of what the median arm has is not ranked:
it would take most of the inputs away from all others."""


def comparable(has: Flags) -> tuple[Flags, Flags]:
    """
    Return which arms are ranked, and which inputs all of them have.

    *has* is inputs x arms. An arm without a score is never ranked; of two arms both are.
    """
    counts = has.sum(axis=0)
    usual = float(np.median(counts[counts > 0])) if counts.any() else 0.0
    ranked = (counts > 0) & (counts >= LEAST_SHARE * usual)
    return ranked, has[:, ranked].all(axis=1) & ranked.any()


def possible(a: Floats, b: Floats, low: float, high: float) -> tuple[float, float]:
    """
    Return the least and the largest mean of B minus A, whatever the missing scores are.

    Every score lies between *low* and *high*; NaN is a missing one. NaN where the range is
    not known.
    """
    if not a.size or not np.isfinite(low + high):
        return float("nan"), float("nan")
    least = np.where(np.isnan(b), low, b) - np.where(np.isnan(a), high, a)
    most = np.where(np.isnan(b), high, b) - np.where(np.isnan(a), low, a)
    return float(least.mean()), float(most.mean())
