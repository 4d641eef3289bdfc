"""Values as Python's own types: what NumPy, Decimal and enumerations make, once, at the edge."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from llmlab.secrets.address import Address
from llmlab.secrets.secret import Shy

_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})


def plain(value: Any) -> Any:
    """
    Return *value* in plain types, tables and lists all the way down; what is none stays as it is.

    A NumPy scalar, an enumeration or another subclass of a number or a text is equal to what it
    stands for, but is no JSON: the encoder refuses it.
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
    """Return the scalar or the list in something of NumPy or pandas; a table stays."""
    unboxed = value.item() if value.shape == () else getattr(value, "tolist", lambda: value)()
    return value if unboxed is value else plain(unboxed)


def _number_or_text(value: Any) -> Any:
    if isinstance(value, Address | Shy):
        return value  # what hides a secret is no plain text
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Decimal | Fraction):
        whole = value == value and value % 1 == 0  # noqa: PLR0124 - NaN is not itself
        return int(value) if whole else float(value)
    return float(value) if isinstance(value, float) else value
