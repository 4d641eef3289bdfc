"""Parse an answer that should be JSON, and say what is wrong with it."""

import re
from typing import Any, Final

import msgspec

from llmlab.providers.shape import violation
from llmlab.records import Finish, Schema

_FENCED: Final = re.compile(r"\s*```[a-zA-Z]*[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)

Parsed = tuple[object, tuple[str, ...]]


def parsed_of(text: str, schema: Schema | None, finish: Finish) -> Parsed:
    """
    Return the answer as data, and what is odd about it.

    The data is None, with a warning that tells the cases apart, when the model refused, was
    stopped by a filter, said nothing, was cut off, did not write JSON, or wrote JSON that
    does not follow the schema.
    """
    if schema is None:
        return None, ()
    if finish in ("refusal", "filter", "tool"):
        return None, (f"no JSON: the answer ended with {finish}",)
    if not text.strip():
        return None, (_empty(finish),)
    fenced = _FENCED.fullmatch(text)
    try:
        data: Any = msgspec.json.decode(fenced[1] if fenced else text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None, (_broken(finish),)
    notes = ("the JSON stood in a code fence",) if fenced else ()
    wrong = violation(data, schema.document)
    if wrong:
        return None, (*notes, f"the JSON does not follow the schema: {wrong}")
    return data, notes


def _empty(finish: Finish) -> str:
    if finish == "length":
        return "no JSON: cut off at max_tokens before the first character; raise max_tokens"
    return "no JSON: the content is empty"


def _broken(finish: Finish) -> str:
    if finish == "length":
        return "the JSON is cut off at max_tokens; raise max_tokens"
    return "the answer is not JSON"
