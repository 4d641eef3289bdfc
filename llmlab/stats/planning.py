"""Plan a run from a pilot: inputs, dollars and minutes needed for a given power."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

from llmlab.errors import UsageError
from llmlab.stats.against import Against
from llmlab.stats.arms import Arm, arms
from llmlab.stats.checks import at_least, fraction, positive
from llmlab.stats.clusters import Cluster
from llmlab.stats.matrix import Name
from llmlab.stats.paired import Pair, pairs
from llmlab.stats.power import paired_power
from llmlab.stats.reach import Reach, worth
from llmlab.stats.variance import Flicker

if TYPE_CHECKING:
    import pandas as pd

MOST_INPUTS: Final = 10**9
FEWEST: Final = 6
"""Clusters of a pilot below which no plan is made."""
SURE: Final = 0.8
"""One-sided confidence of the cautious SD (Browne 1995)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """What it takes to see `difference` between two arms."""

    a: Name
    b: Name
    difference: float
    sd: float
    """Of paired differences in the pilot, clusters included."""
    inputs: int
    """For the pilot's spread; of whole clusters of the pilot's mean size, where there are."""
    inputs_cautious: int
    """For the SD's upper 80 % limit: a small pilot asks for more."""
    calls: int
    """Of both arms, for `inputs`."""
    cost_usd: float
    """NaN when a price is unknown."""
    cost_cautious_usd: float
    minutes: float
    power: float
    alpha: float
    """Of this one comparison, after sharing it with the others."""
    clusters: int | None = None
    """Clusters, or dates, that those inputs must come from."""


