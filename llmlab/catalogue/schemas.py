"""Check a JSON schema against the form that a provider's structured output requires."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from llmlab.catalogue.faults import ParameterFault, chat_only
from llmlab.catalogue.models import Model, Rules
from llmlab.records import Api, Parameters, Schema

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAMED: Final = ("properties", "$defs", "definitions")
"""Keywords that hold schemas by name."""
_LISTED: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE: Final = ("items", "not")


def schema(parameters: Parameters, model: Model, api: Api) -> ParameterFault | None:
    """Return what is wrong with the schema for this model, or None."""
    asked, rules = parameters.schema, model.rules
    if asked is None:
        return None
    fault = _unoffered(rules, api) or _misformed(asked)
    if fault is not None or rules.schema != "strict":
        return fault
    return _strict(asked.document, optional=rules.schema_optional)


def _unoffered(rules: Rules, api: Api) -> ParameterFault | None:
    if rules.schema == "none":
        return ParameterFault(
            "schema",
            "has no structured output",
            accepts="no schema",
            fix="leave it out, and ask for JSON in the prompt",
        )
    if rules.schema == "json-mode" and api == "responses":
        return chat_only("schema")
    return None


def _misformed(asked: Schema) -> ParameterFault | None:
    if not _NAME.fullmatch(asked.name):
        return ParameterFault(
            "schema",
            f"cannot take the name {asked.name!r}",
            accepts="1 to 64 of A-Z a-z 0-9 _ -",
            fix="rename it",
        )
    if asked.document.get("type") != "object":
        return ParameterFault(
            "schema",
            "wants an object at the top",
            accepts='{"type": "object", ...}',
            fix="wrap the schema in an object",
        )
    return None


def _strict(document: Mapping[str, object], *, optional: bool) -> ParameterFault | None:
    for path, node in _objects(document, "$"):
        if node.get("additionalProperties") is not False:
            return ParameterFault(
                "schema",
                f"wants closed objects, and {path} is open",
                accepts='"additionalProperties": false everywhere',
                fix="add it there",
            )
        missing = _not_required(node)
        if missing and not optional:
            return ParameterFault(
                "schema",
                f"wants every property required, and {path} leaves out {', '.join(missing)}",
                accepts="optional as a union with null",
                fix='put them in "required"',
            )
    return None


def _not_required(node: Mapping[str, object]) -> list[str]:
    properties, required = node.get("properties"), node.get("required")
    names = list(properties) if isinstance(properties, Mapping) else []
    needed = required if isinstance(required, list | tuple) else []
    return [name for name in names if name not in needed]


def _objects(node: object, path: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield every object schema in a schema, with its JSON path."""
    if not isinstance(node, Mapping):
        return
    kind = node.get("type")
    if kind == "object" or "properties" in node or (isinstance(kind, list) and "object" in kind):
        yield path, node
    for step, inner in _inner(node):
        yield from _objects(inner, f"{path}.{step}")


def _inner(node: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for keyword in _NAMED:
        held = node.get(keyword)
        if isinstance(held, Mapping):
            yield from ((f"{keyword}.{name}", inner) for name, inner in held.items())
    for keyword in _LISTED:
        held = node.get(keyword)
        if isinstance(held, list | tuple):
            yield from ((f"{keyword}[{index}]", inner) for index, inner in enumerate(held))
    yield from ((keyword, node.get(keyword)) for keyword in _SINGLE)
