"""The best of many arms against a baseline: how often worthless ones look as good together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, Ints, at_least
from llmlab.stats.multiple import holm
from llmlab.stats.onesided import above
from llmlab.stats.spread import Dependence, spread, summed

_CHUNK: Final = 500
"""Draws made at once, which bounds the memory."""
_ROUNDING: Final = 1e-18
_SMALLEST: Final = 1e-7
"""p-values below are alike: a lead without any spread has one that rounding decides."""
FEWEST_STRETCHES: Final = 4
"""Stretches of dates below which no bootstrap of them says anything."""


@dataclass(frozen=True, slots=True)
class PairedLead:
    """Scores of an arm minus the baseline's on the inputs of one run; no NaN."""

    gaps: Floats
    units: Ints
    """What moves together: the input or cluster of each, numbered alike for all leads."""
    steps: int = 0
    """Where units are dates in order: how far targets look ahead."""
    clustered: bool = False

    @property
    def depends(self) -> Dependence:
        """How its inputs depend on each other."""
        return Dependence(self.units if self.clustered else None, self.steps)


class Tried(NamedTuple):
    """One-sided p-values of "it is no better than the baseline", alone and among all tried."""

    alone: Floats
    among_all: Floats
    method: str


def reality_check(leads: Sequence[PairedLead], *, draws: int = 4_000, seed: int = 0) -> Tried:
    """
    Return p-values that hold for all *leads* together, however they depend on each other.

    The smallest p-value of all is compared with those of draws in which every unit changes its
    sign by lot, in all leads at once; then the next smallest without the first, and so on. Leads
    that share inputs or clusters so pay little for their number, leads on inputs of their own
    pay in full. Where targets overlap in time, Holm's adjustment of the long-run p-values.

    Source: White (2000), Econometrica 68(5); Romano & Wolf (2005), Econometrica 73(4), for the
    steps; Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90(3), for signs by
    cluster with the null imposed.

    Raises:
        UsageError: There is no lead, or *draws* is below 100.
    """
    if not leads:
        raise UsageError("there is no arm to compare with the baseline")
    at_least("draws", draws, 100)
    alone = np.array(
        [above(each.gaps, 0.0, each.depends.codes, steps=each.steps) for each in leads]
    )
    if any(each.steps for each in leads):
        return Tried(alone, holm(alone), "Holm, long-run")
    stats = [_Statistic.of(each) for each in leads]
    tested = np.array([each.known for each in stats])
    among = np.full(alone.size, np.nan)
    if tested.any():
        kept = [each for each, there in zip(stats, tested, strict=True) if there]
        rng = np.random.default_rng(seed)
        among[tested] = _stepped([each.p for each in kept], _drawn(kept, draws, rng))
    # The steps compare p-values of one kind; what a lead's own law keeps is not claimed, nor what
    # leads by nothing in every unit.
    return Tried(alone, np.fmax(among, np.where(tested, alone, 1.0)), "min p, sign flips")


@dataclass(frozen=True, slots=True)
class _Statistic:
    """A lead summed by unit, with what makes its t statistic of them."""

    units: Ints
    sums: Floats
    sizes: Floats
    scale: float
    """The squared error of the lead, over the spread of its units' sums."""
    freedom: float
    t: float

    @classmethod
    def of(cls, lead: PairedLead) -> "_Statistic":
        units = np.unique(lead.units)
        sums = summed(lead.gaps, lead.units)
        sizes = summed(np.ones(lead.gaps.size), lead.units)
        found, mean = spread(lead.gaps, lead.depends), float(lead.gaps.mean())
        inside = float(((sums - sizes * mean) ** 2).sum())
        if found.error > 0.0 and inside > _ROUNDING * float((sums**2).sum()):
            return cls(units, sums, sizes, found.error**2 / inside, found.freedom,
                       mean / found.error)  # fmt: skip
        # The same lead everywhere: no draw is further away, and those are as far whose signs agree.
        sure = mean > 0.0 and units.size > 1
        count, t = max(2, units.size), np.inf if sure else np.nan
        return cls(units, sums, sizes, count / (count - 1) / lead.gaps.size**2, count - 1.0, t)

    @property
    def known(self) -> bool:
        return not np.isnan(self.t)

    @property
    def p(self) -> float:
        return max(self.least, float(special.stdtr(self.freedom, -self.t)))

    @property
    def least(self) -> float:
        """Return how rare signs that all agree are: no lead is less likely than that."""
        return max(_SMALLEST, 0.5**self.units.size)


