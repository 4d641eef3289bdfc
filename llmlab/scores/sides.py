"""
Read the direction of an answer: up, down or flat, and not words that only look like one.

`short` of "short term" is no side, neither is the rise in "a rise in costs" or the `up` of "up to";
"will not rise" is not up, and is not read as down either.
"""

import re
from typing import Final

from llmlab.scores.mentions import Mention, Places, chosen, listed, negated, own_words
from llmlab.scores.plain import plain, unmarked, unshortened
from llmlab.scores.unread import Read, Unread

_UP: Final = (
    r"up|upward|upwards|upside|rise|rises|rising|higher|increase|increases|increasing"
    r"|gain"
    r"|gains|gaining|climb|climbs|climbing|rally|rallies|rallying|appreciate|appreciates|buy|long"
    r"|rebounds|recovers|bounces|surges|jumps|soars|advances|positive|bullish|outperform"
    r"|outperforms|steigt|steigen|hausse|sube|alza|\u2191|\U0001f4c8"
    r"|\u4e0a\u6da8|\u770b\u6da8|\u4e0a\u5347"
)
_DOWN: Final = (
    r"down|downward|downwards|downside|fall|falls|falling|lower|decrease|decreases"
    r"|decreasing|decline|declines|declining|drop|drops|dropping|depreciate|depreciates|sell|short"
    r"|slumps|plunges|tumbles|sinks|slides|slips|retreats|dips|weakens|sinkt|sinken"
    r"|negative|bearish|underperform|underperforms|f\u00e4llt|baja|baisse|\u2193|\U0001f4c9"
    r"|\u4e0b\u8dcc|\u770b\u8dcc|\u4e0b\u964d"
)
_FLAT: Final = (
    r"flat|sideways|unchanged|hold|neutral|no change|little changed|range-bound|rangebound"
)
_SIDE: Final = re.compile(
    rf"(?<![^\W\u4e00-\u9fff])(?:(?P<up>{_UP})|(?P<down>{_DOWN})"
    rf"|(?P<flat>{_FLAT}))(?![^\W\u4e00-\u9fff])"
    r"(?!')",
    re.IGNORECASE,
)
_NO_SIDE: Final = re.compile(
    r"\b(?:(?:giv\w+|gave) up(?: \w+){0,2} gains?"
    r"|(?:short|long|near|medium|mid)(?:er)?[ -](?:to[ -](?:short|long|medium|mid)(?:er)?[ -])?"
    r"(?:term|run|dated|lived|haul|time|standing|established|while|ago|way)\b|(?:as|so|how|too|all"
    r"|before|no|very) long(?:er)?\b|long (?:after|before|since|enough|history|track record|list)"
    r"|short (?:of|on|notice|period|window|answer|version|summary|squeeze|interest|sellers?"
    r"|covering)"
    r"|in short\b|shortfall|short-sell\w*|short-cover\w*|up (?:to|until|for)\b"
    r"|(?:set|sum|end|ends|ended|pick\w*|follow\w*|back\w*|catch\w*|clos\w+|open\w*|mak\w+|ramp\w*"
    r"|start\w*"
    r"|wind|speed\w*|build\w*|hold\w*|look\w*) up\b|(?:break\w*|slow\w*|com\w+ |writ\w+|calm\w*"
    r"|cool\w*"
    r"|settl\w*|shut\w*|track\w*|pin\w*) down\b|write-?downs?|break-?down|ups? and downs?"
    r"|up or down"
    r"|(?:buy|sell)[- ](?:side|backs?|off)|buy\w* back|hold (?:on|off|back|up)|holds? that|on hold"
    r"|(?:positive|negative) (?:territory|integer|number|value|definite|correlation)"
    r"|ups and downs|year-to-date up|up-to-date|up-?front|drop[- ]?down|gain of function"
    r"|(?:buyers?|sellers?|buying|selling)\b)",
    re.IGNORECASE,
)
_ASKED_FOR: Final = (
    r"(?:prices?|stocks?|shares?|clos\w+|values?|markets?|index|returns?|quot\w+|it|equit\w+"
    r"|bonds?|trend"
    r"|direction|move\w*|moves?|bias|outlook|view|signal|position|drift|momentum|sentiment"
    r"|recommendation"
    r"|call|open\w*|levels?|tomorrow|today|open|rating|case|scenario|stance|territory)"
)
_LITTLE: Final = (
    r"(?:on|over|in|by|at|than|after|as|because|since|and|but|or|due|with|for|from|to|if|when"
    r"|while|this"
    r"|next|is|are|was|will|would|given|during|through|within|before|again|again|further|slightly"
    r"|sharply"
    r"|modestly|likely|probably|overall|thanks|amid|despite|until|once|unless|so|though|although"
    r"|driven"
    r"|based|following|against|then|of|the|a|about|around|some|more|most)"
)
_OBJECT: Final = re.compile(
    rf"\s+(?:in|of)\s+(?:(?:the|its|their|a)\s+)?+(?!{_ASKED_FOR}\b)(?!(?:\w+ ){{0,3}}(?:days?"
    rf"|weeks?|months?"
    r"|sessions?|terms?|runs?|years?|hours?|quarters?)\b)(?!\d|about\b|around\b|some\b)[a-z]\w+",
    re.IGNORECASE,
)
_NOUN: Final = re.compile(rf"[ ]+(?!(?:{_ASKED_FOR}|{_LITTLE})\b)[a-z]+\b", re.IGNORECASE)
_ADJECTIVES: Final = frozenset(
    [
        "higher",
        "lower",
        "rising",
        "falling",
        "increasing",
        "decreasing",
        "declining",
        "positive",
        "negative",
        "long",
        "short",
    ]
)
_STEPS: Final = frozenset(
    form
    for verb in ("increase", "decrease", "decline", "drop", "rise", "fall", "gain")
    for form in (verb, f"{verb}s")
)

