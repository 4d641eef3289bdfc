"""Power and detectable difference of a paired test."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, stats

from llmlab.errors import UsageError
from llmlab.stats.checks import at_least, fraction
from llmlab.stats.paired import pairs

if TYPE_CHECKING:
    import pandas as pd


def paired_power(difference: float, sd: float, n: int, alpha: float = 0.05) -> float:
    """
    Return the chance that a two-sided paired t test on *n* inputs finds *difference*.

    Source: noncentral t, Cohen (1988), "Statistical Power Analysis", chapter 2.
    """
    fraction("alpha", alpha)
    at_least("n", n, 2)
    if sd <= 0.0:
        return 1.0 if difference else alpha
    edge = float(stats.t.isf(alpha / 2.0, n - 1))
    shift = abs(difference) / sd * float(np.sqrt(n))
    above = float(stats.nct.sf(edge, n - 1, shift))
    below = float(stats.nct.cdf(-edge, n - 1, shift))
    return min(1.0, above + (0.0 if np.isnan(below) else below))


def detectable(
    spread: "pd.DataFrame | Sequence[float] | float",
    n: int | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
) -> float:
    """
    Return the smallest paired difference that a test on *n* inputs finds with *power*.

    *spread* is the SD of paired differences, the differences themselves, or a run's rows
    (then the median SD over its pairs; n defaults to the inputs they share). NaN when the
    spread is unknown: fewer than two inputs, or nothing scored.
    """
    fraction("power", power)
    sd, size = _spread(spread)
    n = size if n is None else n
    if n is None:
        raise UsageError("detectable needs n, the number of inputs")
    if n < 2 or np.isnan(sd):  # noqa: PLR2004 - no spread without two inputs
        return float("nan")
    return sd * _detectable_in_sds(n, power, fraction("alpha", alpha))


def _detectable_in_sds(n: int, power: float, alpha: float) -> float:
    if power <= alpha:
        return 0.0
    high = 1.0
    while paired_power(high, 1.0, n, alpha) < power:
        high *= 2.0
    root = optimize.brentq(lambda gap: paired_power(gap, 1.0, n, alpha) - power, 0.0, high)
    return float(root)


def _spread(spread: "pd.DataFrame | Sequence[float] | float") -> tuple[float, int | None]:
    if isinstance(spread, int | float):
        if spread < 0.0:
            raise UsageError(f"a spread cannot be negative, got {spread!r}")
        return float(spread), None
    if not isinstance(spread, Sequence | np.ndarray):
        return _spread_of_rows(spread)
    gaps = np.asarray(spread, dtype=float)
    gaps = gaps[~np.isnan(gaps)]
    return (float(gaps.std(ddof=1)) if gaps.size > 1 else float("nan")), int(gaps.size)


def _spread_of_rows(rows: "pd.DataFrame") -> tuple[float, int | None]:
    found = [pair for pair in pairs(rows) if not np.isnan(pair.sd)]
    if not found:
        return float("nan"), 0
    middle = float(np.median([pair.sd for pair in found]))
    return middle, int(np.median([pair.inputs for pair in found]))
