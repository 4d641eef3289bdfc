"""
A column that a file brought, held against what the column promises and made so.

In: a Series of whatever type. Out: the same values in the promised dtype, or one line that names
the column, the first row that does not fit, and what belongs there. Nothing is guessed: half a
repeat is no repeat, and `maybe` is not `False`.
"""

from collections.abc import Callable
from typing import Any, Final

from llmlab.errors import UsageError

_NUMBERS: Final = frozenset({"integer", "floating", "mixed-integer-float", "decimal"})
_FITS: Final = {
    "text": _NUMBERS | {"string", "boolean", "date"},
    "whole": _NUMBERS | {"string"},
    "real": _NUMBERS | {"string"},
    "boolean": frozenset({"string", "boolean"}),
    "time": frozenset({"string", "date", "datetime", "datetime64"}),
}
"""By what a column promises, what a file may hold there, in the words of `infer_dtype`."""
_WANTED: Final = {
    "text": "text",
    "whole": "whole numbers",
    "real": "numbers",
    "boolean": "True or False",
    "time": "times such as 2026-11-22T09:30:00+00:00",
}
_FAMILIES: Final = {
    "string": "text", "category": "text", "Int64": "whole", "int64": "whole",
    "float64": "real", "boolean": "boolean",
}  # fmt: skip
_SHOWN: Final = 40


def made(column: Any, dtype: str) -> Any:
    """
    Return the Series *column* as *dtype*, one of those of `columns.COLUMNS`.

    Raises:
        UsageError: A value does not fit; one line with column, row (from 1) and value.
    """
    import pandas as pd

    family = _FAMILIES.get(dtype, "time")
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "empty" or not column.notna().any():
        values = pd.Series([None] * len(column), index=column.index, dtype="object")
    elif kind in _FITS[family]:
        values = _READ[family](column)
    else:
        raise UsageError(f"column {column.name!r} holds {kind}; it must hold {_WANTED[family]}")
    return _finished(values, dtype, str(column.name))


def _finished(values: Any, dtype: str, name: str) -> Any:
    import pandas as pd

    if dtype == "int64" and values.isna().any():
        raise UsageError(f"column {name!r}, row {_first(values.isna())}: a number is missing")
    if dtype == "category":
        seen = pd.Index(sorted(set(values.dropna())), dtype="str")
        return pd.Series(pd.Categorical(values, categories=seen), index=values.index)
    if dtype.startswith("datetime"):
        return pd.to_datetime(values, utc=True).astype(dtype)
    return values.astype(dtype)


def _text(column: Any) -> Any:
    return column.astype("object").where(column.notna(), None).map(str, na_action="ignore")


def _whole(column: Any) -> Any:
    import pandas as pd

    if pd.api.types.is_integer_dtype(column.dtype):
        read = column.astype("object")
    else:
        read = column.astype("object").map(_as_int, na_action="ignore")
    most = 2**63
    return _kept(column, read.map(lambda each: each if -most <= each < most else None,
                                  na_action="ignore"), "whole")  # fmt: skip


def _as_int(value: Any) -> int | None:
    """Return a whole number as one: 5, 5.0 and the text of either."""
    try:
        number = int(value) if isinstance(value, str) and "." not in value else float(value)
        return int(number) if number == int(number) else None
    except (ValueError, OverflowError):
        return None


def _real(column: Any) -> Any:
    import pandas as pd

    if pd.api.types.is_float_dtype(column.dtype):
        return column
    return _kept(column, column.astype("object").map(_as_float, na_action="ignore"), "real")


def _as_float(value: Any) -> float | None:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _boolean(column: Any) -> Any:
    # A spreadsheet writes TRUE for True.
    read = column.astype("object").map(
        lambda each: _TRUTH.get(str(each).casefold()), na_action="ignore"
    )
    return _kept(column, read, "boolean")


_TRUTH: Final = {"true": True, "false": False}


def _time(column: Any) -> Any:
    import pandas as pd

    read = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
    first, last = (each.tz_localize("UTC") for each in (pd.Timestamp.min, pd.Timestamp.max))
    return _kept(column, read.where(read.between(first.ceil("s"), last.floor("s"))), "time")


def _kept(column: Any, read: Any, family: str) -> Any:
    """Return what was read, unless a value that is there was not."""
    lost = column.notna() & read.isna() & (column.astype("object") != "nan")
    if lost.any():
        row = _first(lost)
        value = repr(column.iloc[row - 1])[:_SHOWN]
        raise UsageError(
            f"column {column.name!r}, row {row}: {value}; it must hold {_WANTED[family]}"
        )
    return read


def _first(mask: Any) -> int:
    """Return the number of the first row that is marked, from 1."""
    return int(mask.to_numpy().argmax()) + 1


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "text": _text, "whole": _whole, "real": _real, "boolean": _boolean, "time": _time,
}  # fmt: skip
