"""
Targets, compared by value and not by how Python writes them.

`1.0` (a 1 in a column with a missing value), float32, Decimal, dates, booleans and missing values
of every library are handled here, and nowhere else.
"""

import math
import re
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from numbers import Real
from typing import Any, Final

import numpy as np

from llmlab.scores.folded import fold
from llmlab.scores.numbers import read_number
from llmlab.scores.unread import Unread


def missing(target: object) -> bool:
    """Say whether a target is not there: None, NaN, NaT, pandas' NA, a Decimal NaN, blank text."""
    if target is None:
        return True
    if isinstance(target, str | bytes):
        return not target.strip()
    try:
        return bool(target != target)  # noqa: PLR0124 - only what is missing differs from itself
    except (TypeError, ValueError):
        # The comparison has no truth value for pandas' NA, nor for an array, which is not missing.
        return type(target).__name__ == "NAType"


def plain_value(target: object) -> Any:
    """Return *target* as a Python value of a built-in type where there is one."""
    if isinstance(target, np.generic):
        if isinstance(target, np.float32 | np.float16):
            return float(str(target))
        return target.item() if not isinstance(target, np.datetime64) else _of_numpy(target)
    if isinstance(target, bytes):
        return target.decode(errors="replace")
    if isinstance(target, Enum):
        return target.value
    if isinstance(target, Decimal):
        return int(target) if target == target.to_integral_value() else float(target)
    pydatetime = getattr(target, "to_pydatetime", None)
    return target if pydatetime is None else pydatetime(warn=False)


def _of_numpy(moment: "np.datetime64") -> Any:
    return moment.astype("datetime64[us]").item()


def is_number(target: object) -> bool:
    """Say whether *target* is a number; a boolean is none."""
    value = plain_value(target)
    return isinstance(value, Real) and not isinstance(value, bool)


def written(target: object) -> str:
    """Return *target* as a person would write it: `1` for 1.0, `2026-03-01` for midnight."""
    value = plain_value(target)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return (
            str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(_short(value))
        )
    if isinstance(value, datetime):
        midnight = value.replace(tzinfo=None) == datetime(value.year, value.month, value.day)  # noqa: DTZ001
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value).strip()


_EXACT: Final = 2**53


def _short(value: float) -> float:
    """Return the fewest digits that a float32 needs, where *value* came through one."""
    narrow = _narrow(value)
    return float(str(narrow)) if float(narrow) == value and len(repr(value)) > _LONG else value


def _narrow(value: float) -> np.float32:
    with np.errstate(over="ignore"):
        return np.float32(value)


_LONG: Final = 12
"""Characters of a float's repr above which it is taken to come from a float32, if it equals one."""


def same(said: object, target: object, tolerance: float = 0.0) -> bool:
    """
    Say whether a stated value equals *target*: numbers by value, words case-folded, dates by date.

    A number given as text counts; a boolean is 1 or 0 where a number is asked for.
    """
    value = plain_value(target)
    if isinstance(value, bool) or isinstance(said, bool):
        return _truth(said) is not None and _truth(said) == _truth(value)
    if isinstance(value, Real):
        number = _number(said)
        return number is not None and near(number, float(value), tolerance)
    if isinstance(value, date):
        return _date(said) == written(value)
    if isinstance(value, str) and isinstance(said, Real):
        number = _number(value)
        return number is not None and near(float(said), number, tolerance)
    if isinstance(value, str) and isinstance(said, str):
        return _words(said) == _words(value)
    return bool(said == value) or (isinstance(said, str) and _words(said) == _words(written(value)))


_WHOLE: Final = re.compile(r"([-+]?\d+)\.0+")


def without_zeros(text: str) -> str:
    """Return `1.0`, which a column with missing values makes of a 1, as `1`; else the text."""
    whole = _WHOLE.fullmatch(text)
    return text if whole is None else whole[1]


def _words(text: str) -> str:
    """Return a text as it is compared."""
    return without_zeros(fold(text.strip()))


def agreement(said: object, target: object, tolerance: float = 0.0) -> float:
    """Return 1 where a value that was said is *target*, else 0; NaN where it cannot be told."""
    value = plain_value(target)
    if isinstance(value, bool):
        readable = _truth(said) is not None
    elif isinstance(said, str) and isinstance(value, Real):
        readable = _number(said) is not None
    elif isinstance(said, str) and isinstance(value, date):
        readable = _date(said) is not None
    else:
        readable = True
    return float(same(said, target, tolerance)) if readable else math.nan


def near(said: float, target: float, tolerance: float = 0.0) -> bool:
    """Say whether two numbers are equal, or as close as float32 or *tolerance* make them."""
    # One part in 10^12 for the rounding of decimals: 0.3 is within 0.1 of 0.2.
    slack = 1e-12 * max(abs(target), tolerance)
    return abs(said - target) <= tolerance + slack or (
        said != 0.0 and float(_narrow(said)) == target
    )


def _truth(value: object) -> bool | None:
    if isinstance(value, str):
        return _TRUTHS.get(fold(value.strip()))
    return bool(value) if isinstance(value, Real) and value in (0, 1) else None


_TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _number(value: object) -> float | None:
    if isinstance(value, Real):
        return float(value)
    read = read_number(value) if isinstance(value, str) else None
    return None if read is None or isinstance(read, Unread) or math.isnan(read) else read


def _date(value: object) -> str | None:
    """Return a date in ISO form as `written` has it; None for another text."""
    try:
        return written(datetime.fromisoformat(str(value).strip()))
    except ValueError:
        return None