def _drawn(stats: Sequence[_Statistic], draws: int, rng: np.random.Generator) -> Floats:
    """Return the p-value of each lead in each draw; draws x leads."""
    units = np.unique(np.concatenate([each.units for each in stats]))
    sums, cross = np.zeros((2, units.size, len(stats)))
    for at, each in enumerate(stats):
        place = np.searchsorted(units, each.units)
        sums[place, at] = each.sums
        cross[place, at] = each.sums * each.sizes
    squares = (sums**2).sum(axis=0)
    inputs = np.array([each.sizes.sum() for each in stats])
    sizes = np.array([(each.sizes**2).sum() for each in stats])
    scale = np.array([each.scale for each in stats])
    freedom = np.array([each.freedom for each in stats])
    least = np.array([each.least for each in stats])
    made = []
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start)
        signs = rng.integers(0, 2, size=(count, units.size)) * 2.0 - 1.0
        means = signs @ sums / inputs
        inside = squares - 2.0 * means * (signs @ cross) + means**2 * sizes
        t = means / np.sqrt(scale * np.maximum(inside, np.finfo(float).tiny))
        made.append(np.maximum(special.stdtr(freedom, -t), least))
    return np.concatenate(made)


def _stepped(p: Sequence[float], drawn: Floats) -> Floats:
    """Return step-down adjusted p-values: each against the smallest of itself and those after."""
    values = np.asarray(p)
    order = np.argsort(values, kind="stable")
    smallest = np.minimum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    # Rounding must not tell a draw that equals what was seen from it.
    count = (smallest <= values[order] * (1.0 + 1e-9)).sum(axis=0)
    adjusted = np.empty(values.size)
    adjusted[order] = np.maximum.accumulate((1.0 + count) / (1.0 + drawn.shape[0]))
    return adjusted


# ---- one panel in the order of time ----------------------------------------------------------


class Superior(NamedTuple):
    """How often the best of worthless arms leads by as much: White's p-value, and Hansen's."""

    white: float
    spa: float
    """Arms that are clearly worse than the baseline do not count (consistent p-value)."""


def superior(gaps: Floats, block: float, *, draws: int = 1_000, seed: int = 0) -> Superior:
    """
    Return the reality check of the best column of *gaps* (dates in order x arms, no NaN).

    Dates are drawn in stretches of *block* on average (the stationary bootstrap). NaN where they
    are fewer than `FEWEST_STRETCHES` stretches: then draws hardly differ.

    Source: White (2000), Econometrica 68(5); Hansen (2005), J. Business & Economic Statistics
    23(4); Politis & Romano (1994), JASA 89.
    """
    dates = gaps.shape[0]
    if dates < FEWEST_STRETCHES * block:
        return Superior(white=float("nan"), spa=float("nan"))
    means = gaps.mean(axis=0)
    contends = means >= -np.sqrt(_long_run(gaps, block) / dates * 2.0 * np.log(np.log(dates)))
    rng = np.random.default_rng(seed)
    beyond = np.zeros(2)
    centre = np.where(contends, means, 0.0)
    for _ in range(draws):
        drawn = gaps[stationary(dates, block, rng)].mean(axis=0)
        best = np.array([(drawn - means).max(), (drawn - centre).max()])
        # A draw that comes to the same is as far: where all arms equal the baseline, every one.
        beyond += best >= means.max() - 1e-12 * np.abs(gaps).max()
    white, spa = (1.0 + beyond) / (1.0 + draws)
    return Superior(white=float(white), spa=float(spa))


def stationary(dates: int, block: float, rng: np.random.Generator) -> Ints:
    """Draw *dates* places in stretches of geometric length, *block* on average, on a circle."""
    starts = rng.integers(dates, size=dates, dtype=np.int64)
    fresh: Flags = rng.random(dates) <= 1.0 / block
    fresh[0] = True
    begun = np.maximum.accumulate(np.where(fresh, np.arange(dates), 0))
    return np.asarray((starts[begun] + np.arange(dates) - begun) % dates, dtype=np.intp)


def _long_run(gaps: Floats, block: float) -> Floats:
    """Return the variance of each mean, times dates, under the stationary bootstrap."""
    dates, rest = gaps.shape[0], gaps - gaps.mean(axis=0)
    found = (rest**2).sum(axis=0) / dates
    stay = 1.0 - 1.0 / block
    for lag in range(1, dates):
        share = lag / dates
        weight = (1.0 - share) * stay**lag + share * stay ** (dates - lag)
        found += 2.0 * weight * (rest[:-lag] * rest[lag:]).sum(axis=0) / dates
    return np.asarray(found)
