"""
Find the JSON document in an answer: bare, fenced, in prose, with a trailing comma.

In: a text. Out: the document, or why there is none. Of several, those that lack what is asked for
do not count; the rest must agree, or the answer is unread.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from llmlab.scores.plain import plain
from llmlab.scores.unread import Read, Unread

_FENCED: Final = re.compile(
    r"(?:```|~~~)[ ]*([a-zA-Z0-9+#-]*)[ \t]*\n(.*?)(?:\n?[ \t]*(?:```|~~~)|\Z)", re.DOTALL
)
_TRAILING: Final = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')
_MOST: Final = 64
"""Opening braces of one answer that are tried."""


def document_in(text: str, fits: Callable[[Any], bool] = lambda _: True) -> Read[Any]:
    """
    Return the document that *text* holds; of several the one that *fits*, if all that fit agree.

    A list counts only where it is the whole text or the whole of a fence: `[1]` in prose is a note.
    """
    found = _documents(text)
    if not found:
        return Unread(_none(text))
    fitting = [each for each in found if fits(each)] or found
    if any(each != fitting[0] or _kinds(each) != _kinds(fitting[0]) for each in fitting[1:]):
        return Unread(f"the answer has {len(fitting)} JSON documents that differ")
    return fitting[0]


def _none(text: str) -> str:
    if "{" not in text:
        return "the answer has no JSON"
    return "the answer has no JSON that can be read: it is broken, or has a key twice"


def _kinds(value: Any) -> Any:
    """Tell 1 from true, which are equal in Python."""
    return json.dumps(value, sort_keys=True)


def _documents(text: str) -> list[Any]:
    """Return the document that the whole text is, else those in fences and in the prose."""
    bare = text.strip().strip("\ufeff\u200b").strip()
    whole = _read(bare)
    if not isinstance(whole, Unread):
        return [whole]
    found = []

    def taken(fence: re.Match[str]) -> str:
        language, words = fence[1].casefold(), fence[2].strip()
        if language and not language.startswith("json"):
            return ""  # code of another language is no answer, whatever braces are in it
        data = _read(words) if words.startswith(("{", "[")) else Unread("")
        if isinstance(data, Unread):
            return fence[0]
        found.append(data)
        return ""

    return [*_inside(plain(_FENCED.sub(taken, text))), *found]


def _inside(text: str) -> Iterator[Any]:
    """Yield the objects in prose, from left to right, none inside another."""
    at, tried = 0, 0
    while (at := text.find("{", at)) >= 0 and tried < _MOST:
        tried += 1
        end = _closing(text, at)
        data = Unread("") if end is None else _read(text[at:end])
        if isinstance(data, Unread) or end is None:
            at += 1
        else:
            yield data
            at = end


def _closing(text: str, start: int) -> int | None:
    """Return the position after the brace that closes the one at *start*."""
    depth, at = 0, start
    for found in _PARTS.finditer(text, start):
        mark = found[0]
        depth += {"{": 1, "}": -1}.get(mark, 0)
        at = found.end()
        if depth == 0:
            return at
    return None


_PARTS: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}]')


def _read(text: str) -> Read[Any]:
    for piece in (text, _TRAILING.sub(lambda found: found[1] or "", text)):
        try:
            return json.loads(piece, object_pairs_hook=_once, parse_constant=_refuse)
        except (ValueError, RecursionError):
            continue
    return Unread("no JSON")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; a key with two different values is an error."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made and _kinds(made[key]) != _kinds(value):
            raise ValueError(f"the key {key!r} has two values")
        made[key] = value
    return made


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


_PLACE: Final = re.compile(r"[0-9]{1,9}")
NOTHING: Final = object()
"""The value at a path that does not exist."""


def at_path(data: Any, path: str) -> Any:
    """Return the value at *path*, `forecast.low` or `events.0.kind`, or `NOTHING`."""
    for name in path.split("."):
        if isinstance(data, Mapping) and name in data:
            data = data[name]
        elif isinstance(data, Sequence) and not isinstance(data, str) and _PLACE.fullmatch(name):
            data = data[int(name)] if int(name) < len(data) else NOTHING
        else:
            return NOTHING
    return data


def leaves(data: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of a document that is no object or list, with its key."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from leaves(value, str(name))
    elif isinstance(data, list):
        for value in data:
            yield from leaves(value, key)
    else:
        yield key, data
