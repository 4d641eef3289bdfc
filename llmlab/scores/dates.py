"""
Digits in prose that are no quantity: dates, times, quarters, years, spans, list marks, names.

In: a text. Out: the same with these blanked out, so that every position stays what it was.
"""

import re
from typing import Final

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|(?-i:Mar(?:ch)?)|apr(?:il)?|(?-i:May)|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|januar|februar|m\u00e4rz|mai|juni|juli|oktober"
    r"|dezember|janvier|f\u00e9vrier|mars|avril|juin|juillet|ao\u00fbt|septembre|octobre|novembre"
    r"|d\u00e9cembre|enero|febrero|marzo|mayo|junio|julio|septiembre|octubre|noviembre|diciembre)"
)
_YEAR: Final = r"(?:19|20)\d\d"
_SPAN: Final = (
    r"(?:trading |business |calendar |full |fiscal )?(?:sessions?|days?|weeks?|months?|quarters?"
    r"|years?|yrs?|hours?|hrs?|minutes?|mins?|seconds?|tage?n?|wochen?|monaten?|jahren?|jours?|mois"
    r"|ans|d\u00edas?|meses|a\u00f1os?|bars?|periods?)"
)
_INDEX: Final = (
    r"(?:s&p|russell|nasdaq|ftse(?: mib)?|m?dax|cac|nikkei|(?:euro )?stoxx|csi|asx|topix|kospi|ibex"
    r"|smi|sensex|nifty|hang seng|dow(?: jones)?|msci)"
)

_WHEN: Final = (
    r"(?:in|by|of|for|since|until|during|through|fiscal|calendar|year|end|early|late|mid|before|after|im|en|vor"
    r"|nach|seit|bis|jahr|ann\u00e9e|a\u00f1o)"
)
_DURING: Final = (
    r"(?:in|after|over|within|next|last|past|for|during|following|coming|first|every|the|of|previous"
    r"|prior|nach|dans|en|n\u00e4chsten)"
)
_QUANTITY: Final = (
    r"(?:to|points?|dollars?|euros?|usd|eur|bn|k|m|thousand|million|billion|percent|shares?|units?)"
)
"""Words after a possible year that make it a quantity."""
_NUMBERED: Final = (
    r"(?:step|point|item|page|note|figure|table|section|option|level|top|no|tier|phase|part|day|week"
    r"|month|year|headline|input|question|example)"
)
_ENDS: Final = r"(?!\d|[.,]\d|%)"
"""The end of a year or a count: no further digits, decimals or percent sign follow."""

_PATTERNS: Final = (
    rf"{_YEAR}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?:[T ]\d\d:\d\d(?::\d\d)?)?",
    rf"\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:{_YEAR}|\d\d)(?![.,]?\d)",
    rf"\d{{1,2}}(?:st|nd|rd|th|\.)? (?:of )?{_MONTH}\b\.?(?:,? ?{_YEAR}{_ENDS})?",
    rf"\b{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? {_YEAR}{_ENDS}|{_ENDS})",
    rf"\b{_MONTH}\.?,? {_YEAR}{_ENDS}",
    r"\b\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]\.?m\.?\b)?",
    rf"\b(?:[qh][1-4]|[1-4][qh])[ -/']?(?:{_YEAR}|'?\d\d)?{_ENDS}\b",
    rf"\b{_YEAR}[ -]?[qh][1-4]\b",
    rf"\b(?:fy|cy)[ ']?(?:{_YEAR}|\d\d)(?:/\d\d)?[ae]?\b",
    rf"\b{_YEAR}(?:/\d\d(?:\d\d)?|[ae])\b",
    rf"\b{_WHEN}[ -]{_YEAR}{_ENDS}(?! ?{_QUANTITY}\b)",
    rf"(?:^|(?<=\n)){_YEAR}(?=: )",
    rf"\b{_DURING} (?:the )?\d{{1,4}}[ -]{_SPAN}\b",
    rf"\b\d{{1,4}}[ -]{_SPAN} (?:ahead|ago|later|from now|out|before|after|earlier|horizon)\b",
    r"\b\d{1,3}(?:d|w|y|yr|h|min)\b",
    rf"\b{_INDEX} ?\d{{2,4}}\b{_ENDS}",
    r"(?:^|(?<=\n)) *\(?\d{1,2}[.)] +(?=\S)",
    r"\[\d{1,3}\](?!\S*\d)(?=.)",
    r"(?:\+/-|\u00b1) ?\$?\d[\d.,]* ?%?",
    rf"\b{_NUMBERED}[ #]\d{{1,3}}{_ENDS}\b",
    rf"#\d+\b{_ENDS}",
)
_NO_QUANTITY: Final = re.compile("|".join(f"(?:{each})" for each in _PATTERNS), re.IGNORECASE)


_PART: Final = re.compile(r"\d[ .,'_]?$|[.,]$")
"""The text before digits that are the end of a longer number: `25 days` of 4.25 days."""
_RUN: Final = re.compile(r"\d+")
_LEFT: Final = 24
_RIGHT: Final = 32
"""Characters around digits in which the rest of a date can be."""


def without_dates(text: str) -> str:
    """Return *text* with digits that are no quantity blanked out."""
    pieces, at = [], 0
    for start, end in _windows(text):
        for found in _NO_QUANTITY.finditer(text, start, end):
            if _PART.search(text, 0, found.start()) and found[0][0].isdigit():
                continue
            pieces += [text[at : found.start()], " " * len(found[0])]
            at = found.end()
    return text if not pieces else "".join([*pieces, text[at:]])


def _windows(text: str) -> list[tuple[int, int]]:
    """Return the spans of *text* around digits, outside of which there is no date."""
    found: list[tuple[int, int]] = []
    for run in _RUN.finditer(text):
        start, end = max(0, run.start() - _LEFT), min(len(text), run.end() + _RIGHT)
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
