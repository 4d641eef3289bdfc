"""What kind of text something is: the same characters cost prose and prices different tokens."""

import re
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["prose", "json", "code", "numbers", "script"]
"""`script` is prose in an alphabet other than Latin."""

KINDS: Final[tuple[Kind, ...]] = ("prose", "json", "code", "numbers", "script")

_SAMPLE: Final = 2_000
_CODE: Final = re.compile(
    r"^[ \t]*(?:def |class |import |from \w+ import|return\b|for .*:$|if .*:$|@\w|#include"
    r"|function |const |let |var |public |private |SELECT )|[;{}]$|=>|\)\s*->|==|!=|\w\(\w*\)",
    re.MULTILINE,
)


def kind_of(text: str) -> Kind:
    """
    Return the kind of *text*, judged by its first and middle 2,000 characters.

    The order of the questions is the order in which the kinds differ most in tokens.
    """
    sample = _sample(text)
    solid = len(sample) - sum(map(sample.count, " \n\t\r"))
    if not solid:
        return "prose"
    if _foreign(sample) > 0.3 * solid:
        return "script"
    if _is_json(sample):
        return "json"
    if sum(map(sample.count, "0123456789")) > 0.3 * solid:
        return "numbers"
    lines = sample.count("\n") + 1
    return "code" if len(_CODE.findall(sample)) > 0.3 * lines and lines > 1 else "prose"


def _sample(text: str) -> str:
    if len(text) <= 2 * _SAMPLE:
        return text
    middle = len(text) // 2
    return text[:_SAMPLE] + text[middle : middle + _SAMPLE]


def _foreign(sample: str) -> int:
    """Count letters beyond the Latin blocks; U+0250 is where they end."""
    if sample.isascii():
        return 0
    return sum(letter >= "\u0370" and letter.isalpha() for letter in sample)


def _is_json(sample: str) -> bool:
    opened = sample.lstrip()[:1] in {"{", "["}
    quoted = sample.count('"')
    keys = sample.count('":') + sample.count('" :')
    return (opened and (keys > 0 or sample.count(",") > 1)) or keys * 4 > quoted > 8  # noqa: PLR2004 - a few keys are not JSON yet
