"""Rows to a DataFrame, and nothing else."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlab.frames.columns import COLUMNS
from llmlab.records import Row

if TYPE_CHECKING:
    import pandas as pd


def to_frame(rows: Iterable[Row]) -> "pd.DataFrame":
    """Return one line a row; no rows still make every column, rightly typed."""
    import pandas as pd

    rows = tuple(rows)
    return pd.DataFrame(
        {
            column.name: pd.Series([column.read(row) for row in rows], dtype=column.dtype)
            for column in COLUMNS
        }
    )
