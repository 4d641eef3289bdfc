"""
Read the number of an answer: every number in it with sign and unit, and which of them counts.

Nothing is guessed: a number whose sign, unit or decimal mark is in doubt is unread, and so is an
answer with several. The table in docs/scores.md says what is read as what.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Final

from llmlab.scores.dates import without_dates
from llmlab.scores.digits import DIGITS, Mark, amount, common, mark_of
from llmlab.scores.losses import fall_word
from llmlab.scores.mentions import Mention, Places, chosen, own_words
from llmlab.scores.plain import DASH, MINUS, plain, unmarked, unshortened
from llmlab.scores.signs import Before
from llmlab.scores.signs import signed as sign_of
from llmlab.scores.units import IN_UNIT, Unit, after
from llmlab.scores.unread import Read, Unread

_LETTER: Final = "A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff"
_CORE: Final = re.compile(
    rf"(?<![{_LETTER}0-9_])(?<!\d[.,]){DIGITS}(?P<power>[eE][-+{MINUS}]?\d{{1,3}}(?![\d.,]))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number in a text, in the unit that was asked for."""

    start: int
    end: int
    value: float = 0.0
    count: bool = False
    """Whether it has neither decimals nor a unit: it may count something."""
    bare: bool = False
    """Whether no sign is written at it."""
    why: str = ""
    """Why its value is in doubt."""
    by_others: bool = False


def prepared(text: str) -> str:
    """Return the text of an answer, normalised for finding numbers."""
    return unshortened(unmarked(plain(text)))


def shown_mark(text: str) -> Mark | None:
    """Return the decimal mark that the numbers of an answer show beyond doubt, all alike."""
    words = without_dates(prepared(text))
    return common(mark_of(_digits(core)) for core in _CORE.finditer(words))


def numbers_in(
    text: str, *, mark: Mark | None = None, unit: Unit = "1", signed: bool = True
) -> list[Number]:
    """
    Return every number of *text*, which `prepared` made, with what is doubtful about each.

    *signed* says whether one may be negative: then words such as `falls` put its sign in doubt.
    """
    cores = list(_CORE.finditer(text))
    mark = mark or common(mark_of(_digits(core)) for core in cores)
    found = [_number(text, core, mark, unit) for core in cores]
    known = [_denied(text, each) for each in found if each is not None]
    return _ranges(text, [_worded(text, each) for each in known] if signed else known)


def read_number(text: str, *, mark: Mark | None = None, unit: Unit = "1") -> Read[float]:
    """
    Return the number that *text* says; a percentage is a hundredth where *unit* is 1.

    *mark* is the decimal mark where that is known, else what the text itself shows of it.
    """
    bare = text.strip()
    if _SIMPLE.fullmatch(bare):
        return float(bare)
    words = prepared(text)
    only = only_number(words, mark=mark, unit=unit)
    if only is not None:
        return only
    own = without_dates(own_words(words))
    return chosen_of(own, numbers_in(own, mark=mark, unit=unit), NUMBERS, "number")


def only_number(text: str, *, mark: Mark | None = None, unit: Unit = "1") -> Read[float] | None:
    """Read a text that is only one number, which could otherwise be taken for a year."""
    if len(text) > _LONGEST:
        return None
    found = numbers_in(text, mark=mark, unit=unit)
    if len(found) != 1:
        return None
    one = found[0]
    rest = f"{text[: one.start]} {text[one.end :]}".strip(" \"'.!")
    if rest and (text[: one.start].strip(" \"'") or not _WORD.fullmatch(rest)):
        return None
    return Unread(one.why, by_others=one.by_others) if one.why else one.value


_SIMPLE: Final = re.compile(r"-?(?:[1-9]\d{0,8}|0)(?:\.\d{1,2})?", re.ASCII)
"""Numbers that every reading takes alike; most answers to a question for a number are such."""
_LONGEST: Final = 48
"""Characters of a text that can be nothing but a number."""
_WORD: Final = re.compile(r"(?:(?:trading |business |calendar )?[^\W\d]+)", re.IGNORECASE)


def chosen_of(text: str, found: Sequence[Number], places: Places, what: str) -> Read[float]:
    """Return the one of *found* that *text* says."""
    mentions = [Mention(each.start, each.end, each.value, each.why) for each in found]
    said: Read[float] = chosen(text, mentions, places, what)
    unsure = isinstance(said, Unread) and any(each.by_others for each in found)
    return Unread(said.why, by_others=True) if isinstance(said, Unread) and unsure else said


_LEADS: Final = re.compile(
    r"(?:(?:(?:it|that)(?:'s| is)|about|approximately|approx|around|roughly|circa|ca|some|etwa|rund"
    r"|environ|i(?:'d| would) (?:say|guess|estimate)|i (?:say|estimate|expect|think)|so|therefore"
    r"|thus"
    r"|hence|answer|number|value|forecast|estimate|prediction|probability|result|p|is|at|be"
    r"|[~\u2248\u2245=:]|\u7ea6|\u7d04)[\s,:]*)*",
    re.IGNORECASE,
)
_TAIL: Final = re.compile(
    r"(?:[a-z]+(?: (?:per|a|an|each) [a-z]+)?|[\u4e00-\u9fff]{1,4})?", re.IGNORECASE
)


