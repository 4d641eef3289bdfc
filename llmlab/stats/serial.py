"""
Dependent dates: their autocorrelation, and the long-run error of a mean over them.

A target that looks a week ahead and is sampled daily shares four days with the next one. The sums
of residuals by date are then projected on a few slow cosines, whose squares measure the long-run
variance, and Student's law counts the cosines (equal-weighted cosine estimator with fixed-b
critical values). How many are slow enough depends on how long the dates remember: as much as the
horizon says at least, and as was measured.
"""

from typing import Final

import numpy as np
from scipy import fft

from llmlab.stats.checks import Floats

FLAT: Final = 0.9
"""Least mean power of the cosines used, over that at frequency zero, under the memory assumed."""
LONGEST: Final = 0.995
"""Largest memory that is assumed: of a first-order autoregression."""
ERRORS: Final = 2.0
"""Standard errors that are added to the memory measured."""
SHARE: Final = 3
"""At most every third date is worth a cosine."""


def autocorrelation(sums: Floats, lag: int = 1) -> float:
    """
    Return the correlation of dates that lie *lag* apart, its small-sample bias taken off.

    Source: Kendall (1954), Biometrika 41, for a lag of one: it is too low by (1 + 3 rho) / n.
    """
    raw = _raw(sums - sums.mean(), lag)
    return raw + lag * (1.0 + 3.0 * raw) / sums.size if raw else 0.0


def memory(sums: Floats, steps: int) -> float:
    """
    Return the first-order autocorrelation to assume for dates whose targets look *steps* ahead.

    Of windows of *steps* dates two neighbours share all but one, so it is at least that; dates
    that lie *steps* apart share nothing any more, and what correlation those have, with two
    standard errors (Bartlett 1946) so that it is seldom too low, is memory beyond the windows.
    """
    gaps = sums - sums.mean()
    lag = min(max(1, steps), sums.size - 1)
    beyond = autocorrelation(sums, lag)
    shared = sum(_raw(gaps, each) ** 2 for each in range(1, lag))
    error = np.sqrt((1.0 + 2.0 * shared) * max(0.0, 1.0 - beyond**2) / sums.size)
    measured = float(np.clip(beyond + ERRORS * error, 0.0, 1.0)) ** (1.0 / lag)
    return float(np.clip(max(measured, 1.0 - 1.0 / lag), 0.0, LONGEST))


def _raw(gaps: Floats, lag: int) -> float:
    whole = float((gaps**2).sum())
    return float((gaps[lag:] * gaps[:-lag]).sum()) / whole if whole and lag < gaps.size else 0.0


def serial_spread(sums: Floats, steps: int) -> tuple[float, float]:
    """
    Return the standard error of the total of *sums*, one a date in order, and its freedom.

    Source: Muller (2004); Lazarus, Lewis, Stock & Watson (2018), "HAR Inference: Recommendations
    for Practice", J. Business & Economic Statistics 36(4). The number of cosines, and what the
    slowest dates' memory takes from their power, follow a first-order autoregression (Andrews 1991,
    Econometrica 59, for plugging one in).
    """
    dates = sums.size
    power = _power(memory(sums, steps), dates, max(1, dates // SHARE))
    means = np.cumsum(power) / np.arange(1, power.size + 1)
    flat = np.flatnonzero(means >= FLAT)
    count = int(flat[-1]) + 1 if flat.size else 1
    # The orthonormal cosine transform: its first coefficient is the mean, which is taken out.
    waves = fft.dct(sums - sums.mean(), norm="ortho")[1 : count + 1]
    variance = float((waves**2).mean() / means[count - 1])
    freedom = float(power[:count].sum() ** 2 / (power[:count] ** 2).sum())
    return float(np.sqrt(variance * dates)), freedom


def _power(rho: float, dates: int, count: int) -> Floats:
    """Return the spectrum of an autoregression at the cosines, over that at frequency zero."""
    angles = np.pi * np.arange(1, count + 1) / dates
    return np.asarray((1.0 - rho) ** 2 / ((1.0 - rho) ** 2 + 2.0 * rho * (1.0 - np.cos(angles))))
