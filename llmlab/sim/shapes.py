"""Type checks of request fields, before a family reads them."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from llmlab.sim.call import Call, Rejection
from llmlab.sim.refusals import refuse

_Kind: TypeAlias = type | tuple[type, ...]
_NUMBER: _Kind = (int, float)
_TYPES: Mapping[str, _Kind] = {
    "model": str, "messages": list, "input": (str, list), "instructions": str, "prompt": str,
    "system": (str, list), "temperature": _NUMBER, "top_p": _NUMBER, "top_k": int,
    "presence_penalty": _NUMBER, "frequency_penalty": _NUMBER, "seed": int, "stream": bool,
    "max_tokens": int, "max_completion_tokens": int, "max_output_tokens": int,
    "max_tool_calls": int, "stop": (str, list), "stop_sequences": list, "tools": list,
    "thinking": Mapping, "output_config": Mapping, "response_format": Mapping,
    "text": (str, Mapping),
    "reasoning": Mapping, "reasoning_effort": str, "stream_options": Mapping, "options": Mapping,
    "tool_choice": (str, Mapping), "logprobs": bool, "top_logprobs": int, "verbosity": str,
    "include": list, "cache_control": Mapping,
}  # fmt: skip
_LISTS = ("messages", "tools")
_UNPROCESSABLE = ("xai", "deepseek")


def check_shapes(call: Call) -> None:
    """
    Check the types of the fields that families read.

    Raises:
        Rejection: 400, or 422 at xAI and DeepSeek.
    """
    for name, value in call.body.items():
        kind = _TYPES.get(name)
        if kind is not None and not _fits(value, kind):
            raise _wrong(call, name)
    for name in _LISTS:
        if not _all_objects(call.body.get(name) or ()):
            raise _wrong(call, name)
    for turn in call.body.get("messages") or ():
        if not _fits(turn.get("content"), (str, list)):
            raise _wrong(call, "messages.content")


def _fits(value: object, kind: _Kind) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return value is None or isinstance(value, kind)


def _all_objects(items: Iterable[Any]) -> bool:
    return all(isinstance(item, Mapping) for item in items)


def _wrong(call: Call, name: str) -> Rejection:
    status = 422 if call.provider in _UNPROCESSABLE else 400
    return refuse(call.provider, status, f"Failed to read the JSON body: {name}: invalid type")
