"""Do what the faults say: answer something else, or spoil the answer that was made."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from llmlab.sim.call import NDJSON, SSE, Call, Reply, dump
from llmlab.sim.refusals import out_of_credit, refuse
from llmlab.sim.server.faults import SimulatedFault
from llmlab.sim.streams import data, event

_HTML = "text/html; charset=UTF-8"
_CLOUDFLARE = """<!DOCTYPE html><html lang="en-US"><head>
<title>{host} | 520: Web server is returning an unknown error</title></head>
<body><h1>Web server is returning an unknown error</h1><span>Error code 520</span>
<p>Your IP: 192.0.2.1. Simulated gateway page.</p></body></html>"""
_CLOUDFRONT = """<!DOCTYPE HTML><HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE>
</HEAD><BODY><H1>503 ERROR</H1><P>The request could not be satisfied. Simulated gateway page.</P>
</BODY></HTML>"""
_HOSTS = {"openai": "api.openai.com", "anthropic": "api.anthropic.com", "xai": "api.x.ai"}
_HALF = 2
_NOT_UTF8 = b'{"choices": [\xff\xfe'


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the bytes are sent: where they stop, in what pieces, how slowly."""

    reset: bool = False
    cut: int | None = None
    split: int | None = None
    drip: float = 0.0
    delay: float = 0.0


def manner(faults: Iterable[SimulatedFault]) -> Manner:
    """Collect what the faults say about sending."""
    said = {fault.name: fault.value for fault in faults}
    return Manner(
        reset="reset" in said,
        cut=int(said["cut"]) if "cut" in said else None,
        split=max(1, int(said["split"])) if "split" in said else None,
        drip=said.get("drip", 0.0),
        delay=said.get("delay", 0.0),
    )


def instead(call: Call, faults: Iterable[SimulatedFault]) -> Reply | None:
    """Return the reply that takes the place of a real one, if a fault asks for one."""
    named = {fault.name: fault for fault in faults}
    wait = named.get("retry-after")
    if "html" in named:
        return _gateway_page(call.provider)
    if "quota" in named:
        return out_of_credit(call.provider)
    status = next((int(fault.value) for fault in named.values() if fault.is_status), None)
    if status is None and wait is None:
        return None
    reply = refuse(call.provider, status or 429).reply
    if wait is None:
        return reply
    return replace(reply, headers={**reply.headers, "retry-after": f"{wait.value:g}"})


def _gateway_page(provider: str) -> Reply:
    if provider in _HOSTS:
        page = _CLOUDFLARE.format(host=_HOSTS[provider])
        return Reply(status=520, chunks=(page.encode(),), content_type=_HTML)
    headers = {"via": "1.1 sim.cloudfront.net (CloudFront)", "x-cache": "Error from cloudfront"}
    return Reply(status=503, chunks=(_CLOUDFRONT.encode(),), content_type=_HTML, headers=headers)


def spoiled(call: Call, reply: Reply, faults: Iterable[SimulatedFault]) -> Reply:
    """Return the reply with its body spoiled, if a fault asks for it."""
    names = {fault.name for fault in faults}
    if "empty" in names:
        return replace(reply, chunks=())
    if "garbage" in names:
        return replace(reply, chunks=(_NOT_UTF8,))
    if "stream-error" in names and reply.streamed:
        kept = reply.chunks[: max(1, len(reply.chunks) // _HALF)]
        return replace(reply, chunks=(*kept, _stream_error(call, reply)))
    return reply


def _stream_error(call: Call, reply: Reply) -> bytes:
    message = "The server had an error while processing your request."
    if reply.content_type == NDJSON:
        return dump({"error": message}) + b"\n"
    if call.provider == "anthropic":
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return event({"type": "error", "error": error, "request_id": call.serial[:24]})
    if reply.content_type == SSE and call.path.endswith("/responses"):
        return event({"type": "error", "code": "server_error", "message": message, "param": None,
                      "sequence_number": len(reply.chunks)})  # fmt: skip
    return data({"error": {"message": message, "type": "server_error", "param": None,
                           "code": None}})  # fmt: skip
