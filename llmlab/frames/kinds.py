"""
Convert a column that was read from a file to its declared dtype.

In: a Series of any type. Out: the same values in the declared dtype, or one line that names
the column, the first row that does not fit, and what belongs there. Nothing is guessed: half a
repeat is no repeat, and `maybe` is not `False`.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
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
"""By declared kind, what a file may hold there, as `infer_dtype` names it."""
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
_EXACT: Final = 2.0**53
_MOST: Final = 2**63


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
        seen = pd.Index(sorted(values.dropna().unique()), dtype="str")
        return pd.Series(pd.Categorical(values, categories=seen), index=values.index)
    if dtype.startswith("datetime"):
        return pd.to_datetime(values, utc=True).astype(dtype)
    return values.astype(dtype)


def _text(column: Any) -> Any:
    import pandas as pd

    if pd.api.types.is_string_dtype(column.dtype) and column.dtype != "object":
        return column
    return column.astype("object").where(column.notna(), None).map(str, na_action="ignore")


def _whole(column: Any) -> Any:
    import pandas as pd

    if pd.api.types.is_signed_integer_dtype(column.dtype):
        return column
    if pd.api.types.is_float_dtype(column.dtype):
        # Up to 2**53 a float holds a whole number exactly; NaN stays missing.
        wide = column.astype("float64")
        fits = wide.notna() & (wide.abs() <= _EXACT) & (wide == wide.round())
        return _kept(column, wide.where(fits).astype("Int64"), "whole")
    read = column.astype("object").map(_as_int, na_action="ignore")
    return _kept(column, read, "whole")


def _as_int(value: Any) -> int | None:
    """Return a whole number as int: 5, 5.0 and the text of either."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or not -_MOST <= number < _MOST:
        return None
    return int(number) if number == number.to_integral_value() else None


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
    """Return *read*; UsageError where a value that is there could not be converted."""
    lost = column.notna() & read.isna()
    if lost.any() and (lost := lost & (column.astype("object") != "nan")).any():
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
