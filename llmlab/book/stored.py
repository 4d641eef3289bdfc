"""
Validate what is read from the book, which a bad disk may have changed.

In: rows and bytes. Out: values of the types that were stored, or one line about the damage.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from llmlab.errors import BookError

T = TypeVar("T")


def typed(rows: Iterable[object], kind: type[T]) -> list[T]:
    """
    Return rows as records of type *kind*.

    Raises:
        BookError: A row holds a value of another type.
    """
    try:
        return msgspec.convert(list(rows), list[kind])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise damaged("a row of it", error) from None


def decoded(decode: Callable[[bytes], T], stored: bytes, what: str) -> T:
    """
    Return *decode* of stored bytes; *what* names them in the error.

    Raises:
        BookError: They cannot be decoded.
    """
    try:
        return decode(stored)
    except (msgspec.MsgspecError, ArithmeticError, TypeError, ValueError) as error:
        raise damaged(what, error) from None


def damaged(what: str, error: Any) -> BookError:
    """Return the error for a value that cannot be read."""
    said = " ".join(str(error).split())
    return BookError(
        f"the book is damaged: {what} cannot be read ({said}): run `llmlab audit verify`, and "
        "restore a copy"
    )
