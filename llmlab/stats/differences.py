"""The mean of paired differences: its tests and its limits."""

import numpy as np
from scipy import stats

from llmlab.stats.checks import Floats, Ints, fraction, same_length
from llmlab.stats.intervals import cluster_error


def mcnemar(only_a: int, only_b: int) -> float:
    """
    Return the exact two-sided p-value of McNemar's test from the discordant counts.

    Source: McNemar (1947), Psychometrika 12, 153-157; binomial form.
    """
    total = only_a + only_b
    return float(stats.binomtest(only_a, total, 0.5).pvalue) if total else 1.0


def paired_t(a: Floats, b: Floats) -> float:
    """Return the two-sided p-value of Student's paired test; NaN below two pairs."""
    same_length("a and b", len(a), len(b))
    gaps = np.asarray(b, dtype=float) - np.asarray(a, dtype=float)
    gaps = gaps[~np.isnan(gaps)]
    if gaps.size < 2:  # noqa: PLR2004 - one pair has no spread
        return float("nan")
    error = float(gaps.std(ddof=1)) / np.sqrt(gaps.size)
    if error == 0.0:
        return 1.0 if gaps[0] == 0.0 else 0.0
    return float(2.0 * stats.t.sf(abs(gaps.mean()) / error, gaps.size - 1))


def paired_rates(only_a: int, only_b: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """
    Return the interval for B minus A of two paired rates.

    Source: Bonett & Price (2012), J. Educational and Behavioral Statistics 37(4), 479-488
    (Wald after adding one to each discordant count); recommended by Fagerland, Lydersen &
    Laake (2014), Statistics in Medicine 33, 2850-2875.
    """
    fraction("level", level)
    up, down = (only_b + 1.0) / (n + 2.0), (only_a + 1.0) / (n + 2.0)
    half = stats.norm.isf((1.0 - level) / 2.0) * np.sqrt((up + down - (up - down) ** 2) / (n + 2.0))
    gap = (only_b - only_a) / n
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return float(min(low, gap)), float(max(high, gap))


def binary(values: Floats) -> bool:
    """Return whether every score is 0 or 1."""
    return bool(((values == 0.0) | (values == 1.0)).all())


def standard_error(gaps: Floats, codes: Ints | None) -> float:
    """Return the standard error of the mean, cluster-robust with clusters; NaN if unknowable."""
    if gaps.size < 2:  # noqa: PLR2004 - one pair has no spread
        return float("nan")
    if codes is not None:
        return cluster_error(gaps, codes)
    return float(gaps.std(ddof=1) / np.sqrt(gaps.size))


def difference_limits(
    a: Floats, b: Floats, codes: Ints | None, level: float, *, rates: bool
) -> tuple[float, float]:
    """
    Return the limits of the mean of B minus A.

    With clusters and 0/1 scores the wider of both intervals holds: no luck narrows it.
    """
    low, high = np.nan, np.nan
    gaps = b - a
    error = standard_error(gaps, codes)
    freedom = gaps.size - 1 if codes is None else np.unique(codes).size - 1
    if not np.isnan(error):
        half = float(stats.t.isf((1.0 - level) / 2.0, freedom)) * error
        low, high = float(gaps.mean()) - half, float(gaps.mean()) + half
    if not rates or (codes is not None and np.isnan(error)):
        return low, high
    plain = paired_rates(int((gaps < 0.0).sum()), int((gaps > 0.0).sum()), gaps.size, level)
    return plain if codes is None else (min(low, plain[0]), max(high, plain[1]))
