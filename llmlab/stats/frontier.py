"""The Pareto frontier of score and cost, and the probability of being on it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, Ints, at_least, fraction
from llmlab.stats.clusters import Cluster
from llmlab.stats.matrix import Matrix, Name, charged, matrix, numbers

if TYPE_CHECKING:
    import pandas as pd

BLOCKS: Final = 1_024
"""Above so many inputs or clusters, random blocks of them are resampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """One arm on the map of cost and quality."""

    prompt: str
    label: str
    score: float
    cost_per_1000_usd: float
    on_frontier: bool
    """No other arm is at least as good and as cheap, and better in one."""
    probability: float
    """How often it is on the frontier when inputs are resampled; NaN without a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """The price of quality at which two neighbours on the frontier are equally useful."""

    cheap: Name
    dear: Name
    dollars_per_point: float
    """Extra dollars per 1,000 calls for one point (1.00) of score: pay more, take the dear."""
    low: float
    high: float


def frontier(
    rows: "pd.DataFrame", *, cluster: Cluster = None, draws: int = 2_000, seed: int = 0
) -> tuple[FrontierPoint, ...]:
    """
    Return the arms from cheap to dear with the chance that each is on the frontier.

    Inputs (or clusters) are resampled, score and cost of an input together. Arms without a
    known cost or score cannot be placed: their probability is NaN and they rule nobody out.

    Source: Efron & Tibshirani (1993), "An Introduction to the Bootstrap", chapter 8.
    """
    maps = _Maps.read(rows, cluster, at_least("draws", draws, 1), seed)
    on, chance = _undominated(maps.score, maps.cost), np.zeros(len(maps.names))
    for score, cost in zip(maps.scores, maps.costs, strict=True):
        chance += _undominated(score, cost)
    placed = ~(np.isnan(maps.score) | np.isnan(maps.cost))
    order = sorted(range(len(maps.names)), key=lambda arm: (not placed[arm], maps.cost[arm]))
    return tuple(
        FrontierPoint(
            prompt=maps.names[arm][0],
            label=maps.names[arm][1],
            score=float(maps.score[arm]),
            cost_per_1000_usd=1_000.0 * float(maps.cost[arm]),
            on_frontier=bool(on[arm]),
            probability=float(chance[arm] / draws) if placed[arm] else float("nan"),
        )
        for arm in order
    )


def break_even(
    rows: "pd.DataFrame",
    *,
    cluster: Cluster = None,
    level: float = 0.95,
    draws: int = 2_000,
    seed: int = 0,
) -> tuple[BreakEven, ...]:
    """
    Return the break-even price between neighbours on the frontier, from cheap to dear.

    With utility U = score - cost / lambda, lambda is `dollars_per_point`: whoever values a
    point of score higher takes the dear arm. Percentile limits; an upper limit of infinity
    says that the dear arm may not be better at all.
    """
    maps = _Maps.read(rows, cluster, at_least("draws", draws, 1), seed)
    tail = (1.0 - fraction("level", level)) / 2.0
    on = np.flatnonzero(_undominated(maps.score, maps.cost))
    on = on[np.argsort(maps.cost[on], kind="stable")]
    found = []
    for cheap, dear in pairwise(on):
        if maps.cost[cheap] == maps.cost[dear]:
            continue
        extra = 1_000.0 * (maps.costs[:, dear] - maps.costs[:, cheap])
        prices = _price(extra, maps.scores[:, dear] - maps.scores[:, cheap])
        # Neighbouring order statistics, for between two infinities nothing can be interpolated.
        low = np.quantile(prices, tail, method="lower")
        high = np.quantile(prices, 1.0 - tail, method="higher")
        gain = maps.score[dear] - maps.score[cheap]
        found.append(
            BreakEven(
                cheap=maps.names[cheap],
                dear=maps.names[dear],
                dollars_per_point=float(1_000.0 * (maps.cost[dear] - maps.cost[cheap]) / gain),
                low=float(low),
                high=float(high),
            )
        )
    return tuple(found)


def _price(extra: Floats, gain: Floats) -> Floats:
    """Return dollars a point; infinite where money buys nothing, zero where it is not more."""
    safe = np.where(gain > 0.0, gain, 1.0)
    return np.where(gain > 0.0, np.maximum(extra, 0.0) / safe, np.inf)


def _undominated(score: Floats, cost: Floats) -> Flags:
    better = score[None, :] >= score[:, None]
    cheaper = cost[None, :] <= cost[:, None]
    strictly = (score[None, :] > score[:, None]) | (cost[None, :] < cost[:, None])
    placed = ~(np.isnan(score) | np.isnan(cost))
    return np.asarray(placed & ~(better & cheaper & strictly).any(axis=1), dtype=bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maps:
    """Scores and costs by arm: as measured, and resampled (draws x arms)."""

    names: tuple[Name, ...]
    score: Floats
    cost: Floats
    scores: Floats
    costs: Floats

    @classmethod
    def read(cls, rows: "pd.DataFrame", cluster: Cluster, draws: int, seed: int) -> "_Maps":
        table = matrix(rows, ("cost_usd",), cluster=cluster)
        rng = np.random.default_rng(seed)
        units = _units(table, rng)
        sums = [_sum_by(units, part) for part in _parts(table, rows)]
        count = sums[0].shape[0]
        if count < 2:  # noqa: PLR2004 - nothing to resample
            raise UsageError("a frontier needs at least two inputs (or clusters)")
        weights = rng.multinomial(count, np.full(count, 1.0 / count), size=draws).astype(float)
        whole = np.ones((1, count))
        return cls(
            names=table.names,
            score=_ratio(whole @ sums[0], whole @ sums[1])[0],
            cost=_ratio(whole @ sums[2], whole @ sums[3])[0],
            scores=_ratio(weights @ sums[0], weights @ sums[1]),
            costs=_ratio(weights @ sums[2], weights @ sums[3]),
        )


def _units(table: Matrix, rng: np.random.Generator) -> Ints:
    units = np.arange(len(table.inputs)) if table.codes is None else table.codes
    if table.steps:
        # Dates are resampled in stretches, which share little with each other.
        units = units // (2 * table.steps)
    count = int(units.max()) + 1
    if count <= BLOCKS:
        return units
    return (rng.permutation(count) * BLOCKS // count).astype(np.intp)[units]


def _parts(table: Matrix, rows: "pd.DataFrame") -> tuple[Floats, Floats, Floats, Floats]:
    """Return inputs x arms: score, scored, dollars, calls charged; an unknown price stays NaN."""
    cost, counted = numbers(rows, "cost_usd"), charged(rows)
    shape = table.scores.shape
    cells = table.input_of * shape[1] + table.arm_of
    size = shape[0] * shape[1]
    # Scores of the inputs that are compared, as in the ranking; dollars of every call.
    has = np.column_stack([table.of_arm(place) for place in range(shape[1])])
    dollars = np.bincount(cells, weights=cost, minlength=size).reshape(shape)
    calls = np.bincount(cells[counted], minlength=size).reshape(shape).astype(float)
    score = np.where(has, table.scores, 0.0)
    return score, has.astype(float), dollars.astype(float), calls


def _sum_by(units: Ints, part: Floats) -> Floats:
    count = int(units.max()) + 1
    return np.column_stack(
        [np.bincount(units, weights=column, minlength=count) for column in part.T]
    )


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.where(bottom > 0.0, top / np.where(bottom > 0.0, bottom, 1.0), np.nan)
