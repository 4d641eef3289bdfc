"""Numbers as a caller gives them, of whatever kind: NumPy's, Decimal, whole floats."""

import math
from typing import Any

from llmlab.errors import UsageError
from llmlab.ops.plain import plain


def whole(value: object, name: str, *, least: int = 0) -> int:
    """
    Return a whole number of at least *least*.

    Raises:
        UsageError: It is no number, or has a fraction, or is too small.
    """
    found = plain(value)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool):
        raise UsageError(f"{name} must be a whole number, not {value!r}")
    if found < least:
        raise UsageError(f"{name} must be at least {least}, not {found}")
    return found


def dollars(value: Any, name: str) -> float | None:
    """
    Return dollars as a float; None stays None.

    Raises:
        UsageError: It is no number, is below nothing, or has no end.
    """
    found = plain(value)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise UsageError(f"{name} must be dollars, such as {name}=0.5, not {value!r}")
    if not math.isfinite(found) or found < 0:
        raise UsageError(f"{name} must be dollars, 0 or more, not {found}; None is no limit")
    return float(found)