def alone(before: str, after: str) -> bool:
    """Say whether there is only a lead-in before a number, and at most its unit after it."""
    return _LEADS.fullmatch(before) is not None and _TAIL.fullmatch(after) is not None


NUMBERS: Final = Places(
    nouns=r"answer|number|value|result|forecast|estimate|prediction|projection|output"
    r"|expected return"
    r"|return|target|amount|figure|total|Antwort|Ergebnis|Prognose|r\u00e9ponse|respuesta|risposta"
    r"|\u7b54\u6848|\u9884\u6d4b",
    alone=alone,
)


def _digits(core: re.Match[str]) -> str:
    return core[0][: len(core[0]) - len(core["power"] or "")]


def _number(text: str, core: re.Match[str], mark: Mark | None, unit: Unit) -> Number | None:
    """Read the number at *core* with what stands around it; None when it is part of a name."""
    before = Before(text, core.start())
    closed = before.close(core.end())
    behind = after(text, core.end() if closed is None else closed)
    if behind is None or before.named or _compound(text, core.end()):
        return None
    closed = before.close(behind.end) if closed is None else behind.end
    sign = sign_of(before, behind.end if closed is None else closed, closed=closed is not None)
    power = int((core["power"] or "e0")[1:].replace(MINUS, "-"))
    scale = power + behind.power + (IN_UNIT[unit] if behind.share else 0)
    value = amount(_digits(core), mark, scale=Decimal(1).scaleb(scale))
    made = Number(start=sign.start, end=sign.end, why=sign.why or behind.why or _torn(text, core))
    if isinstance(value, Unread):
        return replace(made, why=value.why, by_others=value.by_others and not made.why)
    count = not behind.share and not power and _digits(core).isdigit()
    return replace(made, value=sign.sign * value, count=count, bare=sign.bare)


_NOT: Final = re.compile(
    r"(?:\b(?:not|never|nicht|kein|keine|pas|no es|non)|n't)(?: (?:about|quite|exactly|really"
    r"|the))?"
    r"\s*[\"']?$",
    re.IGNORECASE,
)
_WRONG: Final = re.compile(
    r"[\"']?\s*(?:(?:is|was|would be) (?:wrong|incorrect|false|not\b)|isn't\b)", re.IGNORECASE
)
_NEAR: Final = 24
"""Characters before a number in which it can be denied."""


def _denied(text: str, number: Number) -> Number:
    """Doubt a number that the answer says it is not."""
    before = text[max(0, number.start - _NEAR) : number.start]
    if number.why or not (_NOT.search(before) or _WRONG.match(text, number.end)):
        return number
    return replace(number, why=f"the answer says what it is not ({number.value:g})")


def _worded(text: str, number: Number) -> Number:
    """Doubt a number without a sign that words may make a loss."""
    said = fall_word(text, number.start, number.end) if number.bare and number.value else ""
    if number.why or not said:
        return number
    return replace(number, why=f"the sign is in words ({said!r}): a loss is written -5")


def _torn(text: str, core: re.Match[str]) -> str:
    """Return a doubt where a mark before the digits may have been part of the number."""
    before = text[max(0, core.start() - 1) : core.start()]
    return f"{before}{core[0]} may be part of a number" if before and before in ".,\u2026" else ""


def _compound(text: str, end: int) -> bool:
    """Say whether a hyphen ties a word to the digits: `10-K`, `5-year`."""
    tail = text[end : end + 2]
    return len(tail) > 1 and tail[0] == "-" and tail[1].isalpha()


_RANGE: Final = re.compile(
    rf"\s*(?:\bto\b|[-{DASH}\u2014{MINUS}~\u301c\u223c]|\bthrough\b|\buntil\b|\bbis\b|\b\u00e0\b"
    rf"|\ba\b"
    r"|\u81f3|\u5230)\s*\$?|[/:]",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(r"\b(?:between|zwischen|entre|from)\b[^.;\n]{0,12}$", re.IGNORECASE)
_AND: Final = re.compile(r"\s*(?:and|und|et|y|to)\s*[-+$]?", re.IGNORECASE)


def _ranges(text: str, found: list[Number]) -> list[Number]:
    """Mark the two ends of a range: `10 to 12`, `60-70 %`, `between 3 and 5`."""
    made = list(found)
    for at, (one, other) in enumerate(pairwise(found)):
        first = next(place for place in range(other.start, other.end) if text[place].isdigit())
        spans = _BETWEEN.search(text, max(0, one.start - _NEAR), one.start) and _AND.fullmatch(
            text, one.end, other.start
        )
        if spans or any(_RANGE.fullmatch(text, one.end, to) for to in (other.start, first)):
            shown = text[one.start : other.end].strip()
            why = f"{shown} is a range or a ratio, no single number"
            made[at] = replace(made[at], why=why, by_others=False)
            made[at + 1] = replace(made[at + 1], why=why, by_others=False)
    return made
