"""What a caller may say for a schema or a search, as the records that travel."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from llmlab.checks.plain import plain
from llmlab.errors import BadParameter
from llmlab.records import Schema, Search

_OUTSIDE: Final = re.compile(r"[^A-Za-z0-9_-]+")


def schema_of(wish: object) -> Schema | None:
    """
    Make a `Schema` of a JSON schema, or of a type that describes one.

    Args:
        wish: A JSON schema as a dict, a pydantic model, a msgspec Struct, a dataclass or a
            TypedDict; objects of types are closed, as strict modes want them.

    Raises:
        BadParameter: It is none of these.
    """
    if wish is None:
        return None
    if isinstance(wish, Schema):
        return replace(wish, document=plain(wish.document))
    if isinstance(wish, Mapping):
        return Schema(name=_name(str(wish.get("title", "answer"))), document=plain(wish))
    if not isinstance(wish, type):
        raise BadParameter(
            f"schema must be a JSON schema or a type, not a {type(wish).__name__}: "
            "pass a dict, a pydantic model, a msgspec Struct or a dataclass"
        )
    return Schema(name=_name(wish.__name__), document=_closed(_document(wish)))


def search_of(wish: object) -> Search | None:
    """Make a `Search` of True, of a list of domains, or of a `Search`; False is none."""
    if wish is None or wish is False:
        return None
    if isinstance(wish, Search):
        return wish
    if wish is True:
        return Search()
    if isinstance(wish, list | tuple) and all(isinstance(each, str) for each in wish):
        return Search(allowed_domains=tuple(wish))
    raise BadParameter("search must be True, a list of domains, or a Search")


def as_type(parsed: object, wish: type) -> tuple[object, tuple[str, ...]]:
    """
    Make of a parsed answer an instance of *wish*; where it does not fit, leave it and warn.

    A schema cannot say all that a type checks (a validator, a bound), so an answer that
    follows the one may still fail the other, and it was paid for either way.
    """
    if parsed is None:
        return None, ()
    validate = getattr(wish, "model_validate", None) or partial(msgspec.convert, type=wish)
    try:
        return validate(parsed), ()
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        told = " ".join(str(error).split())[:200]
        return parsed, (f"parsed is not a {wish.__name__}: {told}",)


def _document(kind: type) -> dict[str, Any]:
    """Return the JSON schema of a type, by the library that made it."""
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


def _closed(node: Any) -> Any:
    """Forbid further properties in every object that does not say otherwise."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def _name(text: str) -> str:
    return _OUTSIDE.sub("_", text).strip("_")[:64] or "answer"
