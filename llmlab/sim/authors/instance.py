"""Make a small valid instance of a JSON schema."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Pick: TypeAlias = Callable[[list[str]], str]
"""Chooses among the values of a string enum."""

_DEEPEST = 12
_FORMATS = {"date": "2026-01-02", "date-time": "2026-01-02T03:04:05Z", "time": "03:04:05Z",
            "email": "name@example.org", "uri": "https://www.example.org/",
            "uuid": "00000000-0000-4000-8000-000000000000"}  # fmt: skip


def instance(schema: Mapping[str, Any], pick: Pick) -> Any:
    """Return an instance; every property is filled, an unbounded array has one item."""
    return _value(schema, schema, pick, 0)


def _value(schema: Any, root: Mapping[str, Any], pick: Pick, depth: int) -> Any:
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return _of_enum(list(schema["enum"]), pick)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return _value(_branch(schema[union], root, depth), root, pick, depth + 1)
    if "allOf" in schema:
        return _value(_merged(schema["allOf"], root), root, pick, depth + 1)
    return _of_type(_kind(schema), schema, root, pick, depth)


def _of_type(  # noqa: PLR0911 - one line a JSON type
    kind: str, schema: Mapping[str, Any], root: Mapping[str, Any], pick: Pick, depth: int
) -> Any:
    match kind:
        case "object":
            return _object(schema, root, pick, depth)
        case "array":
            return _array(schema, root, pick, depth)
        case "integer":
            return _number(schema, whole=True)
        case "number":
            return _number(schema, whole=False)
        case "boolean":
            return pick(["true", "false"]) == "true"
        case "null":
            return None
        case _:
            return _string(schema)


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    while isinstance(schema, Mapping) and "$ref" in schema:
        target: Any = root
        for part in str(schema["$ref"]).lstrip("#/").split("/"):
            target = target[part] if part else target
        schema = target
    return schema if isinstance(schema, Mapping) else {}


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((one for one in kind if one != "null"), "null")
    if kind:
        return str(kind)
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _of_enum(values: list[Any], pick: Pick) -> Any:
    texts = [value for value in values if isinstance(value, str)]
    return pick(texts) if len(texts) == len(values) else values[0]


def _branch(branches: list[Any], root: Mapping[str, Any], depth: int) -> Any:
    """Take the first branch that is not null; deep down take null, to end a recursion."""
    null = [branch for branch in branches if _kind(_resolved(branch, root)) == "null"]
    other = [branch for branch in branches if _kind(_resolved(branch, root)) != "null"]
    return (null or other)[0] if depth > _DEEPEST else (other or null)[0]


def _merged(parts: list[Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        found = dict(_resolved(part, root))
        properties = {**merged.get("properties", {}), **found.get("properties", {})}
        required = [*merged.get("required", []), *found.get("required", [])]
        merged |= found
        if properties:
            merged |= {"properties": properties, "required": required}
    return merged


def _object(schema: Mapping[str, Any], root: Mapping[str, Any], pick: Pick, depth: int) -> Any:
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    kept = properties if depth <= _DEEPEST else {name: properties[name] for name in required}
    return {name: _value(part, root, pick, depth + 1) for name, part in kept.items()}


def _array(schema: Mapping[str, Any], root: Mapping[str, Any], pick: Pick, depth: int) -> Any:
    least = schema.get("minItems", 0)
    most = schema.get("maxItems", max(1, least))
    number = least if depth > _DEEPEST else min(max(1, least), most)
    return [_value(schema.get("items", {}), root, pick, depth + 1) for _ in range(number)]


def _number(schema: Mapping[str, Any], *, whole: bool) -> Any:
    step = schema.get("multipleOf", 1 if whole else 0.01)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = 0 if high is None or high >= 0 else high - step
    value = (low + (low + 2 * step if high is None else high)) / 2
    if whole or "multipleOf" in schema:
        value = value // step * step
        value = value + step if value < low else value
    return round(value) if whole else value


def _string(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(schema.get("format", ""), "text")
    text = text.ljust(schema.get("minLength", 0), "x")
    return text[: schema.get("maxLength", len(text))]
