"""Convert what a caller gives for parameters, a schema or a search to the records that travel."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, Final

import msgspec

from llmlab.checks.plain import plain, whole
from llmlab.design.json_schema import closed, document_of_type
from llmlab.design.tools import choice_of, tools_of
from llmlab.errors import BadParameter, suggest
from llmlab.records import Parameters, Schema, Search

PARAMETERS: Final = frozenset(each.name for each in fields(Parameters))

_WHOLE: Final = frozenset({"max_tokens", "seed", "context", "logprobs", "top_k"})

_OUTSIDE: Final = re.compile(r"[^A-Za-z0-9_-]+")


def parameters_of(given: Mapping[str, Any], *, own: Sequence[str] = ()) -> Parameters:
    """
    Make `Parameters` of keyword arguments; None leaves a default alone.

    Args:
        given: By name; numbers and texts of any kind, such as NumPy's.
        own: What the caller takes beside them, for "did you mean".

    Raises:
        BadParameter: There is none of this name; the nearest is given.
    """
    unknown = sorted(set(given) - PARAMETERS)
    if "n" in unknown:
        raise BadParameter(
            "n: every answer is a call and a row of its own here; say repeats= in abtest, or ask "
            "again with repeat=1, 2, ..."
        )
    if unknown:
        hint = suggest(unknown[0], [*sorted(PARAMETERS), *own])
        raise BadParameter(f"no parameter is called {unknown[0]!r}; {hint}")
    said = {name: plain(value) for name, value in given.items() if value is not None}
    tools = tools_of(given.get("tools"))
    said |= {name: whole(said[name]) for name in _WHOLE & said.keys()}
    if "stop" in said:
        said["stop"] = (said["stop"],) if isinstance(said["stop"], str) else tuple(said["stop"])
    said["schema"] = schema_of(said.get("schema"))
    said["search"] = search_of(said.get("search"))
    said["extra"] = extra_of(said.get("extra"))
    said["tools"] = tools
    said["tool_choice"] = choice_of(said.get("tool_choice"), tools)
    if isinstance(said.get("logprobs"), bool):
        said["logprobs"] = 0 if said["logprobs"] else None
    return Parameters(**said)


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
    return Schema(name=_name(wish.__name__), document=closed(document_of_type(wish)))


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


def extra_of(wish: object) -> Mapping[str, object] | None:
    """
    Return the extra fields of a request's body, as plain data.

    Raises:
        BadParameter: They are no table, or no JSON.
    """
    if not wish:
        return None
    if not isinstance(wish, Mapping):
        raise BadParameter(f'extra must be a table, such as {{"top_k": 5}}, and is {wish!r}')
    try:
        made: dict[str, object] = msgspec.json.decode(msgspec.json.encode(plain(wish)))
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise BadParameter(f"extra is no JSON: {error}") from None
    return made


def as_type(parsed: object, wish: type) -> tuple[object, tuple[str, ...]]:
    """
    Convert a parsed answer to an instance of *wish*; where that fails, return it with a warning.

    A schema cannot say all that a type checks (a validator, a bound), so an answer that
    follows the schema may still fail the type, and it was paid for either way.
    """
    if parsed is None:
        return None, ()
    validate = getattr(wish, "model_validate", None) or partial(msgspec.convert, type=wish)
    try:
        return validate(parsed), ()
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        told = " ".join(str(error).split())[:200]
        return parsed, (f"parsed is not a {wish.__name__}: {told}",)


def _name(text: str) -> str:
    return _OUTSIDE.sub("_", text).strip("_")[:64] or "answer"
