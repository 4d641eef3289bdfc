"""
Normalise the text of an answer: one form of each character, and no markup.

In: an answer as it came. Out: the same in NFC, with plain digits and spaces, one kind of each
dash, and without Markdown, LaTeX, invisible characters and the thinking before `</think>`.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

MINUS: Final = "\u2212"
"""Stands for every character that is a minus and nothing else."""
DASH: Final = "\u2013"
"""Stands for the en dash and its like, which may be a minus, a range or a pause."""

_MINUSES: Final = "\u2212\u207b\u208b\u2796\ufe63\uff0d"
_HYPHENS: Final = "\u2010\u2011"
_DASHES: Final = "\u2012\u2013"
_APOSTROPHES: Final = "\u2019\u02bc\u2018\u2032\u066c"
_PERCENTS: Final = "\u066a\ufe6a\uff05"
_BREAKS: Final = "\r\u0085\u2028\u2029"

_THOUGHT: Final = re.compile(r".*</think(?:ing)?>|<think(?:ing)?>.*", re.DOTALL | re.IGNORECASE)
_BOXED: Final = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_LATEX: Final = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_TAGGED: Final = re.compile(
    r"<((?:final[_-]?)?(?:answer|result|output|label|number|value|prediction|sentiment|direction"
    r"|probability|forecast|estimate|response|choice|verdict|winner))>(.{0,2000}?)</\1>",
    re.DOTALL | re.IGNORECASE,
)
_ESCAPED: Final = re.compile(r"\\([%$#&_*])")
_MATHS: Final = re.compile(r"\\[()\[\]]|\$\$")
_FENCE: Final = re.compile(r"(?m)^[ ]*(?:```|~~~).*$")
# Between two digits `*` is a product and `_` a group: taking them away would make one number.
_STARS: Final = re.compile(r"(?<!\d)\*+|\*+(?!\d)|`+|~~")
_LINES: Final = re.compile(r"(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)")
_HEADING: Final = re.compile(r"(?m)^[ ]{0,3}#{1,6}[ ]+")
_BULLET: Final = re.compile(r"(?m)^[ ]*[*+\u2022\u25cf\u25aa\u00b7][ ]+")
_SHORTENED: Final = re.compile(
    r"\b(approx|ca|circa|est|vs|resp|incl|excl|inc|corp|ltd|co|no(?=\.\s?\d)|e\.g|i\.e|z\.B|d\.h"
    r"|mio|mrd|bzw)\.",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Return *text* in one form of each character, without the thinking before it."""
    if "<think" in text or "</think" in text:
        text = _THOUGHT.sub("", text, count=1)
    if text.isascii():
        return _control(text)
    return unicodedata.normalize("NFC", "".join(map(_one, unicodedata.normalize("NFC", text))))


def unmarked(text: str) -> str:
    """
    Return *text* without Markdown and LaTeX.

    What stands in a box, or a few words between `<answer>` and `</answer>`, is a final answer.
    """
    if "</" in text:
        text = _TAGGED.sub(_untagged, text)
    if "\\" in text:
        text = _BOXED.sub(r"\nFinal answer: \1\n", text)
        text = _ESCAPED.sub(r"\1", _LATEX.sub(r"\1", _MATHS.sub("", text)))
    if "```" in text or "~~~" in text:
        text = _FENCE.sub("", text)
    text = _BULLET.sub("", _HEADING.sub("", text))
    return _LINES.sub("", _STARS.sub("", text)).strip()


def _untagged(found: re.Match[str]) -> str:
    """Return what stands between two tags; a word or two are a final answer, prose is prose."""
    held = found[2].strip()
    short = len(held) <= _SHORT and "\n" not in held
    return f"\n{'Final answer: ' if short else ''}{held}\n"


_SHORT: Final = 60


def unshortened(text: str) -> str:
    """Remove the full stop of abbreviations, which would end a sentence: `approx.`, `vs.`."""
    return _SHORTENED.sub(r"\1", text) if "." in text else text


_CONTROL: Final = {
    code: "\n" if chr(code) in "\r\n" else " " if chr(code).isspace() else ""
    for code in [*range(32), 127]
}


def _control(text: str) -> str:
    return text.replace("\r\n", "\n").translate(_CONTROL)


@lru_cache(4096)
def _one(char: str) -> str:
    """Return the replacement of one character of a text in NFC."""
    if char.isascii():
        return _CONTROL.get(ord(char), char)
    for alike, form in _ALIKE:
        if char in alike:
            return form
    kind = unicodedata.category(char)
    if kind == "Zs" or char.isspace():
        return " "
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    if kind in {"Cf", "Cc"} or "\ufe00" <= char <= "\ufe0f":
        return ""
    # Full-width and half-width forms are the plain ones, drawn wider.
    wide = "\uff01" <= char <= "\uff5e"
    return unicodedata.normalize("NFKC", char) if wide else char


_ALIKE: Final = (
    (_MINUSES, MINUS),
    (_HYPHENS, "-"),
    (_DASHES, DASH),
    (_APOSTROPHES, "'"),
    (_PERCENTS, "%"),
    (_BREAKS, "\n"),
)
