"""Answers side by side: one line an input, one column an arm."""

import re
from typing import TYPE_CHECKING, Any, Final

from llmlab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def wide(rows: "pd.DataFrame", column: str = "text") -> "pd.DataFrame":
    """
    Return *column* with one line an input and repeat, one column an arm (prompt, label).

    The target, where rows have it, is the first column. With several repeats the index is
    (input_id, repeat number from 0).

    Raises:
        UsageError: Rows have no such column.
    """
    if column not in rows.columns:
        raise UsageError(f"rows have no column {column!r}; there are {', '.join(rows.columns)}")
    # Strings as they are: a pivot by categories would make every combination of them.
    plain = rows[["input_id", "repeat", "prompt", "label", column]].astype(
        {"prompt": "str", "label": "str"}
    )
    arms = ["prompt", "label"]
    plain["repeat"] = plain.groupby(["input_id", *arms], sort=False).cumcount()
    once = bool((plain["repeat"] == 0).all())
    table = plain.pivot(  # noqa: PD010 - nothing is aggregated
        index=["input_id", "repeat"], columns=arms, values=column
    )
    order = plain.drop_duplicates(["input_id", "repeat"])[["input_id", "repeat"]]
    table = table.reindex(_index(order))
    if "target" in rows.columns and rows["target"].notna().any():
        targets = rows.drop_duplicates("input_id").set_index("input_id")["target"]
        table.insert(0, ("target", ""), targets.reindex(table.index.get_level_values(0)).array)
    return table.droplevel("repeat") if once else table


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key by which 2 comes before 10, and `day 2` before `day 10`."""
    parts = _DIGITS.split(name)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


_DIGITS: Final = re.compile(r"(\d+)")


def _index(order: "pd.DataFrame") -> Any:
    import pandas as pd

    names = zip(order["input_id"], order["repeat"], strict=True)
    ordered = sorted(names, key=lambda each: (natural(str(each[0])), each[1]))
    return pd.MultiIndex.from_tuples(ordered, names=["input_id", "repeat"])
