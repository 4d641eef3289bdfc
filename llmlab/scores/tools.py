"""The score of calls of tools: is it the right one, with the right arguments?"""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeAlias

import msgspec

from llmlab.errors import UsageError
from llmlab.records import Answer, ToolCall
from llmlab.scores.scorer import Found, Score, Scorer, best_constant, known_targets
from llmlab.scores.targets import near, plain_value

Which: TypeAlias = Literal["all", "given", "none"]

_FORMS: Final = (
    "a tool's name, or JSON such as "
    '{"name": "weather", "arguments": {"city": "Paris"}}, or a list of these'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call by its name and arguments; None where only the name is known."""

    name: str
    arguments: Mapping[str, Any] | None


def tool(arguments: Which = "all") -> Score:
    """
    Score 1 when the answer calls the tools of the target, no more and no fewer, in any order.

    A target is the name of a tool, or its name and arguments as a dict or JSON text, or a list of
    these. Arguments are compared by value: numbers as numbers, texts without the blanks around
    them, objects in any order of keys; `"3"` is not 3.

    Args:
        arguments: "all" compares them all, "given" those that the target has, "none" names alone.

    Raises:
        UsageError: *arguments* is none of these.
    """
    if arguments not in ("all", "given", "none"):
        raise UsageError(f"arguments must be 'all', 'given' or 'none', not {arguments!r}")

    def make(targets: Sequence[object]) -> Scorer:
        wanted = [_wanted(each) for each in known_targets(targets)]
        bare = arguments == "none" or all(
            call.arguments is None for calls in wanted for call in calls
        )
        return Scorer(
            name="tool",
            read=_read,
            value=partial(_value, which=arguments),
            written=partial(_written, bare=bare),
            chance=best_constant([_text(calls, bare=bare) for calls in wanted]),
            reads_calls=True,
        )

    return Score(name="tool", make=make)


def _read(answer: Answer) -> Found:
    """Return the calls; none, or arguments that are no JSON object, are wrong and not unread."""
    if not answer.tool_calls:
        return Found((), "the answer calls no tool")
    made = [_said(each) for each in answer.tool_calls]
    broken = [each.name for each in made if each.arguments is None]
    wrong = f"the arguments of {broken[0]} are no JSON object" if broken else ""
    return Found(tuple(made), wrong)


def _said(call: ToolCall) -> _Call:
    try:
        arguments: object = msgspec.json.decode(call.arguments)
    except (msgspec.MsgspecError, RecursionError):
        arguments = None
    return _Call(name=call.name, arguments=arguments if isinstance(arguments, dict) else None)


def _value(found: Found, target: object, *, which: Which) -> float:
    calls: list[_Call] = list(found.value)
    if not calls or (found.wrong and which != "none"):
        return 0.0
    return float(_pairs(calls, list(_wanted(target)), which))


def _pairs(calls: list[_Call], wanted: list[_Call], which: Which) -> bool:
    """Say whether each wanted call is one of *calls* of its own, and none is left."""
    if not wanted or not calls:
        return not wanted and not calls
    first, *others = wanted
    return any(
        _fits(call, first, which) and _pairs(calls[:at] + calls[at + 1 :], others, which)
        for at, call in enumerate(calls)
    )


def _fits(said: _Call, wanted: _Call, which: Which) -> bool:
    if said.name != wanted.name:
        return False
    if which == "none" or wanted.arguments is None:
        return True
    given = said.arguments or {}
    if which == "given":
        given = {name: each for name, each in given.items() if name in wanted.arguments}
    return _same(given, wanted.arguments)


def _same(said: Any, wanted: Any) -> bool:
    """Say whether two values of JSON are equal, whatever the order of their keys."""
    if isinstance(said, Mapping) and isinstance(wanted, Mapping):
        return said.keys() == wanted.keys() and all(
            _same(said[each], wanted[each]) for each in said
        )
    if isinstance(said, list) and isinstance(wanted, list | tuple):
        return len(said) == len(wanted) and all(map(_same, said, wanted))
    if isinstance(said, bool) or isinstance(wanted, bool):
        return said is wanted
    if isinstance(said, int | float) and isinstance(wanted, int | float):
        return near(said, wanted)
    if isinstance(said, str) and isinstance(wanted, str):
        return _plain(said) == _plain(wanted)
    return bool(said == wanted)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _wanted(target: object) -> tuple[_Call, ...]:
    """Read a target; UsageError when it is none."""
    value = plain_value(target)
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            value = msgspec.json.decode(value)
        except msgspec.MsgspecError as error:
            raise UsageError(f"the target {target!r} is no JSON: {error}") from None
    listed = value if isinstance(value, list | tuple) else [value]
    return tuple(_one(each) for each in listed)


def _one(value: Any) -> _Call:
    if isinstance(value, str) and value.strip():
        return _Call(name=value.strip(), arguments=None)
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise UsageError(f"score 'tool' needs targets of calls ({_FORMS}), not {value!r}")
    arguments = value.get("arguments")
    if isinstance(arguments, str):
        return _said_as_target(value["name"], arguments)
    if arguments is not None and not isinstance(arguments, Mapping):
        raise UsageError(f"the arguments of {value['name']} in a target must be an object")
    return _Call(name=value["name"], arguments=_valued(arguments))


def _said_as_target(name: str, arguments: str) -> _Call:
    call = _said(ToolCall(name=name, arguments=arguments))
    if call.arguments is None:
        raise UsageError(f"the arguments of {name} in a target are no JSON object")
    return call


def _valued(value: Any) -> Any:
    """Return plain values of what a frame holds: NumPy's numbers, dates as text."""
    if isinstance(value, Mapping):
        return {str(name): _valued(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_valued(each) for each in value]
    found = plain_value(value)
    if isinstance(found, float) and math.isnan(found):
        return None
    known = found is None or isinstance(found, str | int | float | bool)
    return found if known else str(found)


def _written(found: Found, *, bare: bool) -> str | None:
    return _text(found.value, bare=bare) if found.value else None


def _text(calls: Sequence[_Call], *, bare: bool) -> str:
    """Return calls as a column has them: names, or names with their arguments in one order."""
    if bare:
        return ", ".join(sorted(each.name for each in calls))
    listed = [
        {"name": each.name} | ({} if each.arguments is None else {"arguments": each.arguments})
        for each in calls
    ]
    shown = listed[0] if len(listed) == 1 else listed
    return msgspec.json.encode(shown, order="sorted").decode()
