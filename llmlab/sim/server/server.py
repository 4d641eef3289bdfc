"""
The loopback server: five providers under one port, each below its own prefix.

A request passes path, key, faults and rate limit before a family reads it; every exchange
is noted in `Simulator.log`, keys never.
"""

import asyncio
import errno
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from llmlab.errors import UsageError
from llmlab.sim.authors.author import Author
from llmlab.sim.call import Call, Reply
from llmlab.sim.memory import Memory
from llmlab.sim.server.desk import Desk
from llmlab.sim.server.faults import Faults
from llmlab.sim.server.host_check import HostCheck, bracketed, guard
from llmlab.sim.server.limits import Limit
from llmlab.sim.server.replays import Replays
from llmlab.sim.server.routes import MOUNTS
from llmlab.sim.server.sending import read_call, send

if TYPE_CHECKING:
    from aiohttp import web

LOG_LENGTH = 10_000
_LAST_PORT = 65_535
_LARGEST_BODY = 64 * 2**20
_PATIENCE = 1.0
"""Seconds that open requests get when the server closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One exchange as it was answered."""

    at: float
    provider: str
    path: str
    model: str
    status: int
    billed: Decimal | None
    """Dollars, where the provider states them (xAI)."""
    digest: str
    """SHA-256 of the request body."""
    user: str
    """What the user said; empty for a request that no model saw."""


class Simulator:
    """
    Five simulated providers on one port.

    Args:
        author: Who writes the answers.
        faults: What goes wrong, and how often.
        clock: Unix time in seconds.
        limits: Rate limits by provider; who is not named is not limited.
        sleep: How to wait, for faults that are slow.
        idempotency: The request header whose value names a request: repeated, it has the first
            one's reply, and no author writes again. Empty as at the real providers.
        origins: Web pages that may ask, such as `http://localhost:3000`; none by default.
    """

    def __init__(
        self,
        *,
        author: Author,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.time,
        limits: Mapping[str, Limit] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        idempotency: str = "",
        origins: Collection[str] = (),
    ) -> None:
        self.author = author
        self.log: deque[Served] = deque(maxlen=LOG_LENGTH)
        self._clock = clock
        self._sleep = sleep
        self._memory = Memory()
        self._replays = Replays(idempotency)
        self._numbers: Counter[str] = Counter()
        self._desk = Desk(faults=faults or Faults(), limits=limits or {}, clock=clock)
        self._runner: web.AppRunner | None = None
        self._address = ""
        self._door = HostCheck(origins=origins)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """
        Listen; port 0 takes a free one. Only who calls it by its own address is answered.

        Raises:
            UsageError: The port is none or in use, or this simulator runs already.
        """
        from aiohttp import web

        if self._runner is not None:
            raise UsageError(f"the simulator already runs at {self._address}; close it first")
        if not 0 <= port <= _LAST_PORT:
            raise UsageError(f"port is {port}; it must be from 0 (any free one) to {_LAST_PORT}")

        app = web.Application(
            client_max_size=_LARGEST_BODY, middlewares=[guard(lambda: self._door)]
        )
        app.router.add_route("*", "/{provider}{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_PATIENCE)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise _no_port(error, port) from error
        self._runner, bound = runner, runner.addresses[0][1]
        self._door = replace(self._door, bound=host, port=bound)
        self._address = f"http://{bracketed(host)}:{bound}"

    def base_url(self, provider: str) -> str:
        """Return what the provider's own variable, such as OPENAI_BASE_URL, would be."""
        if provider not in MOUNTS:
            raise UsageError(f"no provider {provider!r}; the simulator has {', '.join(MOUNTS)}")
        if not self._address:
            raise UsageError("the simulator is not running; `await simulator.start()` first")
        return self._address + MOUNTS[provider]

    async def close(self) -> None:
        """Stop listening and let go of the port; twice is as good as once."""
        runner, self._runner, self._address = self._runner, None, ""
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _serve(self, request: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        provider = request.match_info["provider"]
        if provider not in MOUNTS:
            raise web.HTTPNotFound(text=f"no provider here; try {', '.join(MOUNTS.values())}")
        call = await read_call(
            request,
            provider=provider,
            number=self._numbers[provider],
            author=self.author,
            clock=self._clock,
            memory=self._memory,
        )
        self._numbers[provider] += 1
        reply, way = await self._replays.answer(
            provider, request.headers, lambda: self._desk.answer(call)
        )
        self._note(call, reply)
        return await send(request, reply, way, self._sleep)

    def _note(self, call: Call, reply: Reply) -> None:
        asked_for = call.body.get("model")
        self.log.append(
            Served(
                at=self._clock(),
                provider=call.provider,
                path=call.path,
                model=reply.model or (asked_for if isinstance(asked_for, str) else ""),
                status=reply.status,
                billed=reply.billed,
                digest=call.digest,
                user=reply.user,
            )
        )


def _no_port(error: OSError, port: int) -> Exception:
    if error.errno != errno.EADDRINUSE:
        return error
    return UsageError(f"port {port} is in use; choose another one, or 0 for any free port")
