"""Functions that a client offers, in any provider's shape, and the pieces of a call."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from llmlab.sim.authors.author import OfferedTool

_PIECE = 6
"""Characters of a call's arguments in one piece of a stream."""


def offered(tools: object) -> tuple[OfferedTool, ...]:
    """Return the functions among *tools*: nested, flat, or with an `input_schema`."""
    if not isinstance(tools, Iterable):
        return ()
    found = (_one(tool) for tool in tools if isinstance(tool, Mapping))
    return tuple(each for each in found if each is not None)


def _one(tool: Mapping[str, Any]) -> OfferedTool | None:
    inner = tool.get("function")
    said: Mapping[str, Any] = inner if isinstance(inner, Mapping) else tool
    parameters = said.get("parameters", said.get("input_schema"))
    if tool.get("type", "function") not in ("function", "custom") or "name" not in said:
        return None
    return OfferedTool(
        name=str(said["name"]),
        description=str(said.get("description") or ""),
        parameters=parameters if isinstance(parameters, Mapping) else {"type": "object"},
    )


def choice_of(value: object) -> str:
    """Return `auto`, `none`, `required` or a name, in any provider's shape."""
    if isinstance(value, Mapping):
        inner = value.get("function")
        named = (inner if isinstance(inner, Mapping) else value).get("name")
        return str(named or {"any": "required"}.get(value.get("type", ""), value.get("type")))
    return "auto" if value is None else str(value)


def unknown_choice(body: Mapping[str, Any]) -> str:
    """Say what is wrong with a body's choice of a tool; empty where nothing is."""
    if body.get("tool_choice") is None:
        return ""
    names = [each.name for each in offered(body.get("tools"))]
    if not body.get("tools"):
        return "'tool_choice' is only allowed when 'tools' are specified."
    choice = choice_of(body["tool_choice"])
    if choice in ("auto", "none", "required", *names):
        return ""
    return f"Tool choice '{choice}' not found in 'tools' parameter."


def pieces(text: str) -> list[str]:
    """Return arguments in the pieces in which a stream has them."""
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]


def as_object(arguments: str) -> object:
    """Return arguments as data; none where they were cut off."""
    try:
        return json.loads(arguments)
    except ValueError:
        return {}


def call_id(prefix: str, serial: str, number: int) -> str:
    """Return the id of the call *number* of an answer."""
    return f"{prefix}{serial[:20]}{number:02d}"
