"""What a reader returns when it cannot read an answer: never a value, always the reason."""

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unread:
    """An answer of which nothing could be read."""

    why: str
    """One line, for the column `error`."""
    by_others: bool = False
    """Whether the arm's other answers may settle it: `1,234` in a run of `4,2`."""


Read: TypeAlias = T | Unread
"""What an answer says, or why that could not be read."""
