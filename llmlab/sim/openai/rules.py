"""
Request validation of OpenAI.

Source: the reference of 2026-11 on request fields, sampling by family and error codes.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from llmlab.sim.authors.author import Asked, Written, count_tokens
from llmlab.sim.call import Call, Rejection
from llmlab.sim.models import SimulatedModel, find
from llmlab.sim.refusals import nested
from llmlab.sim.tools import offered, unknown_choice

_CHAT = """
model messages max_completion_tokens max_tokens temperature top_p n stop seed
presence_penalty frequency_penalty logit_bias logprobs top_logprobs response_format tools
tool_choice parallel_tool_calls reasoning_effort verbosity stream stream_options
service_tier store metadata prompt_cache_key prompt_cache_options safety_identifier
web_search_options moderation user
"""
_RESPONSES = """
model input instructions max_output_tokens max_tool_calls reasoning text tools tool_choice
parallel_tool_calls previous_response_id conversation store include truncation temperature
top_p top_logprobs service_tier background metadata prompt_cache_key prompt_cache_options
safety_identifier stream stream_options user
"""
CHAT_FIELDS = frozenset(_CHAT.split())
RESPONSES_FIELDS = frozenset(_RESPONSES.split())
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias",
             "logprobs", "top_logprobs")  # fmt: skip
_DEFAULTS: Mapping[str, object] = {
    "temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "logprobs": False,
    "top_logprobs": 0,
}  # fmt: skip
_RANGES = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2),
           "frequency_penalty": (-2, 2)}  # fmt: skip
_TIERS = {"auto": "default", "default": "default", "flex": "flex", "priority": "priority",
          "fast": "priority"}  # fmt: skip
_MOST_STOPS = 4
_MOST_WEIGHTS = 20
_MOST_OF_REASONERS = 5
"""Measured from gpt-5.1 on; 6 is a 400."""
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CACHE_MINIMUM = 1024


def check_fields(body: Mapping[str, Any], known: frozenset[str]) -> None:
    """Refuse the first field that the endpoint does not know."""
    for name in body:
        if name not in known:
            message = f"Unknown parameter: '{name}'."
            raise nested(400, message, param=name, code="unknown_parameter")


def tier_of(body: Mapping[str, Any]) -> str:
    """Return the tier that serves: the one asked for, which `auto` leaves to a standard project."""
    asked = body.get("service_tier") or "auto"
    if asked not in _TIERS:
        message = f"Invalid value: '{asked}'. Supported values are: {', '.join(_TIERS)}."
        raise nested(400, message, param="service_tier", code="invalid_value")
    return _TIERS[asked]


def require(body: Mapping[str, Any], *names: str) -> None:
    """Refuse a body that lacks one of `names`."""
    for name in names:
        if not body.get(name):
            message = f"Missing required parameter: '{name}'."
            raise nested(400, message, param=name, code="missing_required_parameter")


def model_of(call: Call, *, missing: int) -> SimulatedModel:
    """Find the model; status *missing* if unknown or retired (404 in chat, 400 in Responses)."""
    name = call.body["model"]
    model = find(call.provider, name, call.clock())
    if model is not None:
        return model
    if missing == 404:  # noqa: PLR2004 - chat completions' form
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise nested(404, message, code="model_not_found")
    message = f"The requested model '{name}' does not exist."
    raise nested(400, message, param="model", code="model_not_found")


def check_effort(model: SimulatedModel, effort: str | None, param: str) -> str:
    """Return the effort in effect; refuse one that the model does not support."""
    if effort is None:
        return model.efforts[0] if model.efforts else "none"
    if not model.efforts:
        raise unsupported_parameter(param)
    if effort not in model.efforts:
        supported = ", ".join(f"'{name}'" for name in model.efforts)
        message = (
            f"Unsupported value: '{param}' does not support '{effort}' with this model. "
            f"Supported values are: {supported}."
        )
        raise nested(400, message, param=param, code="unsupported_value")
    return effort


def unsupported_parameter(name: str, instead: str = "") -> Rejection:
    """Return the refusal of a parameter that this model does not support."""
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    hint = f" Use '{instead}' instead." if instead else ""
    return nested(400, message + hint, param=name, code="unsupported_parameter")


def check_sampling(body: Mapping[str, Any], model: SimulatedModel, effort: str) -> None:
    """Refuse sampling parameters that are out of range, or not supported with this effort."""
    for name, (low, high) in _RANGES.items():
        _check_range(name, body.get(name), low, high)
    if model.sampling == "yes" or (model.sampling == "effort-none" and effort == "none"):
        return
    for name in _SAMPLING:
        value = body.get(name)
        if value is None or value == _DEFAULTS.get(name):
            continue
        if name == "temperature":
            message = (
                f"Unsupported value: 'temperature' does not support {value} with this model. "
                "Only the default (1) value is supported."
            )
            raise nested(400, message, param=name, code="unsupported_value")
        raise unsupported_parameter(name)


def _check_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is None:
        return
    side, word, bound = ("below_min", "below minimum", low)
    if value > high:
        side, word, bound = ("above_max", "above maximum", high)
    if not low <= value <= high:
        sign = ">=" if value < low else "<="
        message = (
            f"Invalid '{name}': decimal {word} value. Expected a value {sign} {bound}, "
            f"but got {value} instead."
        )
        raise nested(400, message, param=name, code=f"decimal_{side}_value")


def check_stop(body: Mapping[str, Any], model: SimulatedModel) -> None:
    """Refuse too many stop sequences, and any with a model that does not support them."""
    stop = body.get("stop")
    if not stop:
        return
    if model.sampling == "never":
        raise unsupported_parameter("stop")
    if isinstance(stop, list) and len(stop) > _MOST_STOPS:
        message = f"Invalid 'stop': array too long. Expected at most {_MOST_STOPS}."
        raise nested(400, message, param="stop", code="array_above_max_length")


def check_weights(body: Mapping[str, Any], model: SimulatedModel) -> None:
    """Refuse more likeliest tokens than a model reports, or any without `logprobs`."""
    count = body.get("top_logprobs")
    if count is None:
        return
    if "logprobs" in body and not body["logprobs"]:
        message = "'top_logprobs' is only allowed when 'logprobs' is true."
        raise nested(400, message, param="top_logprobs", code="invalid_value")
    most = _MOST_WEIGHTS if model.sampling == "yes" else _MOST_OF_REASONERS
    if not 0 <= count <= most:
        message = f"Invalid 'top_logprobs': expected a value from 0 to {most}, but got {count}."
        raise nested(400, message, param="top_logprobs", code="invalid_value")


def check_verbosity(asked: object, model: SimulatedModel, param: str) -> None:
    """Refuse a verbosity that a model before gpt-5 does not have."""
    early = model.id.startswith(("gpt-4", "o1", "o3", "o4"))
    known = ("medium",) if early else ("low", "medium", "high")
    if asked is None or asked in known:
        return
    supported = ", ".join(f"'{name}'" for name in known)
    message = (
        f"Unsupported value: '{param}' does not support '{asked}' with this model. "
        f"Supported values are: {supported}."
    )
    raise nested(400, message, param=param, code="unsupported_value")


def check_tools(body: Mapping[str, Any], model: SimulatedModel) -> None:
    """Refuse ill-named functions, a choice of none of them, and functions beside an effort."""
    tools = offered(body.get("tools"))
    for number, each in enumerate(tools):
        if not _TOOL_NAME.fullmatch(each.name):
            param = f"tools[{number}].function.name"
            message = f"Invalid '{param}': string does not match pattern."
            raise nested(400, message, param=param, code="invalid_value")
    wrong = unknown_choice(body)
    if wrong:
        raise nested(400, wrong, param="tool_choice")
    late = model.id.startswith(("gpt-5.6", "gpt-6"))
    if tools and late and body.get("reasoning_effort") not in (None, "none"):
        message = (
            "Function tools with reasoning_effort are not supported for this model in "
            "/v1/chat/completions. Please use /v1/responses instead."
        )
        raise nested(400, message, param="reasoning_effort")


def check_window(asked: Asked, model: SimulatedModel, param: str) -> None:
    """Refuse a prompt that does not fit the model's context window."""
    if asked.tokens > model.context:
        message = (
            "Your input exceeds the context window of this model. "
            "Please adjust your input and try again."
        )
        raise nested(400, message, param=param, code="context_length_exceeded")


