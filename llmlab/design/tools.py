"""The functions that a model is offered, as a caller gives them: schemas, or Python functions."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_type_hints

import msgspec

from llmlab.checks.plain import plain
from llmlab.design.json_schema import closed, document_of_type
from llmlab.errors import BadParameter, suggest
from llmlab.records import Tool

CHOICES: Final = ("auto", "none", "required")
"""What `tool_choice` may be beside the name of a tool."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHAPES: Final = (
    "give a function with annotations, a Tool, or a dict with name, description and parameters"
)


def tools_of(wish: object) -> tuple[Tool, ...]:
    """
    Make `Tool`s of what a caller offers.

    Args:
        wish: A list of JSON schemas in the shape of OpenAI (`{"type": "function", "function":
            {...}}`, or flat) or Anthropic (`input_schema`), Python functions with annotations,
            and `Tool`s; or one of these.

    Raises:
        BadParameter: One is none of these, has no usable name, or two share theirs.
    """
    if wish is None:
        return ()
    listed = wish if isinstance(wish, Sequence) and not isinstance(wish, str) else [wish]
    tools = tuple(_checked(_tool(each)) for each in listed)
    names = [each.name for each in tools]
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise BadParameter(f"tools: two are called {twice!r}: rename one")
    return tools


def choice_of(wish: object, tools: Sequence[Tool]) -> str | None:
    """
    Return `auto`, `none`, `required` or the name of one of *tools*; None where none is given.

    Raises:
        BadParameter: It is none of these, or there is no tool to choose.
    """
    if wish is None:
        return None
    if not tools:
        raise BadParameter("tool_choice needs tools=: there is nothing to choose from")
    known = [*CHOICES, *(each.name for each in tools)]
    if wish not in known:
        raise BadParameter(f"tool_choice={wish!r} is no choice; {suggest(str(wish), known)}")
    return str(wish)


def _tool(given: object) -> Tool:
    if isinstance(given, Tool):
        return given
    if isinstance(given, Mapping):
        return _of_schema(given)
    if callable(given) and not isinstance(given, type):
        return _of_function(given)
    raise BadParameter(f"tools: a {type(given).__name__} describes no function: {_SHAPES}")


def _of_schema(given: Mapping[str, Any]) -> Tool:
    """Read a schema by its fields, whichever provider's shape it has."""
    inner = given.get("function")
    said = inner if isinstance(inner, Mapping) else given
    kind = given.get("type", "function")
    if kind not in ("function", "custom") or "name" not in said:
        named = f"the type {kind!r}" if kind != "function" else f"the fields {sorted(given)}"
        raise BadParameter(f"tools: a tool of {named} is no function: {_SHAPES}")
    parameters = said.get("parameters", said.get("input_schema"))
    return Tool(name=said["name"], description=said.get("description") or "", parameters=parameters)


def _of_function(function: Callable[..., Any]) -> Tool:
    """Describe a Python function: its name, its docstring, and the types of its parameters."""
    name = getattr(function, "__name__", type(function).__name__)
    try:
        signature = inspect.signature(function)
        hints = get_type_hints(function, include_extras=True)
    except (TypeError, ValueError, NameError) as error:
        raise BadParameter(f"tools: the signature of {name} cannot be read: {error}") from None
    taken = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
    fields = [_field(name, each, hints) for each in taken]
    if not fields:
        return Tool(name=name, description=inspect.getdoc(function) or "")
    try:
        kind = msgspec.defstruct(name, fields, kw_only=True)
        document = closed(document_of_type(kind))
    except (TypeError, BadParameter) as error:
        raise BadParameter(f"tools: the parameters of {name} are no JSON: {error}") from None
    document.pop("title", None)
    return Tool(name=name, description=inspect.getdoc(function) or "", parameters=document)


def _field(name: str, each: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
        raise BadParameter(f"tools: {name} takes *{each.name}: name every parameter")
    if each.name not in hints:
        raise BadParameter(f"tools: {each.name} of {name} has no type: write {each.name}: str")
    if each.default is each.empty:
        return (each.name, hints[each.name])
    if type(each.default) in (list, dict, set):  # shared by all calls, which msgspec refuses
        return (each.name, hints[each.name], msgspec.field(default_factory=type(each.default)))
    return (each.name, hints[each.name], each.default)


def _checked(tool: Tool) -> Tool:
    """Return the same in plain values; refuse what no provider takes."""
    name: Any = plain(tool.name)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in CHOICES:
        raise BadParameter(
            f"tools: {name!r} cannot be a tool's name: use 1 to 64 of A-Z a-z 0-9 _ -, "
            f"and none of {', '.join(CHOICES)}"
        )
    document: Any = plain(tool.parameters)
    if document is None:
        return Tool(name=name, description=str(tool.description))
    if not isinstance(document, dict) or document.get("type", "object") != "object":
        raise BadParameter(
            f"tools: the parameters of {name} must be a JSON schema of an object, such as "
            '{"type": "object", "properties": {...}}'
        )
    try:
        msgspec.json.encode(document)
    except (TypeError, ValueError) as error:
        raise BadParameter(f"tools: the parameters of {name} are no JSON: {error}") from None
    return Tool(name=name, description=str(tool.description), parameters=document)
