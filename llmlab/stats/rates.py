"""
Two rates on the same inputs: McNemar's test, and the interval that is its inversion.

Only inputs that one arm got right and the other wrong tell the arms apart. Tango's score statistic
asks how far those counts are from any difference; at a difference of zero it is McNemar's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize, special

_EDGE: Final = 1.0 - 1e-12
"""The largest difference at which the statistic is finite."""


@dataclass(frozen=True, slots=True)
class PairedRates:
    """
    What the inputs that only one arm got right say of the rate of B minus that of A.

    Source: Tango (1998), Statistics in Medicine 17, 891-908; recommended by Fagerland, Lydersen &
    Laake (2014), Statistics in Medicine 33, 2850-2875.
    """

    only_a: int
    only_b: int
    n: int

    def above(self, null: float) -> float:
        """Return the one-sided p-value of "the difference is *null* or less"."""
        return float(special.ndtr(-self.score(null)))

    def below(self, null: float) -> float:
        """Return the one-sided p-value of "the difference is *null* or more"."""
        return float(special.ndtr(self.score(null)))

    def limits(self, level: float) -> tuple[float, float]:
        """Return the differences that neither side rejects at half of 1 - *level*."""
        z = float(-special.ndtri((1.0 - level) / 2.0))
        low = self._limit(z, upper=False)
        return low, self._limit(z, upper=True)

    def score(self, null: float) -> float:
        """Return Tango's statistic: how many standard errors the difference lies above *null*."""
        gap = self.only_b - self.only_a - self.n * null
        if abs(null) >= 1.0:
            return float(np.copysign(np.inf, gap)) if gap else 0.0
        # The rate of inputs that only A got right, estimated where the difference is *null*.
        a = 2.0 * self.n
        b = (2.0 * self.n - self.only_b + self.only_a) * null - self.only_b - self.only_a
        c = -self.only_a * null * (1.0 - null)
        only_a = (np.sqrt(max(0.0, b * b - 4.0 * a * c)) - b) / (2.0 * a)
        variance = self.n * (2.0 * only_a + null * (1.0 - null))
        if variance <= 0.0:
            return float(np.copysign(np.inf, gap)) if gap else 0.0
        return float(gap / np.sqrt(variance))

    def _limit(self, z: float, *, upper: bool) -> float:
        """Return where the statistic is *z* from zero, beyond what was seen; the end if nowhere."""
        seen, end = (self.only_b - self.only_a) / self.n, _EDGE if upper else -_EDGE
        side = 1.0 if upper else -1.0
        if (abs(seen) >= _EDGE and seen * end > 0.0) or side * self.score(end) + z > 0.0:
            return side
        return float(optimize.brentq(lambda at: side * self.score(at) + z, seen, end, xtol=1e-13))


def mid_p(only_a: int, only_b: int) -> float:
    """
    Return the two-sided mid-p value of McNemar's test.

    Source: Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13, 91: the exact
    test without its bluntness; its error stayed below the nominal one in all of 9,595 cases.
    """
    total, fewer = only_a + only_b, min(only_a, only_b)
    if only_a == only_b:
        return 1.0
    half = float(special.bdtr(fewer, total, 0.5))
    here = half - (float(special.bdtr(fewer - 1, total, 0.5)) if fewer else 0.0)
    return min(1.0, 2.0 * half - here)


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the two-sided p-value that is reported: the larger of McNemar's score and mid-p."""
    total = only_a + only_b
    if not total:
        return 1.0
    score = 2.0 * float(special.ndtr(-abs(only_a - only_b) / np.sqrt(total)))
    return max(score, mid_p(only_a, only_b))
