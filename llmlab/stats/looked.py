"""The pairs of a run that was looked at as it went: tests that stay valid under that."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from llmlab.stats.checks import Floats, Ints, positive
from llmlab.stats.matrix import Cluster, Matrix, cluster_codes, matrix, numbers
from llmlab.stats.multiple import holm
from llmlab.stats.paired import Pair
from llmlab.stats.sequential import PairedSequence

if TYPE_CHECKING:
    import pandas as pd


def looked_pairs(
    rows: "pd.DataFrame", *, bound: float, cluster: Cluster = None, level: float = 0.95
) -> tuple[Pair, ...]:
    """
    Return every pair of arms by a confidence sequence over inputs in the order of `block`.

    A fixed-size test would be too sure of itself after a run that stopped when it looked good.
    Only inputs whose calls have all come back count; with clusters the mean of a cluster is
    one look, as it was while the run went on. `low` and `high` hold at all times at once.

    Raises:
        UsageError: rows lack a column, or a difference is larger than *bound*.
    """
    table = matrix(rows, ("block",))
    codes = cluster_codes(table, rows, cluster)
    order, units = _order(table, rows), _units(table, codes)
    found = [
        _pair(table, places, order, units, bound=positive("bound", bound), level=level)
        for places in combinations(range(len(table.names)), 2)
    ]
    adjusted = holm([pair.p for pair in found])
    return tuple(
        replace(pair, p_adjusted=float(p)) for pair, p in zip(found, adjusted, strict=True)
    )


def _order(table: Matrix, rows: "pd.DataFrame") -> Ints:
    """Return the complete inputs in the order in which they were sent."""
    block = np.full(len(table.inputs), np.inf)
    np.minimum.at(block, table.input_of, numbers(rows, "block"))
    calls = np.bincount(table.input_of, minlength=len(table.inputs))
    order = np.argsort(block, kind="stable")
    return np.asarray(order[calls[order] == calls.max()], dtype=np.intp)


def _units(table: Matrix, codes: Ints | None) -> Ints:
    return np.arange(len(table.inputs), dtype=np.intp) if codes is None else codes


def _pair(
    table: Matrix,
    places: tuple[int, int],
    order: Ints,
    units: Ints,
    *,
    bound: float,
    level: float,
) -> Pair:
    a, b = (table.scores[order, place] for place in places)
    both = ~(np.isnan(a) | np.isnan(b))
    gaps = _by_unit((b - a)[both], units[order][both])
    sequence = PairedSequence(1.0 - level, bound=bound)
    sequence.feed(gaps)
    interval = sequence.interval()
    names = [table.names[place] for place in places]
    clustered = not np.array_equal(units, np.arange(units.size))
    sd = float(gaps.std(ddof=1)) if gaps.size > 1 else float("nan")
    return Pair(
        prompt_a=names[0][0],
        label_a=names[0][1],
        prompt_b=names[1][0],
        label_b=names[1][1],
        inputs=int(both.sum()),
        mean_a=_mean(a[both]),
        mean_b=_mean(b[both]),
        difference=_mean(gaps),
        low=interval.low,
        high=interval.high,
        p=sequence.p if gaps.size else float("nan"),
        p_adjusted=float("nan"),
        test="betting, any look",
        discordant=None,
        sd=sd,
        clusters=int(gaps.size) if clustered else None,
    )


def _by_unit(gaps: Floats, units: Ints) -> Floats:
    """Return the mean of each unit, units in the order in which they first come."""
    if not gaps.size:
        return gaps
    _, first, codes = np.unique(units, return_index=True, return_inverse=True)
    means = np.bincount(codes, weights=gaps) / np.bincount(codes)
    return np.asarray(means[np.argsort(first, kind="stable")], dtype=float)


def _mean(values: Sequence[float] | Floats) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
