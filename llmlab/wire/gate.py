"""What a call must pass before it is sent: breaker, permits, rate limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from llmlab.settings import RateLimit
from llmlab.wire.breaker import Breaker, State
from llmlab.wire.limiter import Limiter, LimiterStats


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """A gate to look at."""

    provider: str
    breaker: State
    in_flight: int
    permits: int
    limiter: LimiterStats


class Gate:
    """One provider's door; `total` is the permit that all providers share."""

    def __init__(
        self,
        provider: str,
        *,
        permits: int,
        total: asyncio.Semaphore,
        limit: RateLimit,
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self.provider = provider
        self.breaker = Breaker(provider, clock=clock)
        self.limiter = Limiter(rpm=limit.rpm, tpm=limit.tpm, clock=clock, call_later=call_later)
        self._own = asyncio.Semaphore(permits)
        self._total = total
        self._permits = permits
        self._in_flight = 0

    @asynccontextmanager
    async def passed(self, tokens: float = 0.0) -> AsyncIterator[None]:
        """
        Hold a permit of this provider and one of the total while the body runs.

        A call that waits for its next attempt is outside, so it holds no permit.
        """
        self.breaker.check()
        async with self._own, self._total:
            await self.limiter.acquire(tokens)
            self._in_flight += 1
            try:
                yield
            finally:
                self._in_flight -= 1

    @property
    def state(self) -> GateState:
        """The gate as it stands now."""
        return GateState(
            provider=self.provider,
            breaker=self.breaker.state,
            in_flight=self._in_flight,
            permits=self._permits,
            limiter=self.limiter.stats,
        )


class Gates:
    """The doors of a lab by name, each made when first needed, on the engine's loop."""

    def __init__(
        self,
        *,
        max_in_flight: int,
        per_provider: int,
        limits: Mapping[str, RateLimit],
        permits: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max = max_in_flight
        self._per_provider = per_provider
        self._limits = limits
        self._permits = dict(permits or {})
        self._clock = clock
        self._gates: dict[str, Gate] = {}
        self._total: asyncio.Semaphore | None = None

    def __getitem__(self, name: str) -> Gate:
        gate = self._gates.get(name)
        return self._make(name) if gate is None else gate

    def states(self) -> tuple[GateState, ...]:
        """Every gate that was used, to look at."""
        return tuple(gate.state for gate in self._gates.values())

    def _make(self, name: str) -> Gate:
        if self._total is None:
            self._total = asyncio.Semaphore(self._max)
        gate = self._gates[name] = Gate(
            name,
            permits=self._permits.get(name, self._per_provider),
            total=self._total,
            limit=self._limits.get(name, RateLimit()),
            clock=self._clock,
            call_later=asyncio.get_running_loop().call_later,
        )
        return gate
