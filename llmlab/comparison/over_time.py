"""A run in the order of time: strategies, choosing by earlier dates, overfitting."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Ints
from llmlab.stats.clusters import Dated
from llmlab.stats.matrix import Matrix, matrix
from llmlab.stats.overfitting import overfitting
from llmlab.stats.strategy import strategy
from llmlab.stats.walk_forward import walk_forward
from llmlab.views.over_time import StrategyView, WalkForwardView
from llmlab.views.plots.returns import dated

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.comparison.comparison import Comparison


def strategy_of(run: "Comparison", **options: Any) -> StrategyView:
    """Return what each arm's signals earned; without a horizon targets look one date ahead."""
    found = strategy(run.rows, dated(run), **options)
    return StrategyView(found, run.rows, lambda: run.shown)


def walk_forward_of(
    run: "Comparison", *, horizon: int | str | None = None, **options: Any
) -> WalkForwardView:
    """
    Return what choosing by earlier dates is worth.

    Raises:
        UsageError: The run has no dates, or nobody said how far targets look ahead.
    """
    dates = dated(run)
    if horizon is not None:
        dates = Dated(dates.dates, horizon)
    elif not isinstance(run.depends, Dated):
        raise UsageError(
            "walk_forward needs to know how far targets look ahead, for its embargo: say horizon=, "
            "in dates (horizon=5) or as a span (horizon='7D')"
        )
    found = walk_forward(run.rows, dates, **options)
    return WalkForwardView(found, run.rows, lambda: run.shown)


def overfitting_of(run: "Comparison", *, parts: int, seed: int) -> "pd.Series[Any]":
    """Return the probability of overfitting of a run's ranked arms on the compared inputs."""
    import pandas as pd

    table = matrix(run.rows, cluster=run.depends)
    scores = table.scores[np.ix_(table.compared, np.flatnonzero(table.ranked))]
    codes = _parts(table, parts, seed)
    kept = codes >= 0
    return pd.Series(asdict(overfitting(scores[kept], codes[kept])))


def _parts(table: Matrix, count: int, seed: int) -> Ints:
    """
    Return the part of each compared input: stretches of time, else clusters or inputs by lot.

    Of a stretch the last dates, whose targets reach into the next one, are in no part (-1).
    """
    codes = table.clusters_of(table.compared)
    units = np.arange(int(table.compared.sum())) if codes is None else codes
    named, place = np.unique(units, return_inverse=True)
    if not table.steps:
        order = np.random.default_rng(seed).permutation(named.size)
        return np.asarray((order * count // max(1, named.size))[place.reshape(-1)], dtype=np.intp)
    part = np.arange(named.size) * count // max(1, named.size)
    later = np.minimum(np.arange(named.size) + table.steps - 1, named.size - 1)
    part = np.where(part[later] == part, part, -1)
    return np.asarray(part[place.reshape(-1)], dtype=np.intp)
