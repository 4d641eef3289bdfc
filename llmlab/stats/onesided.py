"""Is a mean above a given value? One-sided tests that never grow sure from lack of spread."""

import numpy as np
from scipy import stats

from llmlab.stats.checks import Floats, Ints
from llmlab.stats.intervals import cluster_error


def above(values: Floats, null: float, codes: Ints | None = None) -> float:
    """
    Return the p-value of "the mean is above *null*" by Student's t; NaN without values.

    With clusters the error is cluster-robust on G-1 degrees of freedom. Values that are all
    alike give t no spread: then it is the sign test's 2^-n (n inputs, or clusters).
    """
    if not values.size:
        return float("nan")
    units = values.size if codes is None else int(np.unique(codes).size)
    gap = float(values.mean()) - null
    if units < 2 or np.ptp(values) <= 1e-12 * np.abs(values).max():  # noqa: PLR2004 - no spread
        return _sign(gap, units)
    error = float(values.std(ddof=1) / np.sqrt(units))
    error = error if codes is None else cluster_error(values, codes)
    if error <= 1e-12 * np.abs(values).max():
        return _sign(gap, units)
    return float(stats.t.sf(gap / error, units - 1))


def _sign(gap: float, units: int) -> float:
    return float(0.5**units) if gap > 0.0 else 1.0
