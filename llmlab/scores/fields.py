"""Read an answer from its JSON where it has one, else from its words."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from llmlab.records import Answer
from llmlab.scores.documents import document_of
from llmlab.scores.jsons import NOTHING, at_path, leaves
from llmlab.scores.unread import Read, Unread

T = TypeVar("T")

_KEYS: Final = frozenset(
    [
        "answer",
        "value",
        "number",
        "result",
        "label",
        "class",
        "category",
        "sentiment",
        "score",
        "forecast",
        "prediction",
        "estimate",
        "probability",
        "direction",
        "choice",
        "output",
        "final_answer",
        "up",
    ]
)
"""Names of fields that hold the answer, where a document has other values beside it."""


def stated(
    answer: Answer,
    *,
    field: str | None,
    read: Callable[[str], Read[T]],
    taken: Callable[[Any], T | None],
    doubt: Callable[[list[tuple[str, Any]]], str] = lambda _: "",
) -> Read[T]:
    """
    Read *answer*: *field* of its JSON, else the one value in it that can be taken, else its words.

    Args:
        answer: The answer.
        field: Path in the document; without one the values under `answer`, `label` and their
            like are looked at first, then all.
        read: From words.
        taken: From a single value of a document; None when it is not of the kind.
        doubt: Why a document whose values stand under these keys does not say it, or nothing.
    """
    if field is None and answer.parsed is None and "{" not in answer.text:
        return read(answer.text)
    data = document_of(answer, partial(_has, field))
    if isinstance(data, Unread):
        return data if field is not None else read(answer.text)
    if field is None:
        found = list(leaves(data))
        said, why = _only(found, taken), doubt(found)
        return Unread(why) if why and not isinstance(said, Unread) else said
    value = at_path(data, field)
    if value is NOTHING:
        return Unread(f"the JSON has no field {field!r}")
    if isinstance(value, str):
        return read(value)
    held = None if value is None or isinstance(value, dict | list) else taken(value)
    return Unread(f"the field {field!r} of the JSON holds no answer") if held is None else held


def _has(field: str | None, data: Any) -> bool:
    return field is None or at_path(data, field) is not NOTHING


def _only(found: list[tuple[str, Any]], taken: Callable[[Any], T | None]) -> Read[T]:
    """Take the values under a key that holds answers, else every value; they must agree."""
    named = [value for key, value in found if key.casefold() in _KEYS]
    for values in (named, [value for _, value in found]):
        said = {taken(value) for value in values if value is not None} - {None}
        if len(said) > 1:
            return Unread("the JSON has several values that may be the answer: name its field=")
        for each in said:
            if each is not None:
                return each
    return Unread("the JSON has no value that is an answer")