def inputs_needed(sd: float, difference: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Return the fewest inputs with which a two-sided paired t test finds *difference*."""
    positive("difference", abs(difference))
    fraction("power", power)
    fraction("alpha", alpha)
    if sd < 0.0 or np.isnan(sd):
        raise UsageError(f"sd must be known and not negative, got {sd!r}")
    low, high = 1, 2
    while paired_power(difference, sd, high, alpha) < power:
        low, high = high, high * 2
        if high > MOST_INPUTS:
            raise UsageError("the difference is too small: over a billion inputs needed")
    while high - low > 1:
        middle = (low + high) // 2
        enough = paired_power(difference, sd, middle, alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def plan(
    rows: "pd.DataFrame",
    *,
    difference: float,
    power: float = 0.8,
    alpha: float = 0.05,
    in_flight: int = 8,
    cluster: Cluster = None,
    repeats: int | None = None,
    against: Against = None,
) -> tuple[SamplePlan, ...]:
    """
    Return what each pair of a pilot needs, fewest inputs first.

    A pair whose spread is unknown is left out. *alpha* is shared by all pairs, or by those of the
    baseline that *against* names (Bonferroni: the strictest step of Holm). The power is that of the
    test which the run will use (see `reach`); where inputs move together, clusters are counted.
    Cost and latency a call are those of the pilot, and so are repeats unless *repeats* says how
    many each input is to have: the pilot's split of the spread (`variance`) then says what they
    are worth. *in_flight* calls run at a time.

    Raises:
        UsageError: when the pilot has fewer than `FEWEST` clusters: nothing is known of their
            spread; or *repeats* is given and the pilot asked each input once.

    Source: Browne (1995), Statistics in Medicine 14, 1933-1940, for the cautious SD.
    """
    at_least("in_flight", in_flight, 1)
    found = pairs(rows, cluster=cluster, against=against)
    _require_pilot(found)
    share = fraction("alpha", alpha) / max(1, len(found))
    wish = _Wish(
        difference=difference, power=power, alpha=share, in_flight=in_flight, repeats=repeats
    )
    if repeats is not None:
        found = _repeated(rows, found, at_least("repeats", repeats, 1), cluster)
    return tuple(sorted(_plans(rows, found, wish), key=lambda one: (one.inputs, one.a, one.b)))


def _plans(rows: "pd.DataFrame", found: Sequence[Pair], wish: "_Wish") -> list[SamplePlan]:
    by_name = {arm.name: arm for arm in arms(rows, compared=found)}
    seconds = _seconds(rows)
    return [
        _plan(pair, (by_name[pair.a], by_name[pair.b]), seconds, wish)
        for pair in found
        if not np.isnan(_sd(pair))
    ]


def _require_pilot(found: tuple[Pair, ...]) -> None:
    few = [pair.clusters for pair in found if pair.clusters and pair.clusters < FEWEST]
    if few:
        raise UsageError(
            f"a plan needs a pilot of at least {FEWEST} clusters, and this one has {min(few)}: "
            "too few to know how far clusters differ"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    difference: float
    power: float
    alpha: float
    in_flight: int
    repeats: int | None


def _plan(pair: Pair, both: tuple[Arm, Arm], seconds: dict[Name, float], wish: _Wish) -> SamplePlan:
    units = worth(pair)
    needed = _units(pair, wish)
    more = _units(pair, wish, _caution(units - 1))
    size = pair.inputs / units
    inputs, cautious = math.ceil(needed * size), math.ceil(more * size)
    busy = sum(inputs * _repeats(arm, wish) * seconds[arm.name] for arm in both)
    return SamplePlan(
        a=pair.a,
        b=pair.b,
        difference=wish.difference,
        sd=_sd(pair),
        inputs=inputs,
        inputs_cautious=cautious,
        calls=round(sum(inputs * _repeats(arm, wish) for arm in both)),
        cost_usd=sum(inputs * _cost(arm, wish) for arm in both),
        cost_cautious_usd=sum(cautious * _cost(arm, wish) for arm in both),
        minutes=busy / wish.in_flight / 60.0,
        power=wish.power,
        alpha=wish.alpha,
        clusters=math.ceil(needed * pair.clusters / units) if pair.clusters else None,
    )


def _units(pair: Pair, wish: _Wish, caution: float = 1.0) -> int:
    """Return the inputs, or clusters, that the pair's own test needs."""
    test = Reach.of(pair, wish.alpha)
    share = None if test.discordant is None else min(1.0, test.discordant * caution**2)
    test = replace(test, sd=test.sd * caution, discordant=share)
    found = test.units(wish.difference, wish.power)
    if found >= MOST_INPUTS:
        raise UsageError("the difference is too small: over a billion inputs needed")
    return found


def _sd(pair: Pair) -> float:
    """Return the pair's SD; where 0/1 arms never differed, what one more of each would give."""
    if pair.sd > 0.0 or np.isnan(pair.sd):
        return pair.sd
    if pair.discordant is None:
        return float("nan")
    return float(np.sqrt(2.0 / (pair.inputs + 2.0)))


def _caution(freedom: int) -> float:
    return float(np.sqrt(freedom / stats.chi2.ppf(1.0 - SURE, freedom)))


def _repeated(
    rows: "pd.DataFrame", found: Sequence[Pair], repeats: int, cluster: Cluster
) -> tuple[Pair, ...]:
    """Return the pairs as they would be with other repeats, their flicker averaged by those."""
    read, made = Flicker.read(rows, cluster), []
    names = read.table.names
    for pair in found:
        spread = read.of_pair(names.index(pair.a), names.index(pair.b))
        if np.isnan(spread.repeat):
            raise UsageError(
                "the pilot asked each input once, so nothing is known of the flicker: "
                "run it with repeats=2, or leave out repeats="
            )
        now = spread.of_mean()
        ratio = spread.of_mean(repeats) / now if now > 0.0 else 1.0
        made.append(replace(pair, sd=pair.sd * math.sqrt(ratio), discordant=None))
    return tuple(made)


def _repeats(arm: Arm, wish: _Wish) -> float:
    return arm.calls / arm.inputs if wish.repeats is None else wish.repeats


def _cost(arm: Arm, wish: _Wish) -> float:
    """Return dollars an input."""
    repeated = 1.0 if wish.repeats is None else wish.repeats / (arm.calls / arm.inputs)
    return arm.cost_usd / arm.inputs * repeated


def _seconds(rows: "pd.DataFrame") -> dict[Name, float]:
    means = rows[rows["status"] == "ok"].groupby(["prompt", "label"], observed=True)
    table = means["latency_s"].mean().reset_index()
    return {
        (str(prompt), str(label)): float(seconds)
        for prompt, label, seconds in table.itertuples(index=False)
    }
