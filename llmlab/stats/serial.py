"""
Dates that are not independent: how far one tells of the next, and the spread of a mean over them.

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
SHARE: Final = 3
"""At most every third date is worth a cosine."""


def autocorrelation(sums: Floats) -> float:
    """Return the correlation of neighbouring dates, its small-sample bias taken off (Kendall)."""
    gaps = sums - sums.mean()
    whole = float((gaps**2).sum())
    if sums.size < 3 or whole == 0.0:  # noqa: PLR2004 - two dates have one neighbourhood
        return 0.0
    raw = float((gaps[1:] * gaps[:-1]).sum()) / whole
    return raw + (1.0 + 3.0 * raw) / sums.size


def memory(sums: Floats, steps: int) -> float:
    """
    Return the first-order autocorrelation to assume for dates whose targets look *steps* ahead.

    The measured one and one standard error, so that it is seldom too low; of windows of *steps*
    dates two neighbours share all but one.
    """
    raw = autocorrelation(sums)
    error = float(np.sqrt(max(0.0, 1.0 - raw**2) / sums.size))
    return float(np.clip(raw + error, max(0.0, 1.0 - 1.0 / max(1, steps)), LONGEST))


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