def check_schema(schema: object, param: str) -> None:
    """Refuse a strict schema with additional or optional properties."""
    if not isinstance(schema, Mapping):
        return
    for part in _objects(schema):
        fault = ""
        if part.get("additionalProperties") is not False:
            fault = "'additionalProperties' is required to be supplied and to be false"
        elif set(part.get("required", ())) != set(part.get("properties", {})):
            fault = "'required' is required to be an array including every key in properties"
        if fault:
            message = f"Invalid schema for response_format: {fault}."
            raise nested(400, message, param=param, code="invalid_json_schema")


def _objects(node: object) -> list[Mapping[str, Any]]:
    if isinstance(node, list):
        return [found for part in node for found in _objects(part)]
    if not isinstance(node, Mapping):
        return []
    found = [found for part in node.values() for found in _objects(part)]
    return [node, *found] if node.get("type") == "object" else found


def read_from_cache(call: Call, asked: Asked, written: Written) -> Written:
    """Count what the prompt has in common with the last one of its `prompt_cache_key` as cached."""
    key, words = call.body.get("prompt_cache_key"), asked.system + asked.said
    if call.provider != "openai" or not key:
        return written
    name = f"{asked.model}\0{key}"
    same = count_tokens(_common(call.memory.asked.get(name, ""), words))
    call.memory.keep(call.memory.asked, name, words)
    if same < _CACHE_MINIMUM:
        return written
    cached = min(same // 128 * 128, written.input_tokens)
    return replace(written, cached_tokens=max(written.cached_tokens, cached))


def _common(one: str, other: str) -> str:
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return "".join(first for first, _ in pairs)


def cache_write(call: Call, model: SimulatedModel, written: Written) -> int:
    """Return cache-write tokens: gpt-5.6 and later, if caching is requested, from 1024 on."""
    asked_for = call.body.get("prompt_cache_key") or call.body.get("prompt_cache_options")
    late = model.id.startswith(("gpt-5.6", "gpt-6"))
    if asked_for and late and written.input_tokens >= _CACHE_MINIMUM:
        return written.input_tokens - written.cached_tokens
    return 0
