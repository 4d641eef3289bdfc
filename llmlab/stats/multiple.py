"""Multiple comparisons: Holm's adjusted p-values."""

from collections.abc import Sequence

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats


def holm(p: Sequence[float] | Floats) -> Floats:
    """
    Return Holm's adjusted p-values, in the order given; NaN stays NaN and does not count.

    Controls the chance of even one false claim over the whole family, whatever the
    dependence between the tests. Source: Holm (1979), Scand. J. Statistics 6, 65-70.
    """
    raw = np.asarray(p, dtype=float)
    if ((raw < 0.0) | (raw > 1.0)).any():
        raise UsageError("p-values must lie between 0 and 1")
    adjusted = np.full(raw.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(raw))
    order = tested[np.argsort(raw[tested], kind="stable")]
    steps = raw[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
