"""
What the test that a run will really use can find: by its units, their number and its family.

`power` is Student's paired t, which needs no more than a spread. The runs' own tests ask more:
McNemar's score and mid-p over inputs that only one arm got right; elsewhere sign flips over inputs
or clusters beside Student's. With few units those cannot give a small p at all, however large the
difference is: all signs alike have 2^(1-n). Unequal clusters, and dates whose targets look ahead,
are worth fewer units than they are: one more than their degrees of freedom.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
from scipy import optimize, special, stats

from llmlab.stats.checks import Floats, Ints, fraction
from llmlab.stats.means import SERIAL
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


def least_discordant(alpha: float) -> int:
    """Return the fewest inputs, all got right by one arm alone, that reach *alpha*: 5 for 0.05."""
    score = float(special.ndtri(fraction("alpha", alpha) / 2.0)) ** 2
    return math.ceil(max(score, -math.log2(alpha)))


def least_of(pair: Pair, alpha: float) -> int:
    """Return the fewest inputs, clusters or dates with which the test of *pair* reaches *alpha*."""
    if pair.test == SERIAL:
        return 1
    flips = pair.discordant is None or pair.clusters
    return least_units(alpha) if flips else least_discordant(alpha)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The paired test of one comparison at *alpha*, before its units are there."""

    sd: float
    """Of the difference of one unit: an input, or a cluster's mean."""
    alpha: float
    discordant: float | None = None
    """Share of inputs that only one arm gets right, for 0/1 scores without clusters."""
    flips: bool = True
    """Whether signs of units are flipped beside Student's test."""

    @classmethod
    def of(cls, pair: Pair, alpha: float) -> "Reach":
        """Return the test that *pair*, taken as a pilot, would be given at *alpha*."""
        units = worth(pair)
        sd = pair.sd * math.sqrt(units / pair.inputs)
        if pair.discordant is None or pair.clusters:
            return cls(sd=sd, alpha=alpha, flips=units == (pair.clusters or pair.inputs))
        # Arms that never differed get what one more of each would give.
        share = pair.discordant / pair.inputs or 2.0 / (pair.inputs + 2.0)
        return cls(sd=sd or math.sqrt(share), alpha=alpha, discordant=share)

    @property
    def least(self) -> int:
        """Return the fewest units with which the test can find anything."""
        if self.discordant is not None:
            return least_discordant(self.alpha)
        return least_units(self.alpha) if self.flips else 2

    def power(self, difference: float, units: int) -> float:
        """Return the chance that *units* find *difference*."""
        if units < self.least:
            return 0.0
        if self.discordant is not None:
            return mcnemar_power(abs(difference), self.discordant, units, self.alpha)
        if self.sd <= 0.0:
            return 1.0 if difference else self.alpha
        if self.flips and units <= FEW:
            return _played_power(abs(difference) / self.sd, units, self.alpha)
        return paired_power(difference, self.sd, units, self.alpha)

    def units(self, difference: float, power: float) -> int:
        """Return the fewest units that find *difference* with *power*; `MOST` when none do."""
        low = high = self.least
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
        if units < self.least:
            return math.inf
        high = 1.0 if self.discordant is not None else max(self.sd, _SMALL)
        while self.power(high, units) < power:
            if self.discordant is not None:
                return math.inf
            high *= 2.0
        return float(
            optimize.bisect(lambda gap: self.power(gap, units) - power, 0.0, high, xtol=1e-4 * high)
        )


def worth(pair: Pair) -> int:
    """Return how many equal units the inputs, clusters or dates of *pair* are worth, at least 2."""
    units = pair.clusters or pair.inputs
    if not pair.clusters or math.isnan(pair.freedom):
        return units
    return max(2, min(units, round(pair.freedom) + 1))


def mcnemar_power(difference: float, discordant: float, n: int, alpha: float) -> float:
    """
    Return the chance that McNemar's score and mid-p on *n* inputs find *difference* of two rates.

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
    edge = _edge(counts, alpha)
    found = stats.binom.sf(edge - 1.0, counts, up) + stats.binom.cdf(counts - edge, counts, up)
    return float((stats.binom.pmf(counts, n, share) * found).sum())


def _edge(counts: Ints, alpha: float) -> Floats:
    """Return how many of so many discordant inputs one arm must have for both tests to reject."""
    score = np.ceil((counts - special.ndtri(alpha / 2.0) * np.sqrt(counts)) / 2.0 - 1e-9)
    # The exact test's edge, or one less where half of its own chance suffices.
    exact = stats.binom.isf(alpha / 2.0, counts, 0.5) + 1.0
    less = exact - 1.0
    half = stats.binom.sf(less, counts, 0.5) + stats.binom.pmf(less, counts, 0.5) / 2.0
    return np.asarray(np.maximum(score, np.where(half <= alpha / 2.0, less, exact)))


def _played_power(shift: float, units: int, alpha: float) -> float:
    """Return the share of normal samples, *shift* SDs from zero, that Student's and flips find."""
    noise, signs = _samples(units)
    values = noise + shift
    t = values.mean(axis=1) / values.std(axis=1, ddof=1) * math.sqrt(units)
    # Both tests must reject; the flips are played only where Student's does.
    values = values[np.abs(t) >= float(stats.t.isf(alpha / 2.0, units - 1))]
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
