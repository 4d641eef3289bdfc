"""
Format slot values for a prompt, and numbers wherever text is made.

Jinja asks `written` for each `{{ value }}` before it is printed; inside an expression a value
stays what it is, so `{{ price * 2 }}` computes with the number.
"""

import math
from datetime import date, timedelta
from numbers import Integral, Real
from typing import Final

from llmlab.errors import TemplateError

_DIGITS: Final = 15
"""Digits that a float holds: 0.1 + 0.2 is written 0.3, and an amount keeps its cents."""

_EXACT: Final = 2**53
"""Up to here a float tells one whole number from the next."""

_MIDNIGHT: Final = " 00:00:00"


def written(value: object) -> object:
    """
    Return *value* as a prompt has it: numbers without rounding noise, dates without midnight.

    A missing value (NaN, None) is a word here; it gets here with `missing="send"` only.

    Raises:
        TemplateError: It is bytes, or a table of which only a shortened print would be sent.
    """
    if type(value) is str:
        return value
    if isinstance(value, Real) and not isinstance(value, Integral):
        return _real(value)
    if isinstance(value, date | timedelta):
        return str(value).removesuffix(_MIDNIGHT)
    if isinstance(value, bytes | bytearray):
        raise TemplateError("a slot's value is of type bytes: decode it first, .decode('utf-8')")
    if is_table(value):
        raise TemplateError(
            f"a {type(value).__name__} of shape {_shape(value)} would be sent as a shortened "
            "print: give it as the slot's own value, {{ name }}, which packs it whole, or write "
            "it out, such as {{ name.to_csv() }}"
        )
    return value


def number(value: float, digits: int) -> str:
    """Write a number with so many significant digits, whole numbers whole, NaN as nothing."""
    if math.isnan(value):
        return ""
    if value == round(value, 0) and abs(value) < 1e15:  # noqa: PLR2004 - beyond, a float has no units
        return str(int(value))
    return f"{value:.{digits}g}" if 1e-4 <= abs(value) < 10**digits else f"{value:.6g}"  # noqa: PLR2004 - shorter than an exponent


def is_table(value: object) -> bool:
    """Say whether *value* is a DataFrame, a Series or an array, of pandas, NumPy or another."""
    return bool(_shape(value))


def _shape(value: object) -> tuple[int, ...] | None:
    shape = getattr(type(value), "shape", None) and getattr(value, "shape", None)
    return shape if isinstance(shape, tuple) else None


def _real(value: Real) -> str:
    # A float32 is read from its printed form: converted to a double, 0.1 has rounding noise.
    short = hasattr(value, "dtype") and not isinstance(value, float)
    exact = float(str(value)) if short else float(value)
    if abs(exact) <= _EXACT and exact.is_integer():
        return str(int(exact))
    return str(exact) if math.isnan(exact) else number(exact, _DIGITS)
