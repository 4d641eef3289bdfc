"""OpenAI `/v1/chat/completions`: usage includes reasoning and is streamed only on request."""

from collections.abc import Iterator, Mapping

from llmlab.sim.authors.author import Asked, Written
from llmlab.sim.call import Call, Json, Reply, as_json
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
from llmlab.sim.models import SimulatedModel
from llmlab.sim.openai.rules import (
    CHAT_FIELDS,
    cache_write,
    check_effort,
    check_fields,
    check_sampling,
    check_schema,
    check_stop,
    check_tools,
    check_verbosity,
    check_weights,
    check_window,
    model_of,
    read_from_cache,
    require,
    tier_of,
    unsupported_parameter,
)
from llmlab.sim.pictures import written_with_files
from llmlab.sim.refusals import nested
from llmlab.sim.settle import settled
from llmlab.sim.streams import DONE, data, sse
from llmlab.sim.tools import choice_of, offered
from llmlab.sim.weights import Weight, shown, weighed


async def chat(call: Call) -> Reply:
    """Answer one chat completion, whole or streamed."""
    check_fields(call.body, CHAT_FIELDS)
    require(call.body, "model", "messages")
    model = model_of(call, missing=404)
    asked = _asked(call, model)
    check_window(asked, model, "messages")
    written = read_from_cache(call, asked, await written_with_files(call, asked))
    frame = Frame(
        id=f"chatcmpl-{call.serial[:29]}",
        created=call.now,
        model=model.reported,
        fingerprint=f"fp_{call.serial[:10]}",
        extra={"service_tier": tier_of(call.body)},
    )
    usage = usage_of(written, cache_write(call, model, written))
    found = shown(written, asked.logprobs)
    if call.body.get("stream"):
        chunks = _stream(call, frame, written, usage, found)
        return settled(sse(chunks), asked, written, model)
    message = with_calls(call, written, {**_said(written), "annotations": []})
    body = frame.completion(message, finish_of(written), usage, found)
    return settled(as_json(body), asked, written, model)


def _asked(call: Call, model: SimulatedModel) -> Asked:
    body = call.body
    effort = check_effort(model, body.get("reasoning_effort"), "reasoning_effort")
    if model.efforts and body.get("max_tokens") is not None:
        raise unsupported_parameter("max_tokens", "max_completion_tokens")
    check_sampling(body, model, effort)
    check_stop(body, model)
    check_weights(body, model)
    check_verbosity(body.get("verbosity"), model, "verbosity")
    check_tools(body, model)
    said = conversation(body["messages"])
    _check_format(body, said.words)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return Asked(
        provider=call.provider,
        model=model.id,
        system=said.system,
        turns=said.turns,
        user=said.user,
        temperature=body.get("temperature"),
        seed=body.get("seed"),
        max_tokens=limit or 4096,
        stop=stops(body.get("stop")),
        thinking=bool(model.efforts) and effort != "none",
        schema=schema_of(call),
        tools=offered(body.get("tools")),
        choice=choice_of(body.get("tool_choice")),
        logprobs=weights_asked(body),
    )


def _check_format(body: Mapping[str, object], prompt: str) -> None:
    form = body.get("response_format")
    if not isinstance(form, Mapping):
        return
    named = form.get("json_schema")
    if form.get("type") == "json_object" and "json" not in prompt.lower():
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' "
            "of type 'json_object'."
        )
        raise nested(400, message, param="messages")
    if isinstance(named, Mapping) and named.get("strict"):
        check_schema(named.get("schema"), "response_format")


def usage_of(written: Written, cache_write: int = 0) -> Json:
    """Return usage as OpenAI does: prompt includes cached, completion includes reasoning."""
    return {
        "prompt_tokens": written.input_tokens,
        "completion_tokens": written.output_tokens,
        "total_tokens": written.input_tokens + written.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": written.cached_tokens,
            "cache_write_tokens": cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": written.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _said(written: Written) -> Json:
    refused = written.finish == "refusal"
    return {
        "role": "assistant",
        "content": None if refused else written.text,
        "refusal": written.text if refused else None,
    }


def _stream(
    call: Call, frame: Frame, written: Written, usage: Json, found: list[Weight]
) -> Iterator[bytes]:
    with_usage = wants_usage(call)
    silent = {"usage": None} if with_usage else {}
    first = {"role": "assistant", "content": "", "refusal": None}
    yield data(frame.chunk(first, **silent))
    field = "refusal" if written.finish == "refusal" else "content"
    for word, own in weighed(written.text, found):
        chunk = frame.chunk({field: word}, None, own, **silent)
        yield data({**chunk, "obfuscation": call.serial[:9]})
    for delta in call_deltas(call, written):
        yield data(frame.chunk(delta, **silent))
    yield data(frame.chunk({}, finish_of(written), **silent))
    if with_usage:
        yield data(frame.usage_chunk(usage))
    yield DONE
