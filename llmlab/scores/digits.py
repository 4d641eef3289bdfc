"""
Convert digits to a number: which mark is the decimal mark, and which ones only group.

`1,234.5`, `1.234,5`, `1 234,5` and `1'234.5` are clear; so are `4,2` and `0,125`, which group
nothing. `1,234` and `1.234` are ambiguous: they need a known decimal mark, or are not read.
"""

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from llmlab.scores.unread import Read, Unread

Mark: TypeAlias = Literal[".", ","]

DIGITS: Final = (
    r"(?:\d{1,3}(?P<blank>[ '_])\d{3}(?:(?P=blank)\d{3})*(?!\d)(?:[.,\u066b]\d+)?"
    r"|\d+(?:[.,\u066b]\d+)*|\.\d+)"
)
"""What may be the digits of one number, groups by space, apostrophe or underscore included."""

_GROUPS: Final = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_INDIAN: Final = re.compile(r"\d{1,2}(?:,\d\d)+,\d{3}")
_SEPARATE: Final = re.compile(r"[ '_]")
_GROUP: Final = 3


def amount(digits: str, mark: Mark | None = None, *, scale: Decimal = Decimal(1)) -> Read[float]:
    """
    Return the value of *digits*, times *scale*; *mark* is the decimal mark where that is known.

    What is ambiguous without *mark* is unread, as are wrong groups: `1,2,3`.
    """
    found = _written(digits, mark)
    if isinstance(found, Unread):
        return found
    value = float(Decimal(found) * scale)
    return value if math.isfinite(value) else Unread(f"{digits[:20]}... is too large a number")


def mark_of(digits: str) -> Mark | None:
    """Return the decimal mark that *digits* show beyond doubt; None when they show none."""
    bare = _SEPARATE.sub("", digits)
    last = max(bare.rfind("."), bare.rfind(","))
    if last < 0 or isinstance(_written(digits, None), Unread):
        return None
    shown: Mark = "." if bare[last] == "." else ","
    if bare.count(shown) > 1 or _INDIAN.fullmatch(bare):
        return "," if shown == "." else "."
    return shown


def common(marks: Iterable[Mark | None]) -> Mark | None:
    """Return the decimal mark that all clear numbers share; None when they differ, or none is."""
    shown = {mark for mark in marks if mark is not None}
    return shown.pop() if len(shown) == 1 else None


def _written(digits: str, mark: Mark | None) -> Read[str]:
    """Return *digits* as Python writes a number."""
    bare = _SEPARATE.sub("", digits)
    if "\u066b" in bare:
        return bare.replace("\u066b", ".")
    kinds = {each for each in bare if each in ".,"}
    if len(kinds) > 1:
        return _two_kinds(bare)
    return _one_kind(digits, bare, kinds.pop(), mark) if kinds else bare


def _one_kind(digits: str, bare: str, sign: str, mark: Mark | None) -> Read[str]:
    """Take the one mark as the decimal mark where it cannot group, or is known to be it."""
    if bare.count(sign) > 1:
        whole = _GROUPS.fullmatch(bare) or _INDIAN.fullmatch(bare)
        return bare.replace(sign, "") if whole else Unread(f"{digits} is no single number")
    before, _, after = bare.partition(sign)
    groups = len(after) == _GROUP and len(before) <= _GROUP and before not in {"", "0"}
    if bare != digits or not groups or mark == sign:
        return f"{before or '0'}.{after}"
    if before.startswith("0"):
        return Unread(f"{digits} is no number as any country writes it")
    if mark is None:
        return Unread(f"{digits} may be {before}.{after} or {before}{after}", by_others=True)
    return before + after


def _two_kinds(bare: str) -> Read[str]:
    """Take the last mark as the decimal mark; the other one groups."""
    last = "." if bare.rfind(".") > bare.rfind(",") else ","
    before, _, after = bare.rpartition(last)
    if last in before or not (_GROUPS.fullmatch(before) or _INDIAN.fullmatch(before)):
        return Unread(f"{bare} is no single number")
    return f"{before.replace('.', '').replace(',', '')}.{after}"
