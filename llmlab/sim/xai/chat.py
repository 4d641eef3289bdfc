"""xAI `/v1/chat/completions`: OpenAI's format, but completion tokens exclude reasoning."""

from collections.abc import Iterator
from uuid import UUID

from llmlab.sim.authors.author import Asked, Written
from llmlab.sim.call import Call, Json, Reply, as_json
from llmlab.sim.chat_shape import (
    Frame,
    calls_of,
    finish_of,
    schema_of,
    wants_usage,
    weights_asked,
    with_calls,
)
from llmlab.sim.messages import conversation, stops
from llmlab.sim.models import SimulatedModel
from llmlab.sim.pictures import written_with_files
from llmlab.sim.settle import settled
from llmlab.sim.streams import DONE, data, sse
from llmlab.sim.tools import choice_of, offered
from llmlab.sim.weights import Weight, shown, weighed
from llmlab.sim.xai.rules import check_effort, dollars, model_of, ticks


async def chat(call: Call) -> Reply:
    """Answer one chat completion, whole or streamed; newer models do not show reasoning."""
    model = model_of(call, "messages")
    asked = _asked(call, model)
    written = await written_with_files(call, asked)
    charge = ticks(model, written)
    frame = Frame(
        id=str(UUID(call.serial[:32])),
        created=call.now,
        model=model.reported,
        fingerprint=f"fp_{call.serial[:10]}",
    )
    usage = usage_of(written, charge)
    found = shown(written, asked.logprobs)
    if call.body.get("stream"):
        reply = sse(_stream(call, frame, written, usage, found))
    else:
        message = {"role": "assistant", "content": written.text, "refusal": None}
        message = with_calls(call, written, message)
        reply = as_json(frame.completion(message, finish_of(written), usage, found))
    return settled(reply, asked, written, model, dollars(charge))


def _asked(call: Call, model: SimulatedModel) -> Asked:
    body = call.body
    effort = check_effort(model, body.get("reasoning_effort"))
    said = conversation(body["messages"])
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return Asked(
        provider="xai",
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


def usage_of(written: Written, charge: int) -> Json:
    """Return usage as xAI does: total = prompt + completion + reasoning; the charge in ticks."""
    return {
        "prompt_tokens": written.input_tokens,
        "completion_tokens": written.output_tokens - written.reasoning_tokens,
        "total_tokens": written.input_tokens + written.output_tokens,
        "prompt_tokens_details": {
            "text_tokens": written.input_tokens,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": written.cached_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": written.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
        "cost_in_usd_ticks": charge,
    }


def _stream(
    call: Call, frame: Frame, written: Written, usage: Json, found: list[Weight]
) -> Iterator[bytes]:
    yield data(frame.chunk({"role": "assistant", "content": ""}))
    for word, own in weighed(written.text, found):
        yield data(frame.chunk({"content": word}, None, own))
    if written.calls:  # whole, in one chunk
        calls = [{**each, "index": at} for at, each in enumerate(calls_of(call, written))]
        yield data(frame.chunk({"tool_calls": calls}))
    yield data(frame.chunk({}, finish_of(written)))
    if wants_usage(call):
        yield data(frame.usage_chunk(usage))
    yield DONE
