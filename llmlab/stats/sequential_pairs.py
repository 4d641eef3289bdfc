"""Arms and pairs of a run that was checked while it went on: figures that are valid at any time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from llmlab.stats.against import Against, places_of
from llmlab.stats.arms import Arm, arms
from llmlab.stats.best_arm import SHARE, BestArm
from llmlab.stats.checks import Flags, Floats, Ints, positive
from llmlab.stats.clusters import Cluster, Dated
from llmlab.stats.equivalence import Equivalence
from llmlab.stats.matrix import Matrix, Name, matrix, numbers, pair_names
from llmlab.stats.multiple import holm
from llmlab.stats.paired import Pair
from llmlab.stats.sequential import PairedSequence, p_below
from llmlab.stats.shared import possible
from llmlab.stats.spread import Dependence, spread

if TYPE_CHECKING:
    import pandas as pd

NOT_VALID = "not valid after watching"
"""`score_method` of an interval that is not valid after interim looks."""


def looked_pairs(
    rows: "pd.DataFrame",
    *,
    bound: float,
    cluster: Cluster = None,
    level: float = 0.95,
    against: Against = None,
) -> tuple[Pair, ...]:
    """
    Return every pair of arms by a confidence sequence over inputs in the order of `block`.

    A fixed-size test would be too sure of itself after a run that stopped when it looked good.
    Only inputs whose calls have all come back count. `difference` is the mean over inputs, with
    clusters too: a cluster is one look, weighted by its size, as it was while the run went on.
    `low` and `high` hold at all times at once. `p_adjusted` is for all pairs: see `_adjusted`;
    with a baseline (*against*) Holm over the pairs with it.

    Raises:
        UsageError: rows lack a column, or a difference is larger than *bound*.
    """
    watched = Watched.read(rows, cluster, bound)
    places = places_of(watched.table.names, against)
    found = [_pair(watched, one, other, level) for one, other in places]
    if against is None:
        adjusted = _adjusted(watched, found, 1.0 - level)
    else:
        adjusted = holm([pair.p for pair in found])
    return tuple(
        replace(pair, p_adjusted=float(p)) for pair, p in zip(found, adjusted, strict=True)
    )


def _adjusted(watched: "Watched", found: Sequence[Pair], alpha: float) -> Floats:
    """
    Return the p-values for all pairs together.

    Of three ranked arms or more one may be the best, which is tested on its own (`BestArm`) with
    the larger part of the error; what is left is for all pairs (Holm). Once the best is named only
    half of its part can be spent wrongly, and the other pairs have the rest.
    """
    p = np.array([pair.p for pair in found])
    table, every = watched.table, holm(p)
    places = np.flatnonzero(table.ranked)
    if places.size < 3 or not table.compared.any():  # noqa: PLR2004 - of two, the pair says it
        return every
    best, claim = _best(watched, places, alpha)
    rivals = {table.names[at] for at in places} - {best}
    mine = np.array(
        [best in (pair.a, pair.b) and bool({pair.a, pair.b} & rivals) for pair in found]
    )
    every = np.minimum(1.0, every / (1.0 - SHARE))
    others = np.minimum(1.0, holm(p[~mine]) / (1.0 - SHARE / 2.0))
    every[mine] = np.minimum(every[mine], claim)
    every[~mine] = np.minimum(every[~mine], np.maximum(claim, others))
    return every


def _best(watched: "Watched", places: Ints, alpha: float) -> tuple[Name, float]:
    """Return the arm that is most likely the best, and the p-value of that."""
    table = watched.table
    lines = watched.complete(table.compared)
    looks = [watched.looks(table.scores[:, place], lines) for place in places]
    race = BestArm(places.size, alpha, bound=watched.bound, largest=watched.largest)
    race.feed(np.column_stack([means for means, _ in looks]), looks[0][1])
    p = race.p
    at = int(np.argmin(p))
    return table.names[places[at]], float(p[at])


def looked_arms(
    rows: "pd.DataFrame",
    *,
    bound: float,
    compared: Sequence[Pair],
    chance: float | None = None,
    cluster: Cluster = None,
    level: float = 0.95,
) -> tuple[Arm, ...]:
    """
    Return one record an arm of a watched run, best first, with intervals that hold at any time.

    They need to know between which values a score lies: 0 and 1, where all do and *bound* is 1.
    Elsewhere the interval is that of a fixed size, and `score_method` says that it is not valid.
    """
    watched = Watched.read(rows, cluster, bound)
    found = arms(rows, chance=chance, cluster=cluster, level=level, compared=compared)
    listed = [_arm(watched, arm, level) for arm in found]
    adjusted = holm([arm.p_chance for arm in listed])
    return tuple(
        replace(arm, p_chance_adjusted=float(p)) for arm, p in zip(listed, adjusted, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A run in the order in which it was watched."""

    table: Matrix
    bound: float
    order: Ints
    """Complete inputs, first sent first."""
    units: Ints
    """What was looked at in one go: an input, or its cluster."""
    largest: int
    """Inputs of the largest cluster of the design, sent or not."""

    @classmethod
    def read(cls, rows: "pd.DataFrame", cluster: Cluster, bound: float) -> "Watched":
        """Read a run; its rows have a column `block`, the place of an input in the order."""
        table = matrix(rows, ("block",), cluster=cluster)
        alone = table.codes is None
        return cls(
            table=table,
            bound=positive("bound", bound),
            order=_order(table, rows),
            units=np.arange(len(table.inputs), dtype=np.intp) if alone else _coded(table),
            largest=1 if alone else _largest(table, rows, cluster),
        )

    def looks(self, values: Floats, lines: Flags) -> tuple[Floats, Floats]:
        """Return the mean of each unit over *lines* of it, in order, and its number of inputs."""
        order = self.order[lines[self.order]]
        if not order.size:
            return np.empty(0), np.empty(0)
        _, first, codes = np.unique(self.units[order], return_index=True, return_inverse=True)
        sizes = np.bincount(codes).astype(float)
        means = np.bincount(codes, weights=values[order]) / sizes
        turn = np.argsort(first, kind="stable")
        return means[turn], sizes[turn]

    def complete(self, lines: Flags) -> Flags:
        """Return *lines* without inputs that were still under way when the run stopped."""
        made = np.zeros_like(lines)
        made[self.order] = lines[self.order]
        return made

    def sequence(self, level: float, bound: float) -> PairedSequence:
        """Return a confidence sequence for units of this run."""
        return PairedSequence(1.0 - level, bound=bound, largest=self.largest)


