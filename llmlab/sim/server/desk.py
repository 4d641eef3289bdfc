"""The order in which a request is looked at: path, key, faults, rate limit, family."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from llmlab.errors import CallError, TooLong, UsageError
from llmlab.sim.authors.author import count_tokens
from llmlab.sim.call import Call, Rejection, Reply, dump
from llmlab.sim.refusals import malformed, nested, refuse, too_long
from llmlab.sim.server.faults import HEADER, Faults, SimulatedFault
from llmlab.sim.server.headers import identity, rate_limits, retry_after, timing
from llmlab.sim.server.keys import check_key
from llmlab.sim.server.limits import Level, Limit, Meter, WindowEntry
from llmlab.sim.server.routes import GENERATING, Endpoint, endpoint_of
from llmlab.sim.server.spoil import Manner, instead, manner, spoiled
from llmlab.sim.shapes import check_shapes

_LIMIT_FIELDS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_NO_RATES = (400, 401, 403, 404, 405)


@dataclass(slots=True, kw_only=True)
class Desk:
    """Turns a call into a reply and the manner of sending it."""

    faults: Faults
    limits: Mapping[str, Limit]
    clock: Callable[[], float]
    meters: dict[str, Meter] = field(default_factory=dict)

    async def answer(self, call: Call) -> tuple[Reply, Manner]:
        """Answer a call, with all that goes wrong on the way."""
        began = self.clock()
        hit: tuple[SimulatedFault, ...] = ()
        try:
            endpoint = endpoint_of(call)
            check_key(call)
            hit = self._hit(call)
            reply = instead(call, hit) or await self._metered(call, endpoint)
            reply = spoiled(call, reply, hit)
        except Rejection as rejection:
            reply = rejection.reply
        except UsageError as error:
            reply = refuse(call.provider, 400, f"{HEADER}: {error}").reply
        except CallError as error:
            reply = _author_failed(call, error)
        return self._dressed(call, reply, self.clock() - began), manner(hit)

    def _hit(self, call: Call) -> tuple[SimulatedFault, ...]:
        asked = Faults.parse([call.headers.get(HEADER, "")])
        return self.faults.drawn(call.provider, call.number) + asked.drawn(
            call.provider, call.number
        )

    async def _metered(self, call: Call, endpoint: Endpoint) -> Reply:
        form = call.headers.get("content-type", "").startswith("multipart/form-data")
        if call.method == "POST" and not call.body and not form:
            raise malformed(call.provider)
        check_shapes(call)
        if endpoint not in GENERATING:
            return await endpoint(call)
        meter = self._meter(call.provider)
        entry = meter.admit(_expected(call))
        if isinstance(entry, Level):
            return _throttled(call, entry)
        return await _settled(call, endpoint, meter, entry)

    def _meter(self, provider: str) -> Meter:
        limit = self.limits.get(provider, Limit())
        return self.meters.setdefault(provider, Meter(limit=limit, clock=self.clock))

    def _dressed(self, call: Call, reply: Reply, seconds: float) -> Reply:
        """Add the headers that every reply has, and Anthropic's request id to its errors."""
        headers = {**identity(call), "x-llmlab-simulator": call.author.name}
        if reply.status not in _NO_RATES and call.method == "POST":
            headers |= rate_limits(call, self._meter(call.provider).level())
            headers |= timing(call, seconds)
        reply = replace(reply, headers={**headers, **reply.headers})
        if call.provider == "anthropic" and _is_error(reply):
            body = {**json.loads(reply.chunks[0]), "request_id": headers["request-id"]}
            return replace(reply, chunks=(dump(body),))
        return reply


async def _settled(call: Call, endpoint: Endpoint, meter: Meter, entry: WindowEntry) -> Reply:
    used = 0
    try:
        reply = await endpoint(call)
        used = reply.tokens
    finally:
        meter.settle(entry, used)
    return reply


def _expected(call: Call) -> int:
    """Expect the prompt by the counting rule and the whole output limit."""
    wanted = (call.body.get(name) for name in _LIMIT_FIELDS)
    options: Any = call.body.get("options") or {}
    limits = [*wanted, options.get("num_predict")]
    output = next((limit for limit in limits if isinstance(limit, int) and limit > 0), 0)
    return count_tokens(_prompt_text(call.body)) + output


def _prompt_text(body: Mapping[str, Any]) -> str:
    names = ("system", "instructions", "messages", "input", "prompt")
    return json.dumps([body[name] for name in names if name in body], ensure_ascii=False)


def _throttled(call: Call, level: Level) -> Reply:
    if call.provider == "ollama":
        message = "server busy, please try again.  maximum pending requests exceeded"
        return refuse("ollama", 503, message).reply
    what = "tokens" if level.short_of == "tokens" else "requests"
    limit = level.limit_tokens if what == "tokens" else level.limit_requests
    if call.provider == "openai":
        message = f"Rate limit reached on {what} per min: Limit {limit}."
        again = f"{message} Please try again in {level.wait:.3f}s."
        reply = nested(429, again, kind=what, code="rate_limit_exceeded").reply
    else:
        reply = refuse(call.provider, 429, f"Too many {what}: limit {limit} per minute.").reply
    return replace(reply, headers={**rate_limits(call, level), **retry_after(call, level)})


def _author_failed(call: Call, error: CallError) -> Reply:
    """Say in the provider's envelope that nothing could be written."""
    if isinstance(error, TooLong):
        return too_long(call.provider, str(error)).reply
    return refuse(call.provider, 500, f"simulated answer failed: {error}").reply


def _is_error(reply: Reply) -> bool:
    return reply.status >= 400 and reply.content_type == "application/json" and bool(reply.chunks)  # noqa: PLR2004 - HTTP's errors
