"""
Batch endpoints of OpenAI, Anthropic and xAI: handed in, worked through, fetched.

A batch is worked through when it is looked at for the second time: the first look finds it
under way, as it would be. Each request is answered by the provider's own endpoint, so what it
refuses alone it refuses in a batch. Shapes are those of the providers' SDKs and of "Batch API"
at docs.x.ai.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any, TypeAlias

from llmlab.sim.anthropic import messages as anthropic
from llmlab.sim.anthropic.rules import check_version
from llmlab.sim.call import Call, Json, Rejection, Reply, as_json, dump
from llmlab.sim.openai import chat as openai_chat
from llmlab.sim.refusals import refuse
from llmlab.sim.responses import responses
from llmlab.sim.shapes import check_shapes
from llmlab.sim.xai import chat as xai_chat

_Endpoint: TypeAlias = Callable[[Call], Awaitable[Reply]]

_LOOKS = 2
"""How often a batch is looked at until it has ended."""
_PAGE = 100
_DAY = timedelta(hours=24)


@dataclass(slots=True)
class _Batch:
    """A batch under way; `done` holds status and body of each answered request."""

    id: str
    at: datetime
    requests: list[tuple[str, Json]] = field(default_factory=list)
    endpoint: str = ""
    looks: int = 0
    done: dict[str, tuple[int, Any]] = field(default_factory=dict)
    output: str = ""
    provider: str = ""
    name: str = ""
    """What the client calls it (xAI)."""
    metadata: Json | None = None
    """What the client keeps with it (OpenAI)."""

    @property
    def ended(self) -> bool:
        return self.looks >= _LOOKS

    def count(self, *, ok: bool) -> int:
        return sum((status == 200) is ok for status, _ in self.done.values())  # noqa: PLR2004 - HTTP's OK


async def upload(call: Call) -> Reply:
    """Take a file of a form, as `POST /v1/files` of OpenAI does."""
    head = f"content-type: {call.headers.get('content-type', '')}\r\n\r\n"
    form = message_from_bytes(head.encode() + call.raw)
    parts = {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
        for part in (form.get_payload() if form.is_multipart() else ())
        if not isinstance(part, str)
    }
    content = parts.get("file")
    if not isinstance(content, bytes) or parts.get("purpose") != b"batch":
        raise refuse("openai", 400, "a file with purpose 'batch' is required")
    name = f"file-{call.serial[:24]}"
    call.memory.keep(call.memory.files, name, content)
    return as_json(
        {"id": name, "object": "file", "bytes": len(content), "created_at": call.now,
         "filename": "batch.jsonl", "purpose": "batch", "status": "processed"}
    )  # fmt: skip


async def content(call: Call) -> Reply:
    """Show a file's content."""
    name = call.path.split("/")[-2]
    found = call.memory.files.get(name)
    if found is None:
        raise refuse("openai", 404, f"No such File object: {name}")
    return Reply(chunks=(found,), content_type="application/octet-stream")


async def openai_create(call: Call) -> Reply:
    """Make a batch of an uploaded file."""
    file = call.memory.files.get(str(call.body.get("input_file_id")))
    endpoint = str(call.body.get("endpoint"))
    if file is None:
        raise refuse("openai", 400, "input_file_id: no such file")
    if endpoint not in _OPENAI or call.body.get("completion_window") != "24h":
        raise refuse("openai", 400, "endpoint or completion_window is not supported")
    lines = [json.loads(line) for line in file.splitlines() if line.strip()]
    batch = _Batch(
        f"batch_{call.serial[:32]}", _now(call), provider=call.provider, endpoint=endpoint
    )
    batch.requests = [(str(line["custom_id"]), line["body"]) for line in lines]
    _check_ids(call, batch.requests)
    if any(line.get("url") != endpoint or line.get("method") != "POST" for line in lines):
        raise refuse("openai", 400, "every line must POST to the batch's endpoint")
    batch.metadata = call.body.get("metadata")
    call.memory.keep(call.memory.batches, batch.id, batch)
    return as_json(_openai(batch, call))


async def openai_list(call: Call) -> Reply:
    """List batches, newest first."""
    page, more = _page(call, int(call.query.get("limit") or 20), call.query.get("after"))
    return as_json(
        {"object": "list", "data": [_openai(each, call) for each in page],
         "first_id": page[0].id if page else None, "last_id": page[-1].id if page else None,
         "has_more": more}
    )  # fmt: skip


