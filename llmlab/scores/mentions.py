r"""
Choose which of the values that an answer mentions counts: one rule for labels, numbers and sides.

In: a text, and where in it something is mentioned. Out: the one that counts, or why none does.
The places, in this order; the first that has a mention decides, and its mentions must agree:

1. a final answer: `Final answer: x`, `Overall, the sentiment is x`, `\boxed{x}`;
2. a marked answer, `Answer: x`, `the forecast is x`, together with a first or last line or
   sentence that says nothing but x;
3. the whole text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from llmlab.scores.unread import Unread


@dataclass(frozen=True, slots=True)
class Mention:
    """A value that a text mentions."""

    start: int
    end: int
    value: Any
    why: str = ""
    """Why its value does not count: it is negated, one of a list, part of a range ..."""
    counts: bool = True
    """Whether it makes the answer unread nevertheless: a doubtful number does."""

    @property
    def sure(self) -> bool:
        """Whether its value counts."""
        return not self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a kind of thing is stated."""

    nouns: str
    """Its names before a colon, as a regular expression: `answer|sentiment`."""
    alone: Callable[[str, str], bool] = lambda before, after: not before and not after
    """Whether the rest of a line, before and after the mention, says nothing else."""


_FINAL: Final = r"(?:final|overall|conclusion|in conclusion|therefore|thus|hence|in sum|in short)"
_IS: Final = r"(?::|=|->|\u2192|\bis\b|\bwould be\b|\bist\b|\best\b|\bes\b|\u662f|\u4e3a|\uff1a)"
_ENDS: Final = re.compile(r"(?<=[.!;?])(?=\s)|[\u3002\uff01\uff1b\uff1f\n]")
_REVISED: Final = re.compile(
    r"\b(?:second thought|actually|wait|correction|scratch that|on reflection|or rather"
    r"|revis\w+)\b",
    re.IGNORECASE,
)


def chosen(text: str, mentions: Sequence[Mention], places: Places, what: str) -> Any:
    """Return the value of *text*, or `Unread`; *what* names the kind in the reason."""
    if not mentions:
        return Unread(f"the answer has no {what}")
    final, marked = _marked(text, mentions, places)
    said = _one(final, what)
    if said is None:
        stated = [*marked, *_alone(text, mentions, places)]
        said = None if not stated else _settled(text, stated, mentions, what)
    if said is None:
        said = _one(mentions, what)
    return Unread(f"the answer has no {what}") if said is None else said


def _settled(text: str, stated: list[Mention], mentions: Sequence[Mention], what: str) -> Any:
    """Return the stated value, unless the text revises it and mentions another one."""
    values = {each.value for each in mentions if each.sure}
    if len(values) > 1 and _REVISED.search(text):
        return Unread(f"the answer changes its mind: {_named(values)}")
    return _one(stated, what)


def _one(mentions: Sequence[Mention], what: str) -> Any:
    """Return the one value of *mentions*; None when there is none, `Unread` for several."""
    doubtful = [each for each in mentions if not each.sure]
    standing = [each for each in doubtful if each.counts]
    values = {each.value for each in mentions if each.sure}
    if len(values) > 1:
        return Unread(f"the answer has more than one {what}: {_named(values)}")
    if standing:
        return Unread(standing[0].why)
    if values:
        return values.pop()
    return Unread(doubtful[0].why) if doubtful else None


def _named(values: set[Any]) -> str:
    shown = sorted(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
    return ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "")  # noqa: PLR2004


def _marked(
    text: str, mentions: Sequence[Mention], places: Places
) -> tuple[list[Mention], list[Mention]]:
    """Return the mentions in final and in marked answers, in the first sentence of each."""
    final: list[Mention] = []
    marked: list[Mention] = []
    for found in _pattern(places.nouns).finditer(text):
        start, end = found.end(), _sentence_end(text, found.end())
        inside = [each for each in mentions if start <= each.start < end]
        (final if found["final"] else marked).extend(inside)
    return final, marked


@lru_cache(16)
def _pattern(nouns: str) -> re.Pattern[str]:
    """Find where an answer is announced: `Answer:`, `Overall, the sentiment is`."""
    final = rf"(?P<final>\b{_FINAL}\b[^.\n:=]{{0,30}}?)?"
    return re.compile(rf"{final}(?<![\w-])(?:{nouns})s?\b[^.\n:=;?]{{0,30}}?{_IS}", re.IGNORECASE)


