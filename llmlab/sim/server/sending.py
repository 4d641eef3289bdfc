"""The only place that touches aiohttp's requests and responses."""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from llmlab.sim.call import Call, Reply
from llmlab.sim.server.spoil import Manner

if TYPE_CHECKING:
    from aiohttp import web

LOG = logging.getLogger(__name__)


async def read_call(request: "web.Request", *, provider: str, **rest: Any) -> Call:
    """Read a request; a body that is not a JSON object is left empty, to be refused later."""
    raw = await request.read()
    return Call(
        provider=provider,
        method=request.method,
        path=request.match_info["path"].rstrip("/") or "/",
        headers={name.lower(): value for name, value in request.headers.items()},
        query=dict(request.query),
        raw=raw,
        body=_object(raw),
        **rest,
    )


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def send(
    request: "web.Request",
    reply: Reply,
    way: Manner,
    sleep: Callable[[float], Awaitable[object]],
) -> "web.StreamResponse":
    """Send a reply in the manner that the faults ask for; a client may vanish meanwhile."""
    from aiohttp import ClientConnectionResetError, web

    if way.delay:
        await sleep(way.delay)
    headers = {**reply.headers, "content-type": reply.content_type}
    response = web.StreamResponse(status=reply.status, headers=headers)
    if way.reset:
        _drop(request, flush=False)
        return response
    if not reply.streamed:
        response.content_length = sum(map(len, reply.chunks))
    try:
        await response.prepare(request)
        if request.method != "HEAD":
            await _write(request, response, _pieces(reply.chunks, way.split), way, sleep)
    except ClientConnectionResetError:
        # Whoever is cancelled or passes a deadline hangs up; a provider does not notice.
        LOG.debug("the client of %s went away in mid-reply", request.path)
    return response


async def _write(
    request: "web.Request",
    response: "web.StreamResponse",
    pieces: Iterable[bytes],
    way: Manner,
    sleep: Callable[[float], Awaitable[object]],
) -> None:
    left = way.cut
    for piece in pieces:
        if way.drip:
            await sleep(way.drip)
        await response.write(piece if left is None else piece[:left])
        left = None if left is None else left - len(piece)
        if left is not None and left <= 0:
            _drop(request, flush=True)
            return
    await response.write_eof()


def _pieces(chunks: Iterable[bytes], size: int | None) -> Iterable[bytes]:
    if size is None:
        return chunks
    whole = b"".join(chunks)
    return (whole[at : at + size] for at in range(0, len(whole), size))


def _drop(request: "web.Request", *, flush: bool) -> None:
    """Close the connection in the middle, with or without what was written so far."""
    if request.transport is None:
        return
    if flush:
        request.transport.close()
    else:
        request.transport.abort()