async def openai_show(call: Call) -> Reply:
    """Show a batch; when it has ended, its results lie in a file."""
    batch = await _looked(call, call.path.split("/")[-1], _OPENAI)
    if batch.ended and not batch.output:
        batch.output = f"file-{batch.id[-24:]}"
        lines = [
            dump(
                {"id": f"batch_req_{number}", "custom_id": name, "error": None,
                 "response": {"status_code": status, "request_id": f"req_{number}",
                              "body": body}}
            )
            for number, (name, (status, body)) in enumerate(batch.done.items())
        ]  # fmt: skip
        call.memory.keep(call.memory.files, batch.output, b"\n".join(lines))
    return as_json(_openai(batch, call))


def _openai(batch: _Batch, call: Call) -> Json:
    created = int(batch.at.timestamp())
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": None,
        "input_file_id": "file-input",
        "completion_window": "24h",
        "status": "completed" if batch.ended else "in_progress" if batch.looks else "validating",
        "output_file_id": batch.output or None,
        "error_file_id": None,
        "created_at": created,
        "expires_at": created + int(_DAY.total_seconds()),
        "completed_at": call.now if batch.ended else None,
        "metadata": batch.metadata,
        "request_counts": {
            "total": len(batch.requests),
            "completed": batch.count(ok=True),
            "failed": batch.count(ok=False),
        },
    }


async def anthropic_create(call: Call) -> Reply:
    """Take all requests of a batch at once."""
    check_version(call)
    asked = call.body.get("requests")
    if not isinstance(asked, list) or not asked:
        raise refuse("anthropic", 400, "requests: Field required")
    batch = _Batch(
        f"msgbatch_{call.serial[:24]}", _now(call), provider=call.provider, endpoint="/v1/messages"
    )
    batch.requests = [(str(each["custom_id"]), each["params"]) for each in asked]
    _check_ids(call, batch.requests)
    call.memory.keep(call.memory.batches, batch.id, batch)
    return as_json(_anthropic(batch))


async def anthropic_list(call: Call) -> Reply:
    """List batches, newest first; an entry does not say which requests are in it."""
    check_version(call)
    page, more = _page(call, int(call.query.get("limit") or 20), call.query.get("after_id"))
    return as_json(
        {"data": [_anthropic(each) for each in page], "has_more": more,
         "first_id": page[0].id if page else None, "last_id": page[-1].id if page else None}
    )  # fmt: skip


async def anthropic_show(call: Call) -> Reply:
    """Show a batch."""
    check_version(call)
    return as_json(_anthropic(await _looked(call, call.path.split("/")[-1], _ANTHROPIC)))


async def anthropic_results(call: Call) -> Reply:
    """Show a line for each request of a batch that has ended, in another order than asked."""
    check_version(call)
    batch = _found(call, call.path.split("/")[-2])
    if not batch.ended:
        raise refuse("anthropic", 400, "results are not available while the batch is in progress")
    lines = [
        dump({"custom_id": name, "result": _result(status, body)})
        for name, (status, body) in reversed(batch.done.items())
    ]
    return Reply(chunks=(b"\n".join(lines),), content_type="application/x-jsonl")


def _result(status: int, body: object) -> Json:
    if status == 200:  # noqa: PLR2004 - HTTP's OK
        return {"type": "succeeded", "message": body}
    return {"type": "errored", "error": body}


def _anthropic(batch: _Batch) -> Json:
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if batch.ended else "in_progress",
        "request_counts": {
            "processing": 0 if batch.ended else len(batch.requests),
            "succeeded": batch.count(ok=True),
            "errored": batch.count(ok=False),
            "canceled": 0,
            "expired": 0,
        },
        "created_at": batch.at.isoformat(),
        "expires_at": (batch.at + _DAY).isoformat(),
        "ended_at": batch.at.isoformat() if batch.ended else None,
        "cancel_initiated_at": None,
        "archived_at": None,
        "results_url": f"/v1/messages/batches/{batch.id}/results" if batch.ended else None,
    }


async def xai_create(call: Call) -> Reply:
    """Make an empty batch."""
    if not call.body.get("name"):
        raise refuse("xai", 422, "missing field `name`")
    batch = _Batch(
        f"batch_{call.serial[:24]}",
        _now(call),
        provider=call.provider,
        endpoint="/v1/chat/completions",
    )
    batch.name = str(call.body["name"])
    call.memory.keep(call.memory.batches, batch.id, batch)
    return as_json(_xai(batch))


async def xai_add(call: Call) -> Reply:
    """Put requests into a batch."""
    batch = _found(call, call.path.split("/")[-2])
    for each in call.body.get("batch_requests") or ():
        request = each["batch_request"].get("chat_get_completion")
        if request is None:
            raise refuse("xai", 422, "missing field `chat_get_completion`")
        batch.requests.append((str(each["batch_request_id"]), request))
    _check_ids(call, batch.requests)
    return as_json({})


