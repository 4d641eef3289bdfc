"""
DeepSeek `/chat/completions`: thinking is on unless switched off, usage is in the last chunk.

While a request is queued the server sends empty lines before JSON and comments before a
stream; here every answer was queued. Where the reference does not say what an unfit parameter
gets, it gets 422, so that a client that sends it is noticed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from llmlab.sim.authors.author import Asked, Written
from llmlab.sim.call import Call, Json, Rejection, Reply, as_json
from llmlab.sim.chat_shape import (
    Frame,
    call_deltas,
    finish_of,
    schema_of,
    wants_usage,
    weights_asked,
    with_calls,
)
from llmlab.sim.messages import conversation, stops
from llmlab.sim.models import SimulatedModel, find
from llmlab.sim.pictures import written_with_files
from llmlab.sim.refusals import nested
from llmlab.sim.settle import settled
from llmlab.sim.streams import DONE, KEEP_ALIVE, data, sse, words
from llmlab.sim.tools import choice_of, offered, unknown_choice
from llmlab.sim.weights import shown, weighed

_RANGES = {"temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": (-2, 2),
           "presence_penalty": (-2, 2)}  # fmt: skip
EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max", None)
_MOST_STOPS = 16
_MOST_WEIGHTS = 20


async def chat(call: Call) -> Reply:
    """Answer one chat completion, whole or streamed, with or without thinking."""
    model = model_of(call, "messages")
    asked = _asked(call, model)
    written = await written_with_files(call, asked)
    frame = Frame(
        id=_uuid(call.serial),
        created=call.now,
        model=model.reported,
        fingerprint=f"fp_{call.serial[:10]}_sim",
    )
    if call.body.get("stream"):
        reply = sse(_stream(call, frame, asked, written))
    else:
        message = with_calls(call, written, _message(asked, written))
        found = shown(written, asked.logprobs)
        body = frame.completion(message, finish_of(written), usage_of(written), found)
        reply = as_json(body)
        reply = replace(reply, chunks=(b"\n\n", *reply.chunks))
    return settled(reply, asked, written, model)


def _uuid(serial: str) -> str:
    return str(UUID(serial[:32]))


def _refuse(status: int, message: str) -> Rejection:
    return nested(status, message, code="invalid_request_error")


def model_of(call: Call, words: str) -> SimulatedModel:
    """Return the model that is asked; a body without `model` or its *words* is refused."""
    for name in ("model", words):
        if not call.body.get(name):
            raise _refuse(400, f"Failed to deserialize the JSON body: missing field `{name}`")
    model = find("deepseek", call.body["model"], call.clock())
    if model is None:
        raise _refuse(400, "Model Not Exist")
    return model


def _asked(call: Call, model: SimulatedModel) -> Asked:
    body = call.body
    _check_parameters(body)
    said = conversation(body["messages"])
    _check_format(body, said.words)
    _check_window(said.tokens, body, model)
    thinking = _thinking(body)
    _check_offered(body, thinking=thinking)
    return Asked(
        provider="deepseek",
        model=model.id,
        system=said.system,
        turns=said.turns,
        user=said.user,
        temperature=None if thinking else body.get("temperature"),
        seed=body.get("seed"),
        max_tokens=body.get("max_tokens") or 4096,
        stop=stops(body.get("stop")),
        thinking=thinking,
        schema=schema_of(call),
        tools=offered(body.get("tools")),
        choice=choice_of(body.get("tool_choice")),
        logprobs=weights_asked(body),
    )


def _check_offered(body: Mapping[str, Any], *, thinking: bool) -> None:
    wrong = unknown_choice(body)
    if wrong:
        raise _refuse(400, wrong)
    if thinking and choice_of(body.get("tool_choice")) not in ("auto", "none"):
        raise _refuse(400, "Thinking mode does not support this tool_choice")
    if thinking and body.get("logprobs"):
        raise _refuse(400, "logprobs is not supported in thinking mode")
    if not 0 <= (body.get("top_logprobs") or 0) <= _MOST_WEIGHTS:
        raise _refuse(422, f"Invalid top_logprobs value, the valid range is [0, {_MOST_WEIGHTS}]")


def _check_parameters(body: Mapping[str, object]) -> None:
    if "max_completion_tokens" in body:
        raise _refuse(422, "Unknown parameter max_completion_tokens; use max_tokens")
    for name, (low, high) in _RANGES.items():
        value = body.get(name)
        if isinstance(value, int | float) and not low <= value <= high:
            raise _refuse(422, f"Invalid {name} value, the valid range is [{low}, {high}]")
    if len(stops(body.get("stop"))) > _MOST_STOPS:
        raise _refuse(422, f"Invalid stop value, at most {_MOST_STOPS} are allowed")
    if body.get("reasoning_effort") not in EFFORTS:
        raise _refuse(422, "Invalid reasoning_effort value")


def _thinking(body: Mapping[str, object]) -> bool:
    thinking = body.get("thinking", {"type": "enabled"})
    kind = thinking.get("type") if isinstance(thinking, Mapping) else None
    if kind not in ("enabled", "disabled"):
        raise _refuse(422, "Invalid thinking: type must be `enabled` or `disabled`")
    return bool(kind == "enabled")


def _check_format(body: Mapping[str, object], prompt: str) -> None:
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, Mapping) else "text"
    if kind not in ("text", "json_object"):
        raise _refuse(400, "This response_format type is unavailable now")
    if kind == "json_object" and "json" not in prompt.lower():
        raise _refuse(
            400, "Prompt must contain the word 'json' to use 'response_format' of 'json_object'."
        )


def _check_window(prompt: int, body: Mapping[str, object], model: SimulatedModel) -> None:
    wanted = body.get("max_tokens") or 0
    completion = wanted if isinstance(wanted, int) else 0
    if prompt + completion > model.context:
        message = (
            f"This model's maximum context length is {model.context} tokens. However, you "
            f"requested {prompt + completion} tokens ({prompt} in the messages, {completion} in "
            "the completion). Please reduce the length of the messages or completion."
        )
        raise _refuse(400, message)


def _message(asked: Asked, written: Written) -> Json:
    message = {"role": "assistant", "content": written.text}
    return {**message, "reasoning_content": written.reasoning} if asked.thinking else message


def usage_of(written: Written) -> Json:
    """Return usage as DeepSeek does: cache hits and misses; completion includes reasoning."""
    usage: Json = {
        "prompt_tokens": written.input_tokens,
        "completion_tokens": written.output_tokens,
        "total_tokens": written.input_tokens + written.output_tokens,
        "prompt_tokens_details": {"cached_tokens": written.cached_tokens},
        "prompt_cache_hit_tokens": written.cached_tokens,
        "prompt_cache_miss_tokens": written.input_tokens - written.cached_tokens,
    }
    if written.reasoning_tokens:
        usage["completion_tokens_details"] = {"reasoning_tokens": written.reasoning_tokens}
    return usage


def _stream(call: Call, frame: Frame, asked: Asked, written: Written) -> Iterator[bytes]:
    quiet = {"reasoning_content": None} if asked.thinking else {}
    opening = {"content": None, "reasoning_content": ""} if asked.thinking else {"content": ""}
    yield KEEP_ALIVE
    yield data(frame.chunk({"role": "assistant", **opening}, usage=None))
    if asked.thinking:
        for word in words(written.reasoning):
            yield data(frame.chunk({"content": None, "reasoning_content": word}, usage=None))
    for word, own in weighed(written.text, shown(written, asked.logprobs)):
        yield data(frame.chunk({"content": word, **quiet}, None, own, usage=None))
    for delta in call_deltas(call, written):
        yield data(frame.chunk(delta, usage=None))
    usage = usage_of(written) if wants_usage(call) else None
    yield data(frame.chunk({"content": "", **quiet}, finish_of(written), usage=usage))
    yield DONE
