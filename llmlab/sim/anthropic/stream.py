"""The event stream of an Anthropic message; there is no `[DONE]`."""

from collections.abc import Iterator

from llmlab.sim.authors.author import Written
from llmlab.sim.call import Call, Json, dump
from llmlab.sim.models import SimulatedModel
from llmlab.sim.streams import event, words
from llmlab.sim.tools import pieces

STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "filter": "refusal",
                "refusal": "refusal"}  # fmt: skip
_ONLY_FIRST = ("cache_creation", "service_tier", "inference_geo", "speed")


def envelope(call: Call, model: SimulatedModel) -> Json:
    """Return the message as it is before any content."""
    return {
        "model": model.reported,
        "id": f"msg_{call.serial[:24]}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }


def ending(written: Written) -> Json:
    """Return the fields that say why the message ended."""
    reason = "stop_sequence" if written.matched_stop else STOP_REASONS[written.finish]
    reason = "tool_use" if written.calls and written.finish == "stop" else reason
    refused = reason == "refusal"
    details = {"type": "refusal", "category": None, "explanation": None} if refused else None
    return {
        "stop_reason": reason,
        "stop_sequence": written.matched_stop,
        "stop_details": details,
    }


def stream(
    call: Call, model: SimulatedModel, written: Written, blocks: list[Json], usage: Json
) -> Iterator[bytes]:
    """Write events from `message_start`, with a provisional count, to `message_stop`."""
    first = {name: usage[name] for name in usage if name != "output_tokens_details"}
    first["output_tokens"] = min(1, written.output_tokens)
    yield event({"type": "message_start", "message": {**envelope(call, model), "usage": first}})
    yield event({"type": "ping"})
    for index, block in enumerate(blocks):
        yield from (event({**body, "index": index}) for body in _block_events(block))
    last = {name: usage[name] for name in usage if name not in _ONLY_FIRST}
    yield event({"type": "message_delta", "delta": ending(written), "usage": last})
    yield event({"type": "message_stop"})


def _block_events(block: Json) -> Iterator[Json]:
    hollow = _without_content(block)
    yield {"type": "content_block_start", "content_block": hollow}
    for delta in _deltas(block):
        yield {"type": "content_block_delta", "delta": delta}
    yield {"type": "content_block_stop"}


def _without_content(block: Json) -> Json:
    # a block starts with empty texts; a tool's input starts as an empty object
    empty = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {name: empty.get(name, value) for name, value in block.items()}


def _deltas(block: Json) -> Iterator[Json]:
    match block["type"]:
        case "text":
            for word in words(block["text"]):
                yield {"type": "text_delta", "text": word}
        case "thinking":
            for word in words(block["thinking"]):
                yield {"type": "thinking_delta", "thinking": word}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "server_tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            yield {"type": "input_json_delta", "partial_json": dump(block["input"]).decode()}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            for piece in pieces(dump(block["input"]).decode()) if block["input"] else ():
                yield {"type": "input_json_delta", "partial_json": piece}
        case _:
            return
