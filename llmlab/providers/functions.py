"""Functions that a model may call, in each provider's shape, and the calls that it makes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from llmlab.records import Tool, ToolCall

Json = dict[str, Any]

_NO_ARGUMENTS: Final = {"type": "object", "properties": {}}


def _schema(tool: Tool) -> object:
    return _NO_ARGUMENTS if tool.parameters is None else msgspec.to_builtins(tool.parameters)


def chat_tools(tools: Sequence[Tool]) -> list[Json] | None:
    """Return *tools* as chat completions and Ollama have them; None without any."""
    return [
        {
            "type": "function",
            "function": {
                "name": each.name,
                "description": each.description,
                "parameters": _schema(each),
            },
        }
        for each in tools
    ] or None


def chat_choice(choice: str | None) -> str | Json | None:
    """Return a choice as chat completions have it."""
    if choice in (None, "auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def response_tools(tools: Sequence[Tool]) -> list[Json]:
    """Return *tools* as Responses has them: flat, and not strict, which is the default there."""
    return [
        {
            "type": "function",
            "name": each.name,
            "description": each.description,
            "parameters": _schema(each),
            "strict": False,
        }
        for each in tools
    ]


def response_choice(choice: str | None) -> str | Json | None:
    """Return a choice as Responses has it."""
    if choice in (None, "auto", "none", "required"):
        return choice
    return {"type": "function", "name": choice}


def message_tools(tools: Sequence[Tool]) -> list[Json]:
    """Return *tools* as Anthropic has them."""
    return [
        {"name": each.name, "description": each.description, "input_schema": _schema(each)}
        for each in tools
    ]


def message_choice(choice: str | None) -> Json | None:
    """Return a choice as Anthropic has it."""
    if choice in (None, "auto", "none"):
        return None if choice is None else {"type": choice}
    return {"type": "any"} if choice == "required" else {"type": "tool", "name": choice}


class HeardCall(Struct, kw_only=True, gc=False):
    """A call of a function as it comes, in pieces."""

    place: object
    """What its pieces have in common: a number, an id, or the order in which it came."""
    name: str = ""
    id: str = ""
    pieces: list[str]

    def made(self) -> ToolCall:
        """Return the call; one without a word about its arguments has none."""
        said = "".join(self.pieces)
        return ToolCall(name=self.name, arguments=said if said.strip() else "{}", id=self.id)


def call_at(calls: Sequence[HeardCall], place: object) -> HeardCall | None:
    """Return the latest call at *place*; None where there is none."""
    return next((each for each in reversed(calls) if each.place == place), None)


def hear_call(
    calls: list[HeardCall],
    place: object,
    *,
    name: object = None,
    arguments: object = None,
    id: object = None,  # noqa: A002 - its name on every wire
) -> None:
    """
    Take a call, or the next piece of the one at *place*.

    Another id at the same place is another call: Gemini's endpoint numbers all of them 0.
    """
    known = call_at(calls, place)
    if known is None or (isinstance(id, str) and id and known.id not in ("", id)):
        known = HeardCall(place=place, pieces=[])
        calls.append(known)
    known.name = known.name or _text(name)
    known.id = known.id or _text(id)
    known.pieces.append(arguments if isinstance(arguments, str) else _json(arguments))


def hear_chat_calls(calls: list[HeardCall], found: object, *, whole: bool) -> None:
    """Take the `tool_calls` of chat completions or Ollama, whole or the pieces of a chunk."""
    for each in found if isinstance(found, list) else ():
        if isinstance(each, Mapping):
            inner = each.get("function")
            said = inner if isinstance(inner, Mapping) else {}
            place = ("whole", len(calls)) if whole else _place(calls, each)
            head = {"name": said.get("name"), "id": each.get("id")}
            hear_call(calls, place, arguments=said.get("arguments"), **head)


def _place(calls: Sequence[HeardCall], piece: Mapping[str, Any]) -> object:
    """Return where a piece belongs: by its number, else by its id, else to the latest call."""
    number, own = piece.get("index"), piece.get("id")
    if isinstance(number, int):
        return number
    return own or (calls[-1].place if calls else None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _json(value: object) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
