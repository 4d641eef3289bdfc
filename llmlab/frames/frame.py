"""Rows to a DataFrame, and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from llmlab.frames.arrays import array_of
from llmlab.frames.columns import COLUMNS
from llmlab.frames.lists import Lists
from llmlab.records import Row

if TYPE_CHECKING:
    import pandas as pd


def to_frame(
    rows: Iterable[Row], extra_columns: Mapping[str, Sequence[object]] | None = None
) -> "pd.DataFrame":
    """
    Return one line a row; no rows still make every column, rightly typed.

    *beside* has values that a row does not hold (`target`, `said`, `block` ...), one a row in
    the same order; times are Unix seconds.

    Raises:
        UsageError: Something beside has another length than the rows.
    """
    import pandas as pd

    lists = Lists(rows if isinstance(rows, Sequence) else tuple(rows), extra_columns or {})
    columns = {column.name: array_of(column.take(lists), column.dtype) for column in COLUMNS}
    return pd.DataFrame(columns, copy=False)