_DE: Final = re.compile(
    r"\s+(?:du|des|de la|de l')\s?(?!(?:cours|prix|titre|action|march\u00e9"
    r"|indice)\b)",
    re.IGNORECASE,
)

_LEAD: Final = re.compile(
    r"(?:(?:it(?:'s| is| will| goes| should| will go)|i(?:'d| would)? (?:say|go|expect|guess"
    r"|think)|likely"
    r"|probably|most likely|clearly|slightly|go|goes|so|therefore|thus|hence|answer|the|price"
    r"|stock|share"
    r"|will|be|\W)[\s,:]*)*",
    re.IGNORECASE,
)
PLACES: Final = Places(
    nouns=r"answer|direction|prediction|view|outlook|signal|position|forecast|recommendation|trend"
    r"|call"
    r"|verdict|decision|stance|bias|move|trade|Antwort|Prognose|r\u00e9ponse|respuesta|\u7b54\u6848"
    r"|\u65b9\u5411",
    alone=lambda before, after: _LEAD.fullmatch(before) is not None and not after,
)


def read_side(text: str) -> Read[int]:
    """Return 1 for up, -1 for down, 0 for flat, as *text* says it."""
    alone = _SIDE.fullmatch(text.strip(" .!*\n"))
    if alone is not None:
        return _value(alone)
    words = _NO_SIDE.sub(lambda found: " " * len(found[0]), unshortened(unmarked(plain(text))))
    own = own_words(words)
    found = [_mention(own, each) for each in _SIDE.finditer(own)]
    said: Read[int] = chosen(own, listed(own, found), PLACES, "direction")
    if not isinstance(said, Unread) and (odds := _less_than_even(own)):
        return Unread(f"{odds!r} makes the other direction the likelier one")
    return said


def _less_than_even(text: str) -> str:
    """Return where a direction is said to be less likely than not: `a 30 % chance of a rise`."""
    for found in _ODDS.finditer(text):
        share = float((found["before"] or found["after"]).replace(",", "."))
        if share / (100 if found["percent"] or found["of"] else 1) < _EVEN:
            return found[0].strip()
    return ""


_EVEN: Final = 0.5
_SHARE: Final = r"(?<![\d.,])\d+(?:[.,]\d+)?"
_LIKELY: Final = r"(?:chance|probab\w*|likelihood|odds|likely)"
_ODDS: Final = re.compile(
    rf"(?P<before>{_SHARE}) ?(?P<percent>%|percent)?[ -]{_LIKELY}\b"
    rf"|\b(?:{_LIKELY}\b|p\()[^.;,\n\d]{{0,40}}?[ =:](?P<after>{_SHARE}) ?(?P<of>%|percent)?",
    re.IGNORECASE,
)


def _value(found: re.Match[str]) -> int:
    return 1 if found["up"] else -1 if found["down"] else 0


def _mention(text: str, found: re.Match[str]) -> Mention:
    value = _value(found)
    start, end = found.span()
    if negated(text, start, end):
        why = f"the answer says what it is not ({found[0]})"
        return Mention(start, end, value, why, counts=False)
    if _of_something_else(text, found):
        return Mention(start, end, value, f"{found[0]!r} of something else", counts=False)
    return Mention(start, end, value)


def _of_something_else(text: str, found: re.Match[str]) -> bool:
    """Say whether what moves is named and is not what was asked for: `a rise in costs`."""
    word = found[0].casefold()
    if word in {"hausse", "baisse"} and _DE.match(text, found.end()):
        return True
    if word in _STEPS and _OBJECT.match(text, found.end()):
        return True
    return word in _ADJECTIVES and _NOUN.match(text, found.end()) is not None
