"""
What the test that a run will really use can find: by its units, their number and its family.

`power` is Student's paired t, which needs no more than a spread. The runs' own tests are exact:
McNemar over inputs that only one arm got right, sign flips over inputs or clusters. With few units
those cannot give a small p at all, however large the difference is: all signs alike have 2^(1-n).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
from scipy import optimize, stats

from llmlab.stats.checks import Floats, fraction
from llmlab.stats.paired import Pair
from llmlab.stats.power import paired_power

FEW: Final = 14
"""Up to so many units the sign-flip test is played through; above, Student's power is near."""
MOST: Final = 10**9
_PLAYED: Final = 2_000
_SMALL: Final = 1e-12
_SEED: Final = 0


def least_units(alpha: float) -> int:
    """Return the fewest units with which a sign-flip test can reach *alpha*: 6 for 0.05."""
    return math.ceil(1.0 - math.log2(fraction("alpha", alpha)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The paired test of one comparison at *alpha*, before its units are there."""

    sd: float
    """Of the difference of one unit: an input, or a cluster's mean."""
    alpha: float
    discordant: float | None = None
    """Share of inputs that only one arm gets right, for 0/1 scores without clusters."""

    @classmethod
    def of(cls, pair: Pair, alpha: float) -> "Reach":
        """Return the test that *pair*, taken as a pilot, would be given at *alpha*."""
        units = pair.clusters or pair.inputs
        sd = pair.sd * math.sqrt(units / pair.inputs)
        if pair.discordant is None or pair.clusters:
            return cls(sd=sd, alpha=alpha)
        # Arms that never differed get what one more of each would give.
        share = pair.discordant / pair.inputs or 2.0 / (pair.inputs + 2.0)
        return cls(sd=sd or math.sqrt(share), alpha=alpha, discordant=share)

    def power(self, difference: float, units: int) -> float:
        """Return the chance that *units* find *difference*."""
        if units < least_units(self.alpha):
            return 0.0
        if self.discordant is not None:
            return mcnemar_power(abs(difference), self.discordant, units, self.alpha)
        if self.sd <= 0.0:
            return 1.0 if difference else self.alpha
        if units <= FEW:
            return _played_power(abs(difference) / self.sd, units, self.alpha)
        return paired_power(difference, self.sd, units, self.alpha)

    def units(self, difference: float, power: float) -> int:
        """Return the fewest units that find *difference* with *power*; `MOST` when none do."""
        low = high = least_units(self.alpha)
        while self.power(difference, high) < power:
            low, high = high, high * 2
            if high > MOST:
                return MOST
        while high - low > 1:
            middle = (low + high) // 2
            enough = self.power(difference, middle) >= power
            low, high = (low, middle) if enough else (middle, high)
        return high

    def detectable(self, units: int, power: float) -> float:
        """Return the smallest difference that *units* find with *power*; infinite when none."""
        if units < least_units(self.alpha):
            return math.inf
        high = 1.0 if self.discordant is not None else max(self.sd, _SMALL)
        while self.power(high, units) < power:
            if self.discordant is not None:
                return math.inf
            high *= 2.0
        return float(
            optimize.bisect(lambda gap: self.power(gap, units) - power, 0.0, high, xtol=1e-4 * high)
        )


def mcnemar_power(difference: float, discordant: float, n: int, alpha: float) -> float:
    """
    Return the chance that exact McNemar on *n* inputs finds *difference* of two rates.

    *discordant* is the share of inputs that only one arm gets right; at least *difference*.

    Source: Lachenbruch (1992), "On the sample size for studies based upon McNemar's test",
    Statistics in Medicine 11(11): the unconditional power, summed over the discordant inputs.
    """
    share = min(1.0, max(discordant, difference))
    if share == 0.0:
        return 0.0
    up = min(1.0, (share + difference) / (2.0 * share))
    spread = 8.0 * math.sqrt(n * share * (1.0 - share)) + 8.0
    counts = np.arange(max(0, int(n * share - spread)), min(n, int(n * share + spread)) + 1)
    edge = stats.binom.isf(alpha / 2.0, counts, 0.5) + 1.0
    found = stats.binom.sf(edge - 1.0, counts, up) + stats.binom.cdf(counts - edge, counts, up)
    return float((stats.binom.pmf(counts, n, share) * found).sum())


def _played_power(shift: float, units: int, alpha: float) -> float:
    """Return the share of normal samples, *shift* SDs from zero, that the sign flips find."""
    noise, signs = _samples(units)
    values = noise + shift
    found = 0
    for part in np.array_split(values, max(1, values.shape[0] * signs.shape[1] // 4_000_000)):
        edges = np.abs(part.sum(axis=1)) - 1e-9
        p = (np.abs(part @ signs) >= edges[:, None]).mean(axis=1)
        found += int((p <= alpha).sum())
    return found / _PLAYED


@lru_cache(maxsize=FEW)
def _samples(units: int) -> tuple[Floats, Floats]:
    noise = np.random.default_rng(_SEED).normal(size=(_PLAYED, units))
    rest = np.array(list(product((-1.0, 1.0), repeat=units - 1))).reshape(-1, units - 1)
    return noise, np.column_stack([np.ones(rest.shape[0]), rest]).T
