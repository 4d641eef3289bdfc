"""The score of structured answers: is it JSON, does it follow the schema, is a field right?"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from llmlab.errors import UsageError
from llmlab.records import Answer
from llmlab.scores.jsons import NOTHING, at_path, document_in
from llmlab.scores.scorer import Found, Score, Scorer
from llmlab.scores.targets import agreement
from llmlab.scores.unread import Read, Unread


def json(
    schema: Mapping[str, object] | None = None,
    *,
    field: str | None = None,
    tolerance: float = 0.0,
) -> Score:
    """
    Score 1 when the answer is JSON, follows *schema*, and its *field* is the target.

    Schema and field are checked only where given. `answer.parsed` is taken where the call had a
    schema, else the document in the text: bare, in a code fence, or in prose. *field* may be a
    path, `forecast.low`; numbers may be off by *tolerance*. An answer without readable JSON has
    no score where a *field* is given, and scores 0 otherwise.

    Raises:
        UsageError: The schema is no JSON schema, or jsonschema is not installed.
    """
    violated = None if schema is None else violation_of(schema)

    def value(found: Found, target: object) -> float:
        if found.wrong:
            return 0.0
        return 1.0 if field is None else agreement(found.value, target, tolerance)

    def make(_: Sequence[object]) -> Scorer:
        return Scorer(
            name="json",
            read=partial(_read, field=field, violated=violated),
            value=value,
            written=_written,
            needs_target=field is not None,
        )

    return Score(name="json", make=make, needs_target=field is not None)


def _read(
    answer: Answer, *, field: str | None, violated: Callable[[Any], str] | None
) -> Read[Found]:
    """Find the document, or its *field*, and how it breaks the schema; see `json`."""

    def fits(data: Any) -> bool:
        there = field is None or at_path(data, field) is not NOTHING
        return there and (violated is None or not violated(data))

    data = document_of(answer, fits)
    if isinstance(data, Unread):
        return data if field is not None else Found(NOTHING, data.why)
    wrong = "" if violated is None else violated(data)
    wrong = f"the JSON does not follow the schema: {wrong}" if wrong else ""
    return Found(data, wrong) if field is None else _held(data, field, wrong)


def _held(data: Any, field: str, wrong: str) -> Read[Found]:
    """Return what the field of a document holds; null and an empty text say nothing."""
    said = at_path(data, field)
    if said is NOTHING:
        return Unread(f"the JSON has no field {field!r}")
    if (said is None or said == "") and not wrong:
        return Unread(f"the field {field!r} of the JSON is empty")
    return Found(said, wrong)


TARGET: Final = "target"
"""The name under which a row of an answer function holds the target."""


def document_of(answer: Answer, fits: Callable[[Any], bool] = lambda _: True) -> Read[Any]:
    """Return the answer as data, or why it is none; see `document_in`."""
    return document_in(answer.text, fits) if answer.parsed is None else answer.parsed


def violation_of(schema: Mapping[str, object]) -> Callable[[Any], str]:
    """
    Return a function that says how data violates *schema*, in one line; empty when it follows it.

    Raises:
        UsageError: The schema is no JSON schema, or jsonschema is not installed.
    """
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
    validator = kind(dict(schema))

    def violated(data: Any) -> str:
        first = next(iter(validator.iter_errors(data)), None)
        return "" if first is None else f"{first.json_path}: {first.message}"[:200]

    return violated


def _written(found: Found) -> str | None:
    return None if found.value is NOTHING else msgspec.json.encode(found.value).decode()
