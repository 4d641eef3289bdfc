"""
The part of JSON Schema that providers enforce: types, properties, items, enum, unions, $ref.

Strict modes promise no more than this (providers.md 2.4 and 3.3), so no more is checked:
bounds, patterns and formats are left to the caller's own validator.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_DEEPEST: Final = 64
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def violation(value: object, schema: Mapping[str, Any]) -> str:
    """Return where and how *value* leaves *schema*, such as `$.age: not integer`, or ``""``."""
    return _check(value, schema, schema, "$", 0)


def _check(value: object, schema: object, root: Mapping[str, Any], at: str, depth: int) -> str:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return ""
    if "$ref" in schema:
        return _check(value, _resolved(schema["$ref"], root), root, at, depth + 1)
    if not _is_type(value, schema.get("type")):
        return f"{at}: not {schema['type']}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{at}: not one of the enum"
    if "const" in schema and value != schema["const"]:
        return f"{at}: not the const"
    return _union(value, schema, root, at, depth) or _inside(value, schema, root, at, depth)


def _union(value: object, schema: Mapping[str, Any], root: Any, at: str, depth: int) -> str:
    options = schema.get("anyOf") or schema.get("oneOf") or ()
    if options and all(_check(value, option, root, at, depth + 1) for option in options):
        return f"{at}: none of the alternatives"
    parts = (_check(value, part, root, at, depth + 1) for part in schema.get("allOf", ()))
    return next((wrong for wrong in parts if wrong), "")


def _inside(value: object, schema: Mapping[str, Any], root: Any, at: str, depth: int) -> str:
    if isinstance(value, list):
        found = (
            _check(item, schema.get("items"), root, f"{at}[{place}]", depth + 1)
            for place, item in enumerate(value)
        )
        return next((wrong for wrong in found if wrong), "")
    if not isinstance(value, dict):
        return ""
    properties: Mapping[str, Any] = schema.get("properties") or {}
    return _names(value, properties, schema, at) or next(
        (
            wrong
            for name, item in value.items()
            if (wrong := _check(item, properties.get(name), root, f"{at}.{name}", depth + 1))
        ),
        "",
    )


def _names(
    value: Mapping[str, object], known: Mapping[str, Any], schema: Mapping[str, Any], at: str
) -> str:
    required: Sequence[str] = schema.get("required", ())
    absent = next((name for name in required if name not in value), None)
    if absent is not None:
        return f"{at}: no {absent!r}"
    if schema.get("additionalProperties") is False:
        extra = next((name for name in value if name not in known), None)
        return "" if extra is None else f"{at}: unknown {extra!r}"
    return ""


def _is_type(value: object, name: object) -> bool:
    names = [name] if isinstance(name, str) else name
    if not isinstance(names, list | tuple) or not names:
        return True
    return any(_fits(value, each) for each in names)


def _fits(value: object, name: object) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(str(name), (object,)))


def _resolved(ref: object, root: Mapping[str, Any]) -> object:
    place: Any = root
    for step in str(ref).removeprefix("#").strip("/").split("/"):
        if step:
            place = place.get(step) if isinstance(place, Mapping) else None
    return place
