"""Comparisons read from files, and two runs compared with each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmlab.comparison.comparison import Comparison

if TYPE_CHECKING:
    import pandas as pd


def read_comparison(path: str | Path, *, spreadsheet_safe: bool = True, **about: Any) -> Comparison:
    """
    Read rows that were exported to csv or parquet; *about* as the arguments of `Comparison`.

    *spreadsheet_safe* is how a csv was exported: see `Comparison.export`.

    Raises:
        UsageError: The file is not there, or has no rows of a run.
    """
    from llmlab.frames import read_rows

    rows = read_rows(path, spreadsheet_safe=spreadsheet_safe)
    name = str(rows["run"].iloc[0]) if len(rows) and "run" in rows.columns else Path(path).stem
    return Comparison(name, rows, **about)


def compare_runs(old: Comparison, new: Comparison, *, alpha: float = 0.05) -> "pd.DataFrame":
    """
    Return how each arm that both runs have changed, on the inputs they share; worst first.

    Raises:
        UsageError: The runs share no arm, or no input.
    """
    from llmlab.stats.regression import regressions

    found = regressions(old.rows, new.rows, cluster=new.depends, alpha=alpha)
    if old.watched or new.watched:
        found["test"] += ", not valid after watching"
    return found