def looked_equivalence(
    watched: Watched, one: int, other: int, *, margin: float, alpha: float
) -> Equivalence:
    """Return whether arm *other* is not worse than arm *one* by *margin*, valid at any time."""
    table = watched.table
    lines = watched.complete(table.of_pair(one, other))
    gaps = table.scores[:, other] - table.scores[:, one]
    means, sizes = watched.looks(gaps, lines)
    sequence = watched.sequence(1.0 - 2.0 * alpha, watched.bound)
    sequence.feed(means, sizes)
    interval, shares, edge = sequence.interval(), sizes / watched.largest, margin / watched.bound
    return Equivalence(
        inputs=int(lines.sum()),
        difference=_mean(gaps[lines]),
        low=interval.low,
        high=interval.high,
        margin=margin,
        p_not_worse=p_below(-means / watched.bound, edge, shares),
        p_not_better=p_below(means / watched.bound, edge, shares),
        alpha=alpha,
        test="betting, any look",
    )


def _pair(watched: Watched, one: int, other: int, level: float) -> Pair:
    table, names = watched.table, watched.table.names
    whole_a, whole_b = table.scores[:, one], table.scores[:, other]
    both = watched.complete(table.of_pair(one, other))
    gaps = whole_b - whole_a
    means, sizes = watched.looks(gaps, both)
    sequence = watched.sequence(level, watched.bound)
    sequence.feed(means, sizes)
    interval = sequence.interval()
    shared, least, most = table.clusters_of(both), *possible(whole_a, whole_b, *table.limits)
    error = spread(gaps[both], Dependence(shared)).error
    return Pair(
        **pair_names(names[one], names[other]),
        inputs=int(both.sum()),
        mean_a=_mean(whole_a[both]),
        mean_b=_mean(whole_b[both]),
        difference=_mean(gaps[both]),
        low=interval.low,
        high=interval.high,
        p=sequence.p if means.size else float("nan"),
        p_adjusted=float("nan"),
        test="betting, any look",
        discordant=None,
        sd=float(error * np.sqrt(both.sum())),
        clusters=None if shared is None else int(means.size),
        missing=int(both.size - both.sum()),
        possible_low=least,
        possible_high=most,
    )


def _arm(watched: Watched, arm: Arm, level: float) -> Arm:
    """Replace what a look may have spoilt: the score's inputs, its interval, its p-value."""
    table = watched.table
    place = table.names.index(arm.name)
    values, lines = table.scores[:, place], watched.complete(table.of_arm(place))
    compared = int(lines.sum()) if arm.compared else 0
    made = replace(
        arm,
        compared=compared,
        score=_mean(values[lines]),
        # What is said of the winner holds only where the size of the run was fixed.
        probability_best=np.nan,
        winner_score=np.nan,
        winner_low=np.nan,
        winner_high=np.nan,
    )
    if table.limits != (0.0, 1.0) or watched.bound > 1.0:
        return replace(made, score_method=f"{arm.score_method}, {NOT_VALID}", p_chance=np.nan)
    means, sizes = watched.looks(values, lines)
    sequence = watched.sequence(level, 0.5)
    sequence.feed(means - 0.5, sizes)
    interval = sequence.interval()
    shares = sizes / watched.largest
    chance = p_below(1.0 - means, 1.0 - arm.chance, shares) if arm.chance < 1.0 else 1.0
    return replace(
        made,
        score_low=interval.low + 0.5,
        score_high=interval.high + 0.5,
        score_method="betting, any look",
        p_chance=np.nan if np.isnan(arm.chance) else chance,
    )


def _order(table: Matrix, rows: "pd.DataFrame") -> Ints:
    """Return the complete inputs in the order in which they were sent."""
    block = np.full(len(table.inputs), np.inf)
    np.minimum.at(block, table.input_of, numbers(rows, "block"))
    calls = np.bincount(table.input_of, minlength=len(table.inputs))
    order = np.argsort(block, kind="stable")
    return np.asarray(order[calls[order] == calls.max()], dtype=np.intp)


def _coded(table: Matrix) -> Ints:
    assert table.codes is not None  # noqa: S101 - asked for only where there are clusters
    return table.codes


def _largest(table: Matrix, rows: "pd.DataFrame", cluster: Cluster) -> int:
    """Count the largest cluster: of the whole design, where *cluster* names all its inputs."""
    import pandas as pd

    cluster = cluster.dates if isinstance(cluster, Dated) else cluster

    seen = int(np.bincount(_coded(table)).max())
    if cluster is None or isinstance(cluster, str):
        return seen
    if isinstance(cluster, pd.Series) and cluster.index.equals(rows.index):
        return seen
    designed = pd.Series(dict(cluster.items())).value_counts()
    return max(seen, int(designed.max()))


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")
