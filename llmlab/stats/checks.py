"""Refuse bad arguments in one line, before a number is computed from them."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from llmlab.errors import UsageError

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.intp]
Flags: TypeAlias = npt.NDArray[np.bool_]


def fraction(name: str, value: float) -> float:
    """Return *value* when it lies strictly between 0 and 1; raise `UsageError` otherwise."""
    if not 0.0 < value < 1.0:
        raise UsageError(f"{name} must lie between 0 and 1, got {value!r}")
    return float(value)


def at_least(name: str, value: int, least: int) -> int:
    """Return *value* when it is not below *least*; raise `UsageError` otherwise."""
    if value < least:
        raise UsageError(f"{name} must be at least {least}, got {value!r}")
    return int(value)


def positive(name: str, value: float) -> float:
    """Return *value* when it is above 0 and finite; raise `UsageError` otherwise."""
    if not 0.0 < value < np.inf:
        raise UsageError(f"{name} must be above 0, got {value!r}")
    return float(value)


def known(values: Iterable[float]) -> Floats:
    """Return the numbers in *values*; NaN means unscored and is left out."""
    array: Floats = np.asarray(
        values if isinstance(values, np.ndarray) else list(values), dtype=float
    )
    if np.isinf(array).any():
        raise UsageError("scores must be finite; an infinite one has no mean")
    kept: Floats = array[~np.isnan(array)]
    return kept


def same_length(name: str, one: int, other: int) -> None:
    """Raise `UsageError` when two things that belong together differ in length."""
    if one != other:
        raise UsageError(f"{name} must have the same length, got {one} and {other}")
