"""
Read the sign before a number, in any of the ways in which one is written, or a doubt.

A minus that may be a range, a pause or a bullet is a doubt: the number is then not read, since a
sign that is lost turns a loss into a gain. Signs that are only words are met in `losses`.
"""

import re
from typing import Final, NamedTuple

from llmlab.scores.plain import DASH, MINUS

_SIGNS: Final = f"\\-+{MINUS}{DASH}\u2014"
_CURRENCY: Final = (
    r"(?:(?:US|CA|AU|HK|NZ|C|A)?\$|[\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9]|\b(?:USD|EUR|GBP|JPY|CHF"
    r"|CNY"
    r"|RMB|CAD|AUD|INR|SEK|NOK|DKK|BRL|KRW|HKD)\b)"
)
_LEFT: Final = re.compile(
    rf"(?P<before>[^\s($\u20ac\u00a3{_SIGNS}]?)(?P<gap>\s*)(?P<outer>[{_SIGNS}])?(?P<wide>\s?)"
    rf"(?P<money>{_CURRENCY}\s?)?(?P<open>\(\s?)?(?P<inner>[{_SIGNS}])?(?P<late>{_CURRENCY}\s?)?"
    rf"(?P<last>[{_SIGNS}])?$"
)
_CLOSE: Final = re.compile(r"\s?\)")
_TRAILING: Final = re.compile(rf"[-{MINUS}](?:\s|$)")
_MINUS_WORD: Final = re.compile(
    r"\b(?:minus|negative|moins|menos|meno|\u043c\u0438\u043d\u0443\u0441)\s*$"
    r"|(?:[\u8d1f\u8ca0]|\u30de\u30a4\u30ca\u30b9|\ub9c8\uc774\ub108\uc2a4)\s*$",
    re.IGNORECASE,
)
_BOUND_BEFORE: Final = re.compile(
    r"(?P<said>(?<![-=])[<>\u2264\u2265]=?|\b(?:at (?:least|most)|(?:less|more|greater|fewer"
    r"|higher|lower)"
    r" than|up to|over|under|above|below|exceed\w*|beyond|mindestens|h\u00f6chstens|\u00fcber"
    r"|unter))\s*$",
    re.IGNORECASE,
)
_BOUND_AFTER: Final = re.compile(
    r"\s*(?P<said>or (?:more|less|higher|lower|above|below)|plus\b|\+(?!\s*\d))", re.IGNORECASE
)
_WORD: Final = re.compile(r"[\w.,]+$")
_WINDOW: Final = 48
_NEAR: Final = 12
"""Characters before a number that its signs, currency and bracket can fill."""
_LEADS: Final = frozenset(":=(>,;|\"'~[{\u2248\u2192\uff1a\u3001\u3002")
"""Characters after which a dash is a minus, even without a space between."""


class Signed(NamedTuple):
    """The sign of a number, where the number with its sign begins and ends, and a doubt."""

    sign: float
    start: int
    end: int
    why: str = ""
    bare: bool = False
    """Whether no sign is written, so that words may say one."""


class Before:
    """The text before the digits at *core*: signs, currency, bracket, words."""

    def __init__(self, text: str, core: int) -> None:
        self.text = text
        found = _LEFT.search(text, max(0, core - _NEAR), core)
        assert found is not None  # noqa: S101 - every part of it may be empty
        self.found = found
        self.signs = [found[name] for name in ("outer", "inner", "last") if found[name]]
        parts = ("outer", "money", "open", "inner", "late", "last")
        self.start = next((found.start(name) for name in parts if found[name]), core)
        self.words = text[max(0, self.start - _WINDOW) : self.start]

    def close(self, end: int) -> int | None:
        """Return the position after the bracket that closes at *end*; None if none was opened."""
        found = _CLOSE.match(self.text, end) if self.found["open"] else None
        return None if found is None else found.end()

    @property
    def named(self) -> bool:
        """Whether a hyphen ties the digits to a word, as in `COVID-19`; `$5bn-6bn` is a range."""
        tied = self.found["before"].isalpha() and not self.found["gap"]
        if not tied or self.found["wide"] or self.found["outer"] != "-":
            return False
        word = _WORD.search(self.text, max(0, self.start - _NEAR), self.found.start("outer"))
        return word is None or not word[0][:1].isdigit()


def signed(before: Before, end: int, *, closed: bool) -> Signed:
    """Return the sign of the number that ends at *end*, its bracket included where *closed*."""
    made = _sign(before, end, closed=closed)
    if made.why or not (said := _bound(before, end)):
        return made
    return made._replace(why=f"{said!r} makes it a bound, not a number")


def _sign(before: Before, end: int, *, closed: bool) -> Signed:
    start, spelled = before.start, _MINUS_WORD.search(before.words)
    minus = [each for each in before.signs if each != "+"]
    doubt = _doubt(before, end, signs=len(before.signs) + bool(spelled), closed=closed)
    if doubt:
        return Signed(1.0, start, end, doubt)
    if minus:
        return Signed(-1.0, start, end, _dash_doubt(before.found, minus[0]))
    if closed:
        return Signed(-1.0, start, end, _bracket_doubt(before, end))
    if spelled:
        return Signed(-1.0, start - len(spelled[0]), end)
    return Signed(1.0, start, end, bare=not before.signs)


def _doubt(before: Before, end: int, *, signs: int, closed: bool) -> str:
    """Say why it cannot be told which sign the number has."""
    earlier = before.text[max(0, before.start - 1) : before.start]
    bracketed = closed and before.found["outer"] not in {None, "+"}
    if signs > 1 or bracketed or earlier in {"-", "+", MINUS}:
        return "it has two signs"
    if _TRAILING.match(before.text, end):
        return "a sign after the number is not read: write it before"
    if not signs and not closed and _torn_bracket(before, end):
        return "half a pair of brackets may be half of a loss"
    return ""


def _dash_doubt(found: re.Match[str], sign: str) -> str:
    """Say why a dash may be no minus: a range, a pause, a bullet."""
    if sign == "\u2014":
        return "a long dash may be a pause: a loss is written -5"
    if found["outer"] and not found["gap"] and found["before"] not in {"", *_LEADS}:
        return "a dash at a word is no minus: write it apart"
    if sign != MINUS and found["outer"] and found["wide"]:
        return "a dash with a blank after it may be a bullet or a pause: write -5"
    return ""


def _bracket_doubt(before: Before, end: int) -> str:
    """Say why a number in brackets may be no loss, as accounts write it, but an aside."""
    found, rest = before.found, before.text[end:].lstrip(" ")
    led = not found["before"] or "\n" in found["gap"] or found["before"] in ":=\u2192\uff1a"
    ends = not rest or rest[0] in ".,;\n\u3002"
    if found["money"] or found["late"] or (led and ends):
        return ""
    return "a number in brackets may be a loss or an aside"


def _torn_bracket(before: Before, end: int) -> bool:
    """Say whether one bracket of a pair is missing: `(5.2` and `5.2)` may have been `(5.2)`."""
    text = before.text
    if before.found["open"]:
        return ")" not in text[end : end + _WINDOW]
    return _CLOSE.match(text, end) is not None and "(" not in text[:end]


def _bound(before: Before, end: int) -> str:
    found = _BOUND_BEFORE.search(before.words) or _BOUND_AFTER.match(before.text, end)
    return "" if found is None else found["said"]