def _sentence_end(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    found = _ENDS.search(text, start)
    return len(text) if found is None else found.start()


def _alone(text: str, mentions: Sequence[Mention], places: Places) -> list[Mention]:
    """Return the mentions that fill the first or the last line or sentence."""
    return [
        each
        for start, end in _edges(text)
        for each in mentions
        if start <= each.start and each.end <= end
        and places.alone(_bare(text[start : each.start]), _bare(text[each.end : end]))
    ]  # fmt: skip


def _bare(words: str) -> str:
    return words.strip(" \t\n.,:;!-\u2013\u2014\"'()[]{}\u201c\u201d\u3002\uff01|>").casefold()


def _edges(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of first and last line, and of first and last sentence."""
    yield from {*_ends(text, _LINE_END), *_ends(text, _ENDS)}


_LINE_END: Final = re.compile("\n")


def _ends(text: str, cut: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    spans, start = [], 0
    for found in cut.finditer(text):
        spans.append((start, found.start()))
        start = found.end()
    spans.append((start, len(text)))
    filled = [span for span in spans if text[slice(*span)].strip()]
    yield from filled[:1] + filled[-1:]


# ---- what is mentioned, but not said --------------------------------------------------------

_NOT: Final = re.compile(
    r"(?:\b(?:not|never|neither|nor|non|no|without|cannot|hardly|barely|scarcely|unlikely|fails? to"
    r"|failed to|far from|limited|lack of|rather than|instead of|anything but|less|doubt\w*|nothing"
    r"|nobody|no one|none|lacks?|lacking|hesitate|wrong to|mistake to|opposite of|false|if|whether"
    r"|avoid\w*|prevent\w*|caps?|curb\w*|resist\w*|stop|stops|stopped|ceas\w+|halt\w*|eras\w+"
    r"|revers\w+"
    r"|(?:gives?|gave|giving) (?:up|back)|par(?:e|es|ed|ing)|(?<!a )little|nicht|kein\w*|kaum"
    r"|weder|noch|pas|ni|peu|gu\u00e8re|jamais|aucun\w*|\u0644\u064a\u0633\w*|\u063a\u064a\u0631"
    r"|nunca|neither|\u043d\u0435|\u043d\u0435\u0442)\b|n't\b"
    r"|\bnon-)(?:[^\w.;:!?,\n]+\w+){0,3}?[^\w.;:!?,\n]*$",
    re.IGNORECASE,
)
_NOT_AFTER: Final = re.compile(
    r"[\"')\]\u201d]*\s*(?:[:?]\s*no\b|(?:is|was|would|does|did|can|could|seems|are)\s*(?:not"
    r"|n't)\b"
    r"|(?:isn|wasn|wouldn|doesn|can|couldn|aren)'t\b|cannot\b|not\b(?!\s+only)"
    r"|(?:is|was|would be|seems|looks)\s+(?:wrong|incorrect|unlikely|improbable|ruled out|out|over"
    r"|too strong|limited|capped)\b|(?:capped|nicht|fad(?:es|ed)|fizzles?|fails?|ends|stalls?)\b"
    r"|\u3067\u306f\u306a|\u3067\u306f\u3042\u308a|\u3058\u3083\u306a"
    r"|[\uac00-\ud7a3]{0,3}\uc9c0 \uc54a"
    r"|\uc774 \uc544\ub2c8|\uac00 \uc544\ub2c8)",
    re.IGNORECASE,
)
_NOT_BEFORE_HAN: Final = re.compile(
    "(?:[\u4e0d\u975e\u6ca1\u7121\u65e0\u672a\u522b][\u662f\u4f1a\u80fd\u592a\u5f88\u7b97\u6709]{0,2}"
    "|\u8c08\u4e0d\u4e0a|\u96be\u8a00|\u7f3a\u4e4f|\u0e44\u0e21\u0e48)$"
)
_STILL: Final = re.compile(
    r"\b(?:not only|not just|no doubt|without(?: a)? doubt|not surprisingly|no question)\b[^.]*$",
    re.IGNORECASE,
)
_BACK: Final = 48


def negated(text: str, start: int, end: int) -> bool:
    """Say whether *start* to *end* is negated: `not x`, `x is not`, `neither x`."""
    before = text[max(0, start - _BACK) : start]
    if _NOT_AFTER.match(text, end) or _NOT_BEFORE_HAN.search(before):
        return True
    return _NOT.search(before) is not None and _STILL.search(before) is None


_LISTING: Final = re.compile(
    r"[\s\"'`)\]\u201d]*(?:,?\s*(?:\b(?:or|and|oder|und|ou|et|y|vs|versus)\b)|[,/|;\u3001]"
    r"|\u6216\u8005?|\u548c|\u8fd8\u662f)[\s\"'`(\[\u201c]*",
    re.IGNORECASE,
)
_LINES: Final = re.compile(r"[\s\"'.]*\n\s*(?:[-\u2013*]|\(?\d{1,2}[.)])?[\s\"']*")


def listed(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Mark the mentions that are only part of a list: `positive, negative or neutral`."""
    inside = set()
    for one, other in pairwise(mentions):
        between = text[one.end : other.start]
        if one.value != other.value and (_LISTING.fullmatch(between) or _LINES.fullmatch(between)):
            inside |= {one.start, other.start}
    why = "the answer lists several and picks none"
    return [
        replace(each, why=why, counts=False) if each.start in inside and each.sure else each
        for each in mentions
    ]


_QUOTED: Final = re.compile(
    '"[^"\n]{1,400}"|\u201c[^\u201d\n]{1,400}\u201d|\u201e[^\u201c\u201d\n]{1,400}[\u201c\u201d]'
    "|\u00ab[^\u00bb\n]{1,400}\u00bb|(?<!\\w)'[^'\n]{1,400}'(?!\\w)"
)
_ASKED: Final = re.compile(r"[^.!?\n\u3002\uff1f]*[?\uff1f]")
_QUOTE_LINE: Final = re.compile(r"(?m)^[ ]*>.*$")


def own_words(text: str) -> str:
    """Blank out what is not the answer's own: quoted phrases, quoted lines, questions."""
    bare = _QUOTE_LINE.sub(_blank, text) if ">" in text else text
    if any(mark in bare for mark in _QUOTES):
        bare = _QUOTED.sub(_phrase, bare)
    bare = bare if bare.strip() else text
    return _ASKED.sub(_blank, bare) if "?" in bare or "\uff1f" in bare else bare


_QUOTES: Final = "\"'\u201c\u201e\u00ab"


def _phrase(found: re.Match[str]) -> str:
    """Blank out a quotation of several words; a single one may be the answer."""
    return _blank(found) if " " in found[0].strip() else found[0]


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])
