"""Detect autocorrelation of scores by date where none was declared."""

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from llmlab.stats.checks import Floats
from llmlab.stats.clusters import Dated, Named
from llmlab.stats.matrix import Matrix, matrix
from llmlab.stats.serial import autocorrelation
from llmlab.stats.spread import summed

if TYPE_CHECKING:
    import pandas as pd

FEWEST: Final = 10
"""Dates below which an autocorrelation is not worth measuring."""
ERRORS: Final = 2.0
"""Standard errors above zero from which it is said."""


def overlap_notes(rows: "pd.DataFrame", dates: Named) -> tuple[str, ...]:
    """
    Say that scores, or differences of arms, are correlated from date to date; nothing if not.

    The larger of both medians counts, over arms and over pairs of arms.
    """
    table = matrix(rows, cluster=Dated(dates, 1))
    codes = table.clusters_of(table.compared)
    count = 0 if codes is None else int(np.unique(codes).size)
    if codes is None or count < FEWEST:
        return ()
    found = [
        [autocorrelation(summed(each - each.mean(), codes)) for each in part]
        for part in (_scores(table), _gaps(table))
    ]
    most = max(float(np.median(part)) for part in found if part)
    if most <= ERRORS / np.sqrt(count):
        return ()
    said = (
        f"Scores of one date go with those of the next (autocorrelation {most:.2f} over "
        f"{count:,} dates), so p-values and intervals are too sure of themselves: say how far "
        "targets look ahead with horizon=, in dates (horizon=5) or as a span (horizon='7D')."
    )
    return (said,)


def _scores(table: Matrix) -> Iterator[Floats]:
    for place in np.flatnonzero(table.ranked):
        yield table.scores[table.compared, place]


def _gaps(table: Matrix) -> Iterator[Floats]:
    for one, other in combinations(np.flatnonzero(table.ranked), 2):
        yield table.scores[table.compared, other] - table.scores[table.compared, one]
