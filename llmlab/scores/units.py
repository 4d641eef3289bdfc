"""Read the unit after a number: a scale (`bn`, `thousand`), a share (`%`, `bps`), another word."""

import re
from typing import Final, Literal, NamedTuple, TypeAlias

Unit: TypeAlias = Literal["1", "%", "bp"]
"""What a target of 1 stands for: one, a percent, a basis point."""

IN_UNIT: Final[dict[Unit, int]] = {"1": 0, "%": 2, "bp": 4}
"""The power of ten by which a share is written in a unit."""


class After(NamedTuple):
    """The unit of a number: its power of ten, whether it is a share, where it ends, a doubt."""

    power: int
    share: bool
    end: int
    why: str = ""


_SCALES: Final = {
    **dict.fromkeys(("k", "thousand", "thsd", "tsd", "tausend", "mille", "mil", "\u5343"), 3),
    **dict.fromkeys(("m", "mn", "mln", "mio", "million", "millions", "millionen"), 6),
    **dict.fromkeys(("mill\u00f3n", "millones", "milioni", "\u767e\u4e07"), 6),
    **dict.fromkeys(("b", "bn", "bln", "billion", "mrd", "mld", "milliarde", "milliarden"), 9),
    **dict.fromkeys(("milliard", "milliards", "miliardi"), 9),
    **dict.fromkeys(("tn", "trn", "trillion"), 12),
    **dict.fromkeys(("lakh", "lakhs"), 5),
    **dict.fromkeys(("crore", "crores"), 7),
    **dict.fromkeys(("\u4e07", "\u842c"), 4),
    **dict.fromkeys(("\u4ebf", "\u5104"), 8),
}
_ATTACHED: Final = frozenset("kmb")
"""A scale only where no blank stands before it: `5 m` may be metres."""
_DOUBTED: Final = frozenset(
    (
        *("billions", "billionen", "billones", "mm", "t", "cr", "dr", "cent", "cents", "pence"),
        *("hundred", "hundreds", "hundert", "dozen", "hundredths", "tenths", "thousandths"),
        *("basis", "ppm", "permille", "permil", "promille", "half", "halves"),
    )
)
"""10^9 in one country and 10^12 in the next, a weight, a credit, or a part of what is meant."""
_JOINED: Final = frozenset(("x", "usd", "eur", "gbp", "jpy", "chf", "cny", "cad", "aud", "inr"))
"""Words that may follow a number without a space; with any other it is a name: `3D`, `5th`."""

_AFTER: Final = re.compile(
    r"(?P<blank> *)(?:(?P<share>%(?:[- ]?points?)?|\u2030|per ?cents?\b|pct\b(?: points?)?"
    r"|prozent(?:punkten?)?\b|procent\b|percentage points?\b|pp(?:ts?)?\b|bps?\b"
    r"|basis[ -]?points?\b"
    r"|basispunkten?\b|pour ?cent\b|por ?ciento\b|per ?cento\b|\u4e2a?\u767e\u5206\u70b9"
    r"|\u30d1\u30fc\u30bb\u30f3\u30c8)"
    r"|(?P<word>[A-Za-z\u00df-\u00f6\u00f8-\u00ff]+(?![0-9])|\u767e\u4e07"
    r"|[\u5343\u4e07\u842c\u4ebf\u5104])"
    r"\.?)?",
    re.IGNORECASE,
)
_RAISED: Final = re.compile(
    "[\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089\u00a2^]|\\s?[\u00bc-\u00be\u2150-\u215e]"
    "|\\s?[\u00d7*x]\\s?10(?![\\d.,])|\\s(?:and|und|et|y) (?:an? |one |three )?(?:half|quarter"
    "|third)"
    "|\\sper mill?e?\\b",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"[A-Za-z]+\d")
"""Letters and digits in one word after digits, as in `2s10s` and `0x1F`."""
_MORE: Final = re.compile(
    r"\s*(?:hundred|thousand|million|billion|trillion|dozen)s?\b", re.IGNORECASE
)


def after(text: str, end: int) -> After | None:
    """Return the unit of the number that ends at *end*; None when the digits are part of a name."""
    if _RAISED.match(text, end):
        return After(0, False, end, "a power or a part is not read: write the number out")
    if _NAME.match(text, end):
        return None
    found = _AFTER.match(text, end)
    if found is None:
        return After(0, False, end)
    if found["share"]:
        return After(_power(found["share"].casefold()), True, found.end())
    return _worded(found, end)


def _power(share: str) -> int:
    return -4 if share.startswith("b") else -3 if share == "\u2030" else -2


def _worded(found: re.Match[str], end: int) -> After | None:
    """Read the word after a number: a scale, a doubt, part of a name (None), or another word."""
    word, apart = (found["word"] or "").casefold(), bool(found["blank"])
    if word in _DOUBTED or (apart and word in _ATTACHED):
        return After(0, False, found.end(), f"{word!r} after a number may mean several things")
    if word in _SCALES and _MORE.match(found.string, found.end()):
        return After(0, False, found.end(), "a number with two scales is not read: write it out")
    if word in _SCALES:
        return After(_SCALES[word], False, found.end())
    if word and not apart and word not in _JOINED and word[0].isascii():
        return None
    return After(0, False, found.end() if word and not apart else end)
