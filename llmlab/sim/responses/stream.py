"""The event sequence of a streamed response; there is no `[DONE]` at its end."""

from collections.abc import Iterator

from llmlab.sim.call import Json
from llmlab.sim.responses.shape import Sheet
from llmlab.sim.streams import words
from llmlab.sim.tools import pieces
from llmlab.sim.weights import weighed


def stream(sheet: Sheet) -> Iterator[Json]:
    """Yield events from `response.created` to the last one, without sequence numbers."""
    for step in ("created", "in_progress"):
        yield {"type": f"response.{step}", "response": sheet.opening()}
    for index, item in enumerate(sheet.items()):
        yield from _item(index, item)
    terminal = sheet.document()
    yield {"type": f"response.{sheet.status}", "response": terminal}


def _item(index: int, item: Json) -> Iterator[Json]:
    at = {"output_index": index}
    yield {"type": "response.output_item.added", **at, "item": _empty(item)}
    inside = {**at, "item_id": item["id"]}
    match item["type"]:
        case "reasoning":
            yield from _reasoning(inside, item)
        case "message":
            yield from _message(inside, item["content"][0])
        case "function_call":
            for piece in pieces(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **inside, "delta": piece}
            done = {"arguments": item["arguments"], "name": item["name"]}
            yield {"type": "response.function_call_arguments.done", **inside, **done}
        case "web_search_call":
            for step in ("in_progress", "searching", "completed"):
                yield {"type": f"response.web_search_call.{step}", **inside}
        case _:
            pass  # an x_search call has no events of its own
    yield {"type": "response.output_item.done", **at, "item": item}


def _empty(item: Json) -> Json:
    hollow: Json = {
        "reasoning": {"summary": []},
        "message": {"content": []},
        "function_call": {"arguments": ""},
    }
    return {**item, "status": "in_progress", **hollow.get(item["type"], {})}


def _reasoning(inside: Json, item: Json) -> Iterator[Json]:
    for number, part in enumerate(item["summary"]):
        at = {**inside, "summary_index": number}
        prefix = "response.reasoning_summary"
        yield {"type": f"{prefix}_part.added", **at, "part": {**part, "text": ""}}
        for word in words(part["text"]):
            yield {"type": f"{prefix}_text.delta", **at, "delta": word}
        yield {"type": f"{prefix}_text.done", **at, "text": part["text"]}
        yield {"type": f"{prefix}_part.done", **at, "part": part}


def _message(inside: Json, part: Json) -> Iterator[Json]:
    at = {**inside, "content_index": 0}
    kind = "refusal" if part["type"] == "refusal" else "output_text"
    field = "refusal" if kind == "refusal" else "text"
    found = part.get("logprobs", [])
    extra: Json = {} if kind == "refusal" else {"logprobs": found}
    empty: Json = {} if kind == "refusal" else {"annotations": [], "logprobs": []}
    hollow = {**part, field: "", **empty}
    yield {"type": "response.content_part.added", **at, "part": hollow}
    for word, own in weighed(part[field], found):
        weights: Json = {} if kind == "refusal" else {"logprobs": own}
        yield {"type": f"response.{kind}.delta", **at, "delta": word, **weights}
    for number, note in enumerate(part.get("annotations", ())):
        kind_of = "response.output_text.annotation.added"
        yield {"type": kind_of, **at, "annotation_index": number, "annotation": note}
    yield {"type": f"response.{kind}.done", **at, field: part[field], **extra}
    yield {"type": "response.content_part.done", **at, "part": part}