async def xai_show(call: Call) -> Reply:
    """Show a batch: it has counts, and no status."""
    batch = await _looked(call, call.path.split("/")[-1], _XAI)
    return as_json(_xai(batch))


async def xai_list(call: Call) -> Reply:
    """List batches, newest first."""
    size, after = int(call.query.get("page_size") or _PAGE), call.query.get("pagination_token")
    page, more = _page(call, size, after)
    token = page[-1].id if more else None
    return as_json({"batches": [_xai(each) for each in page], "pagination_token": token})


async def xai_results(call: Call) -> Reply:
    """Show a page of results and the token of the next."""
    batch = _found(call, call.path.split("/")[-2])
    start = int(call.query.get("pagination_token") or 0)
    size = int(call.query.get("page_size") or _PAGE)
    page = list(batch.done.items())[start : start + size]
    more = start + size < len(batch.done)
    return as_json(
        {
            "results": [
                {"batch_request_id": name, "batch_result": _xai_result(status, body)}
                for name, (status, body) in page
            ],
            "pagination_token": str(start + size) if more else None,
        }
    )


_INVALID, _UNAVAILABLE = 3, 14
"""gRPC's codes."""


def _xai_result(status: int, body: Any) -> Json:
    if status == 200:  # noqa: PLR2004 - HTTP's OK
        return {"response": {"chat_get_completion": body}}
    code = _UNAVAILABLE if status >= 500 else _INVALID  # noqa: PLR2004 - HTTP's server errors
    text = body.get("error") if isinstance(body, Mapping) else body
    return {"error": {"code": code, "message": str(text)}}


def _xai(batch: _Batch) -> Json:
    return {
        "batch_id": batch.id,
        "name": batch.name,
        "create_time": batch.at.isoformat(),
        "expire_time": (batch.at + _DAY).isoformat(),
        "state": {
            "num_requests": len(batch.requests),
            "num_pending": 0 if batch.ended else len(batch.requests),
            "num_success": batch.count(ok=True),
            "num_error": batch.count(ok=False),
            "num_cancelled": 0,
        },
    }


_OPENAI: Mapping[str, _Endpoint] = {
    "/v1/chat/completions": openai_chat.chat,
    "/v1/responses": responses.openai_responses,
}
_ANTHROPIC: Mapping[str, _Endpoint] = {"/v1/messages": anthropic.messages}
_XAI: Mapping[str, _Endpoint] = {"/v1/chat/completions": xai_chat.chat}


async def _looked(call: Call, name: str, endpoints: Mapping[str, _Endpoint]) -> _Batch:
    """Find a batch and look at it; the look at which it ends works through it."""
    batch = _found(call, name)
    batch.looks += 1
    if batch.ended and not batch.done:
        for number, (each, body) in enumerate(batch.requests):
            single = replace(
                call, method="POST", path=batch.endpoint, body=body, raw=dump(body),
                number=call.number * 1000 + number,
            )  # fmt: skip
            batch.done[each] = await _answered(single, endpoints[batch.endpoint])
    return batch


async def _answered(call: Call, endpoint: _Endpoint) -> tuple[int, Any]:
    try:
        check_shapes(call)
        reply = await endpoint(call)
    except Rejection as rejection:
        reply = rejection.reply
    return reply.status, json.loads(b"".join(reply.chunks))


def _found(call: Call, name: str) -> _Batch:
    batch = call.memory.batches.get(name)
    if not isinstance(batch, _Batch):
        raise refuse(call.provider, 404, f"no batch {name}")
    return batch


def _page(call: Call, size: int, after: str | None) -> tuple[list[_Batch], bool]:
    """Return a page of a provider's batches, newest first, and whether more follow."""
    known = [each for each in call.memory.batches.values() if isinstance(each, _Batch)]
    listed = [each for each in reversed(known) if each.provider == call.provider]
    names = [each.id for each in listed]
    start = names.index(after) + 1 if after in names else 0
    return listed[start : start + size], start + size < len(listed)


def _check_ids(call: Call, requests: Sequence[tuple[str, Json]]) -> None:
    names = [name for name, _ in requests]
    if len(set(names)) < len(names):
        raise refuse(call.provider, 400, "custom_id must be unique within a batch")
    if any(not 0 < len(name) <= 64 for name in names):  # noqa: PLR2004 - Anthropic's limit
        raise refuse(call.provider, 400, "custom_id must have 1 to 64 characters")


def _now(call: Call) -> datetime:
    return datetime.fromtimestamp(call.clock(), tz=UTC)
