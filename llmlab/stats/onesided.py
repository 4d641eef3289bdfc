"""One-sided tests of a mean; without spread they never become certain."""

import numpy as np

from llmlab.stats.checks import Floats, Ints
from llmlab.stats.means import mean_of
from llmlab.stats.spread import Dependence

ANY: tuple[float, float] = (-np.inf, np.inf)
"""Ends of a score that has none, or none that is known."""


def above(
    values: Floats,
    null: float,
    codes: Ints | None = None,
    *,
    steps: int = 0,
    ends: tuple[float, float] = ANY,
) -> float:
    """
    Return the p-value of "the mean is *null* or less"; NaN without values.

    It is that of the law from which the interval comes too (`means`): Student's, cluster-robust or
    long-run where inputs depend on each other. Where nothing varies and *ends* are not known,
    it is the sign test's 2^-n (n inputs, or clusters).
    """
    if not values.size:
        return float("nan")
    depends = Dependence(codes, steps)
    law, _ = mean_of(values, ends, depends)
    p = law.above(null)
    return signs(values - null, depends) if np.isnan(p) else p


def signs(leads: Floats, depends: Dependence) -> float:
    """Return the sign test's p-value of inputs, clusters or stretches of dates that lead alike."""
    return float(0.5 ** depends.units(leads.size)) if float(leads.mean()) > 0.0 else 1.0
