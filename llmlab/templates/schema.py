"""The checks of a template's JSON schema: its structure, not the whole standard."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmlab.errors import suggest
from llmlab.templates.lines import Where

_TYPES: Final = ("string", "number", "integer", "boolean", "object", "array", "null")


def schema_faults(schema: Mapping[str, Any], where: Where) -> Iterator[tuple[Where, str, str]]:
    """Yield place, fault and fix of everything wrong in a schema and the schemas inside it."""
    yield from _type(schema, where)
    if "enum" in schema and not (isinstance(schema["enum"], list) and schema["enum"]):
        yield (*where, "enum"), "enum must be a list that is not empty", "list the allowed values"
    if schema.get("type") == "object" or "properties" in schema:
        yield from _object(schema, where)
    if schema.get("type") == "array":
        yield from _array(schema, where)


def _type(schema: Mapping[str, Any], where: Where) -> Iterator[tuple[Where, str, str]]:
    kind = schema.get("type")
    if kind is None:
        if not {"enum", "const", "anyOf", "$ref"} & schema.keys():
            yield where, "the schema has no type", f"say one of {', '.join(_TYPES)}"
        return
    for each in kind if isinstance(kind, list) else [kind]:
        if each not in _TYPES:
            yield (*where, "type"), f"{each!r} is no JSON type", suggest(each, _TYPES)


def _object(schema: Mapping[str, Any], where: Where) -> Iterator[tuple[Where, str, str]]:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        yield where, "an object needs properties", "name each field under `properties:`"
        return
    required = schema.get("required", [])
    named = required if isinstance(required, list) else []
    if not isinstance(required, list):
        yield (*where, "required"), "required must be a list", "write `required: [label]`"
    for name in named:
        if not isinstance(name, str) or name not in properties:
            yield (*where, "required"), f"{name!r} is required but no property", "add or remove it"
    for name, each in properties.items():
        inner = (*where, "properties", str(name))
        if isinstance(each, dict):
            yield from schema_faults(each, inner)
        else:
            yield inner, f"property {name!r} is no schema", "write `{type: string}` or the like"


def _array(schema: Mapping[str, Any], where: Where) -> Iterator[tuple[Where, str, str]]:
    items = schema.get("items")
    if isinstance(items, dict):
        yield from schema_faults(items, (*where, "items"))
    else:
        yield where, "an array needs items", "say what is in it: `items: {type: string}`"
