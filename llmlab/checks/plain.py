"""Convert values of NumPy, Decimal and enumerations to Python's own types, at the boundary."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from llmlab.secrets.address import Address
from llmlab.secrets.secret import Shy

NARROW: Final = frozenset({"float16", "float32"})
"""Floats that print shorter than the double which equals them."""
_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})


def plain(value: Any) -> Any:
    """
    Return *value* in plain types, dicts and lists recursively; other values stay as they are.

    A NumPy scalar, an enumeration or another subclass of a number or a text equals the plain
    value, but the JSON encoder refuses it.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {plain(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(getattr(value, "shape", None), tuple):
        return _unboxed(value)
    return _number_or_text(value)


def _unboxed(value: Any) -> Any:
    """Return the scalar or the list in an object of NumPy or pandas; a DataFrame stays."""
    if getattr(getattr(value, "dtype", None), "name", "") in NARROW:
        value = value.astype(str).astype(float)  # a float32 of 0.1 prints as 0.1 and means it
    unboxed = value.item() if value.shape == () else getattr(value, "tolist", lambda: value)()
    return value if unboxed is value else plain(unboxed)


def _number_or_text(value: Any) -> Any:
    if isinstance(value, Address | Shy):
        return value  # a type that hides a secret is kept
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Decimal | Fraction):
        whole = value == value and value % 1 == 0  # noqa: PLR0124 - NaN is not itself
        return int(value) if whole else float(value)
    return float(value) if isinstance(value, float) else value


_UNSEEN: Final = (
    " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\xad\u061c\u115f\u1160\u1680\u180e\u2000\u2001\u2002"
    "\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029"
    "\u202f\u205f\u2060\u3000\u3164\ufeff"
)
"""Characters without ink: blanks, and those that are not even as wide as one."""


def is_blank(text: str) -> bool:
    """Say whether a text has nothing to read in it."""
    return text[:1] in _UNSEEN and not text.strip(_UNSEEN)


def whole(value: Any) -> Any:
    """Return a float such as 50.0, which NumPy makes of whole numbers, as an int; else *value*."""
    return int(value) if type(value) is float and value.is_integer() else value
