"""What a call must pass before it is sent: breaker, permits, rate limit."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from llmlab.errors import BreakerOpen, CallError, Throttled
from llmlab.providers.rate_headers import room_of
from llmlab.settings import RateLimit
from llmlab.wire.breaker import Breaker, State
from llmlab.wire.limiter import WINDOW, Limiter, LimiterStats, Start
from llmlab.wire.retry import RetryBudget

MARGIN: Final = 0.5
"""Seconds by which our window is longer than the provider's; see `Limiter`."""

_LEFT: Final = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-tokens-remaining"),
)
_PLENTY: Final = 4
"""Windows with room for four times all that can be in flight are not watched closely."""

_A_MOMENT: Final = 1.0
"""Seconds until there is room again, where a reply has neither a reset nor a limit to say it."""

_PROMPT: Final = 1000.0
"""Tokens that a call may well have, where nobody said how many."""
_COUNT: Final = re.compile(r"[0-9]{1,15}")
_TOKENS: Final = ("tokens", "input-tokens", "output-tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """A gate to look at."""

    provider: str
    breaker: State
    in_flight: int
    permits: int
    limiter: LimiterStats
    retries_left: float = 0.0


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
        margin: float = MARGIN,
    ) -> None:
        self.provider = provider
        self.breaker = Breaker(provider, clock=clock)
        self.retries = RetryBudget(clock=clock)
        self.limiter = Limiter(
            rpm=limit.rpm, tpm=limit.tpm, margin=margin, clock=clock, call_later=call_later
        )
        self._own = asyncio.Semaphore(permits)
        self._total = total
        self._permits = permits
        self._in_flight = 0
        self._look_again = 0

    def passed(self, tokens: float = 0.0) -> "GatePass":
        """
        Hold a permit of this provider and one of the total while the body runs.

        A call that waits for its next attempt is outside, so it holds no permit. The wait for
        the rate limit comes before the permits of the total: a provider that is slow by its
        own limit does not keep the others from sending.
        """
        return GatePass(self, tokens)

    async def enter(self, tokens: float) -> Start:
        """Wait until a call may be sent, without a task switch where it may now; then `leave`."""
        self.breaker.peek()
        await self._own.acquire()
        try:
            start = await self.limiter.enter(tokens)
            try:
                await self._total.acquire()
            except BaseException:
                self.limiter.give_back(start)
                raise
        except BaseException:
            self._own.release()
            raise
        self._in_flight += 1
        try:
            # Asked again: it may have opened while this call stood in line.
            self.breaker.check()
        except BreakerOpen:
            self.limiter.give_back(start)
            self.leave()
            raise
        return start

    def leave(self) -> None:
        """Give both permits back."""
        self._in_flight -= 1
        self._total.release()
        self._own.release()

    def heard(self, start: Start, headers: Mapping[str, str], now: float) -> None:
        """
        Slow down by what the reply's headers say is left, before a 429 says it (R-26).

        Args:
            start: The start that was answered.
            headers: The reply's, with a `get` that knows lower-case names.
            now: Unix time, for a reset that is a date.
        """
        if start.number < self._look_again:
            return
        if self._has_plenty(start, headers):
            # So much is left that the replies to all that is in flight need no look, either.
            self._look_again = start.number + self._permits
            return
        room = room_of(headers, "requests", now=now)
        if room.remaining is not None:
            reset = room.reset
            if reset is None:
                # xAI names no reset: then one request's share of the window is waited.
                reset = WINDOW / room.limit if room.limit else _A_MOMENT
            self.limiter.told_requests(start, room.remaining, reset)
        rooms = [room_of(headers, kind, now=now) for kind in _TOKENS]
        left = [
            (each.remaining, each.reset)
            for each in rooms
            if each.remaining is not None and each.reset is not None
        ]
        if left:
            self.limiter.told_tokens(start, *min(left))

    def _has_plenty(self, start: Start, headers: Mapping[str, str]) -> bool:
        """
        Say at a glance that there is nothing to heed: no such headers, or a window far from used.

        It saves reading a dozen headers on each of the many replies that say so.
        """
        many = _PLENTY * self._permits
        for requests, tokens in _LEFT:
            left, rest = headers.get(requests), headers.get(tokens)
            if left is not None or rest is not None:
                return (
                    not self.limiter.told
                    and _above(left, many)
                    and _above(rest, many * max(start.tokens, _PROMPT))
                )
        return True

    def failed(self, error: CallError) -> None:
        """Count a failure for the breaker; a wait that a 429 asks for holds everyone."""
        self.breaker.note(error)
        if isinstance(error, Throttled) and error.retryable and error.retry_after:
            self.limiter.pause(error.retry_after)

    @property
    def state(self) -> GateState:
        """The gate as it stands now."""
        return GateState(
            provider=self.provider,
            breaker=self.breaker.state,
            in_flight=self._in_flight,
            permits=self._permits,
            limiter=self.limiter.stats,
            retries_left=self.retries.left,
        )


def _above(said: str | None, most: float) -> bool:
    """Say whether a header says a number above *most*; what is not said or none needs a look."""
    return said is not None and _COUNT.fullmatch(said) is not None and int(said) > most


class GatePass:
    """One call's way through a gate, for `async with`; leaner than a generator, made per call."""

    __slots__ = ("_gate", "_tokens")

    def __init__(self, gate: Gate, tokens: float) -> None:
        self._gate = gate
        self._tokens = tokens

    async def __aenter__(self) -> Start:
        return await self._gate.enter(self._tokens)

    async def __aexit__(self, *_: object) -> None:
        self._gate.leave()


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
        call_later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self._call_later = call_later
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

    def held(self) -> dict[str, float]:
        """Return the seconds for which a provider's word holds its calls, where one does."""
        held = {name: gate.limiter.held() for name, gate in list(self._gates.items())}
        return {name: seconds for name, seconds in held.items() if seconds > 0.0}

    def _make(self, name: str) -> Gate:
        if self._total is None:
            self._total = asyncio.Semaphore(self._max)
        gate = self._gates[name] = Gate(
            name,
            permits=self._permits.get(name, self._per_provider),
            total=self._total,
            limit=self._limits.get(name, RateLimit()),
            clock=self._clock,
            call_later=self._call_later or asyncio.get_running_loop().call_later,
        )
        return gate
