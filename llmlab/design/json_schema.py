"""JSON schemas of Python types, and closed ones as strict modes want them."""

from typing import Any

import msgspec

from llmlab.errors import BadParameter


def document_of_type(kind: type) -> dict[str, Any]:
    """
    Return the JSON schema of a type, by the library that made it.

    Raises:
        BadParameter: It describes no JSON.
    """
    pydantic = getattr(kind, "model_json_schema", None)
    if pydantic is not None:
        made: dict[str, Any] = pydantic()
        return made
    try:
        (document,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    except TypeError as error:
        raise BadParameter(f"schema: {kind.__name__} describes no JSON: {error}") from None
    # The top must be an object itself, not a reference to one.
    reference = str(document.get("$ref", "")).removeprefix("#/$defs/")
    top = dict(parts.pop(reference)) if reference in parts else dict(document)
    return {**top, "$defs": parts} if parts else top


def closed(node: Any) -> Any:
    """Forbid further properties in every object that does not say otherwise."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: closed(value) for key, value in node.items()}
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    return made
