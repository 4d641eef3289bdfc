"""Read the probability that an answer states: not the 2 % of a premise, a range or the opposite."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from llmlab.scores.dates import without_dates
from llmlab.scores.digits import Mark
from llmlab.scores.mentions import Places, own_words
from llmlab.scores.numbers import Number, alone, chosen_of, numbers_in, only_number, prepared
from llmlab.scores.sides import read_side
from llmlab.scores.unread import Read, Unread

PLACES: Final = Places(
    nouns=r"answer|probability|prob|chance|likelihood|odds|p|p\(\w+\)|confidence|estimate|result"
    r"|forecast"
    r"|Antwort|Wahrscheinlichkeit|probabilit\u00e9|probabilidad|\u6982\u7387|\u7b54\u6848",
    alone=alone,
)

_MOVE: Final = (
    r"(?:ris\w+|rose|gain\w*|climb\w*|jump\w*|surg\w+|soar\w*|increas\w+|grow\w*|grew|add\w*|up"
    r"|beat\w*"
    r"|fall\w*|fell|drop\w*|declin\w+|decreas\w+|los[est]\w*|slump\w*|plung\w+|down|cut\w*|slid\w*"
    r"|miss\w*|yield\w*|margin\w*|dividend\w*|coupon\w*|rates?|inflation|growth|returns?|premium"
    r"|discount|stake)"
)
_MOVED_BEFORE: Final = re.compile(
    rf"\b{_MOVE}(?:\s+(?:by|of|to|at|is|are|was|were|about|around|some|another|nearly))*\s*$",
    re.IGNORECASE,
)
_MOVED_AFTER: Final = re.compile(
    rf"\s*(?:\w+ )?\b(?:{_MOVE}|move|rally|higher|lower|above|below"
    r"|of (?:the )?(?:revenue|sales|shares|earnings))\b",
    re.IGNORECASE,
)
_CHANCE: Final = re.compile(
    r"\s*(?:\w+ )?(?:chance|probab|likel|odds|confiden|certain|sure|wahrscheinlich)", re.IGNORECASE
)
_TOLD: Final = re.compile(
    r"\b(?:chance|probability|likelihood|odds|prob|p(?:\(\w+\))?)\b[^.;,\n]{0,50}(?::|=|\b(?:is|of"
    r"|at|be))\s*"
    r"(?:about |around |roughly |only )?$",
    re.IGNORECASE,
)
_DENIED: Final = (
    r"\b(?:not|won't|doesn't|no|fall\w*|declin\w+|drop\w*|lower|down|decreas\w+|against)\b"
)
_DENIED_AFTER: Final = re.compile(rf"[^.;,\n]{{0,40}}?{_DENIED}", re.IGNORECASE)
_DENIED_BEFORE: Final = re.compile(
    rf"\b(?:chance|probability|likelihood|odds)\b[^.;,\n]{{0,50}}{_DENIED}[^.;\n\d]{{0,20}}$",
    re.IGNORECASE,
)
_WINDOW: Final = 96


def read_probability(text: str, *, mark: Mark | None = None) -> Read[float]:
    """
    Return the probability that *text* states: a percentage, or a number from 0 to 1.

    A percentage of a move or a rate (`rose 2 %`) is none, and neither is a bare 70: it may be a
    price.
    """
    words = prepared(text)
    only = only_number(words, mark=mark)
    if isinstance(only, float) and 0.0 <= only <= 1.0:
        return only
    own = without_dates(own_words(words))
    found = [each for each in numbers_in(own, mark=mark) if not _premise(own, each)]
    single = only is not None
    stated = list(_possible(own, found, single=single))
    if found and not stated:
        return Unread("no number of the answer is a percentage or lies in 0 to 1")
    return chosen_of(own, stated, PLACES, "probability")


def _premise(text: str, number: Number) -> bool:
    """Say whether *number* is the size of a move or a rate rather than a probability."""
    before = text[max(0, number.start - _WINDOW) : number.start]
    if _CHANCE.match(text, number.end) or _TOLD.search(before):
        return False
    return bool(_MOVED_BEFORE.search(before) or _MOVED_AFTER.match(text, number.end))


def _possible(text: str, found: Sequence[Number], *, single: bool) -> Iterator[Number]:
    """Yield the numbers that may be a probability, with the doubt about each."""
    for each in found:
        outside = not 0.0 <= each.value <= 1.0 or (each.count and not single)
        if outside and not each.why:
            continue
        against = "it is the probability that something does not happen: the event is not clear"
        yield each if each.why or not _opposite(text, each) else replace(each, why=against)


def _opposite(text: str, number: Number) -> bool:
    """Say whether it is the probability of a fall, or that something does not happen."""
    before = text[max(0, number.start - _WINDOW) : number.start]
    if _DENIED_BEFORE.search(before):
        return True
    if _CHANCE.match(text, number.end) and _DENIED_AFTER.match(text, number.end):
        return True
    # "Down, 80 % sure" is 20 % for up: the event must be named where the probability is stated.
    return _TOLD.search(before) is None and read_side(text) == -1
