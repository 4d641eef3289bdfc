"""The score of structured answers: is it JSON, does it follow the schema, is a field right."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, Final

import msgspec

from llmlab.errors import UsageError
from llmlab.records import Answer
from llmlab.scores.scorer import Score, Scorer

_FENCED: Final = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_NONE: Final = object()


def json(
    schema: Mapping[str, object] | None = None,
    *,
    field: str | None = None,
    tolerance: float = 0.0,
) -> Score:
    """
    Score 1 when the answer is JSON, follows *schema*, and its *field* is the target.

    Each of the three is asked only where it is given. `answer.parsed` is taken where the call
    had a schema, else the text, in a code fence or bare. *field* may be a path, `forecast.low`;
    numbers may be off by *tolerance*.

    Raises:
        UsageError: The schema is no JSON schema, or jsonschema is not installed.
    """
    follows = _follows(schema) if schema is not None else None

    def score(answer: Answer, row: Mapping[str, object]) -> float:
        data = document_of(answer)
        if data is _NONE or (follows is not None and not follows(data)):
            return 0.0
        if field is None:
            return 1.0
        return float(_same(_at(data, field), row[TARGET], tolerance))

    def said(answer: Answer) -> object:
        data = document_of(answer)
        if data is _NONE:
            return None
        found = data if field is None else _at(data, field)
        return None if found is _NONE else msgspec.json.encode(found).decode()

    def make(_: Sequence[object]) -> Scorer:
        return Scorer(
            name="json",
            score=lambda *_: math.nan,
            said=said,
            of_answer=score,
            needs_target=field is not None,
        )

    return Score(name="json", make=make, needs_target=field is not None)


TARGET: Final = "target"
"""The name under which a row of an answer function holds the target."""


def document_of(answer: Answer) -> Any:
    """Return the answer as data; `_NONE` when it is none."""
    if answer.parsed is not None:
        return answer.parsed
    fenced = _FENCED.search(answer.text)
    try:
        return msgspec.json.decode(fenced[1] if fenced else answer.text.strip())
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _NONE


def _follows(schema: Mapping[str, object]) -> Callable[[Any], bool]:
    try:
        from jsonschema import SchemaError
        from jsonschema.validators import validator_for
    except ImportError as error:
        raise UsageError("a JSON schema score needs jsonschema: pip install jsonschema") from error
    kind = validator_for(schema)
    try:
        kind.check_schema(dict(schema))
    except SchemaError as error:
        raise UsageError(f"this is no JSON schema: {error.message}") from error
    return kind(dict(schema)).is_valid


def _at(data: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(data, Mapping) and name in data:
            data = data[name]
        elif isinstance(data, Sequence) and not isinstance(data, str) and name.isdigit():
            data = data[int(name)] if int(name) < len(data) else _NONE
        else:
            return _NONE
    return data


def _same(said: object, target: object, tolerance: float) -> bool:
    if said is _NONE:
        return False
    if isinstance(said, Real) and isinstance(target, Real):
        return abs(float(said) - float(target)) <= tolerance
    if isinstance(said, str) and isinstance(target, str):
        return said.strip().casefold() == target.strip().casefold()
    return said == target
