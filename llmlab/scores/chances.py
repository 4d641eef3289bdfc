"""Read the probability that an answer states: not the 2 % of a premise, a range or the opposite."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

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
    r"(?:\b(?:not|won't|doesn't|no|never|against|unlikely|fails?|below|under|fall\w*|declin\w+"
    r"|drop\w*"
    r"|lower|down\w*|decreas\w+|loss|losses|crash\w*|sell-?offs?|corrections?|weak\w*|slip\w*"
    r"|slid\w*"
    r"|tumbl\w*|slump\w*|plung\w*|underperform\w*|bearish|short|retreat\w*|negative|r\u00fcckg\w+"
    r"|verlust\w*|baisse|chute|ca\u00edda|calo|queda|\u043f\u0430\u0434\u0435\u043d\w+"
    r"|\u0441\u043d\u0438\u0436\w+)\b|[\u4e0d\u8dcc\u964d])"
)
_DENIED_AFTER: Final = re.compile(rf"[^.;,\n]{{0,40}}?{_DENIED}", re.IGNORECASE)
_DENIED_AT_ONCE: Final = re.compile(rf" ?(?:\w+ ){{0,3}}?{_DENIED}", re.IGNORECASE)
_EVENT: Final = (
    r"(?:\b(?:chance|probability|likelihood|odds|wahrscheinlichkeit|probabilit\u00e9|probabilidad"
    r"|probabilit\u00e0|p\()|\u6982\u7387)"
)
_DENIED_BEFORE: Final = re.compile(
    rf"{_EVENT}[^.;,\n]{{0,50}}?{_DENIED}[^.;\n\d]{{0,24}}$"
    r"|[\u4e0d\u8dcc\u964d][^\u3002\uff0c]{0,8}\u6982\u7387[^\u3002\uff0c\d]{0,6}$"
    rf"|{_DENIED} (?:probability|chance|likelihood|odds)[^.;,\n\d]{{0,12}}$"
    r"|\b(?:flat|unchanged|sideways|neutral)\W{0,3}$",
    re.IGNORECASE,
)
_SAYS_OTHER: Final = re.compile(_DENIED, re.IGNORECASE)
_SAYS_NO: Final = re.compile(
    r"(?:^|\n|[.!?:]\s)\W*(?:no|nein|non|\u5426|\u4e0d)(?![\w.])", re.IGNORECASE
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
    if isinstance(only, float) and 0.0 <= only <= 1.0 and not _SAYS_OTHER.search(words):
        return only
    own = without_dates(own_words(words))
    found = [each for each in numbers_in(own, mark=mark, signed=False) if not _premise(own, each)]
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
    if _DENIED_AT_ONCE.match(text, number.end):
        return True
    # "Down, 80 % sure" is 20 % for up: whose chance it is must be said where it is stated.
    if _TOLD.search(before) is not None:
        return False
    return _SAYS_NO.search(text) is not None or read_side(text) == -1


_AGAINST: Final = re.compile(
    r"(?:^|[_ .-])(?:down\w*|fall\w*|lower|declin\w+|drop\w*|bear\w*|loss\w*|negative|no|not)(?:$"
    r"|[_ .-])",
    re.IGNORECASE,
)
_SURE: Final = re.compile(r"confiden|certain|convict|sure", re.IGNORECASE)


def doubtful_document(found: Sequence[tuple[str, Any]], chance: Callable[[Any], bool]) -> str:
    """
    Say why the one probability of a JSON document may be that of the other event.

    Args:
        found: Each value with the key it stands under.
        chance: Whether a value may be a probability.
    """
    stated = [key for key, value in found if chance(value)]
    if stated and all(_AGAINST.search(key) for key in stated):
        return f"{stated[0]!r} is the chance that something does not come: of which event?"
    sides = [read_side(value) for _, value in found if isinstance(value, str)]
    if -1 in sides and all(_SURE.search(key) for key in stated):
        return "a confidence in a fall is not the probability of a rise: name the field="
    return ""
