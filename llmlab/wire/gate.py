"""What a call must pass before it is sent: breaker, permits, rate limit."""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from llmlab.errors import BreakerOpen, CallError, Throttled
from llmlab.providers.rate_headers import room_of
from llmlab.settings import RateLimit
from llmlab.wire.breaker import Breaker, State
from llmlab.wire.limiter import WINDOW, Limiter, LimiterStats, Start
from llmlab.wire.permits import Permits, is_crowded
from llmlab.wire.retry import RetryBudget

MARGIN: Final = 0.5
"""Seconds by which llmlab's window is longer than the provider's; see `Limiter`."""

_REMAINING: Final = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-tokens-remaining"),
)
_AMPLE: Final = 4
"""Rate windows with room for this many times the permits are not checked on each reply."""

_DEFAULT_RESET_S: Final = 1.0
"""Seconds to wait where a reply names neither a reset nor a limit."""

_TYPICAL_TOKENS: Final = 1000.0
"""Tokens assumed for a call whose count is not given."""
_COUNT: Final = re.compile(r"[0-9]{1,15}")
_TOKENS: Final = ("tokens", "input-tokens", "output-tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """A snapshot of one gate."""

    provider: str
    breaker: State
    in_flight: int
    permits: int
    limiter: LimiterStats
    retries_left: float = 0.0
    narrow: tuple[tuple[str, int], ...] = ()
    """Calls let in at once, of each model whose bare 429s narrowed it."""


class Gate:
    """One provider's gate; `total` is the semaphore that all providers share."""

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
        self.permits = Permits(permits, total)
        self._look_again = 0

    def passed(self, tokens: float = 0.0, model: str = "") -> "GatePass":
        """
        Hold a permit of this provider and one of the total while the body runs.

        A call that waits for its next attempt holds no permit. The wait for the rate limit comes
        before the total's permit: a provider with a low limit does not block the others.
        """
        return GatePass(self, tokens, model)

    async def enter(self, tokens: float, model: str = "") -> Start:
        """Wait until a call may be sent, without a task switch where it may now; then `leave`."""
        self.breaker.peek()
        permits = self.permits
        await permits.own.acquire()
        width = permits.widths[model]
        if width.held >= width.now:
            await permits.turn(width)
        width.held += 1
        try:
            start = await self.limiter.enter(tokens)
            try:
                await permits.total.acquire()
            except BaseException:
                self.limiter.give_back(start)
                raise
        except BaseException:
            permits.own.release()
            width.land(flown=False)
            raise
        permits.in_flight += 1
        width.flying += 1
        try:
            # Checked again: it may have opened while this call waited.
            self.breaker.check()
        except BreakerOpen:
            self.limiter.give_back(start)
            self.leave(model)
            raise
        return start

    def leave(self, model: str = "") -> None:
        """Give both permits back."""
        self.permits.give_back(model)

    def heard(self, start: Start, headers: Mapping[str, str], now: float) -> None:
        """
        Slow down by the reply's rate headers, before a 429 comes (R-26).

        Args:
            start: The start that was answered.
            headers: The reply's headers; `get` takes lower-case names.
            now: Unix time, for a reset that is a date.
        """
        if start.number < self._look_again:
            return
        if self._has_plenty(start, headers):
            # So much is left that the replies to the calls in flight need no check, either.
            self._look_again = start.number + self.permits.most
            return
        room = room_of(headers, "requests", now=now)
        if room.remaining is not None:
            reset = room.reset
            if reset is None:
                # xAI names no reset: wait for one request's share of the window.
                reset = WINDOW / room.limit if room.limit else _DEFAULT_RESET_S
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
        Return, quickly, whether there are no rate headers or far more room than needed.

        It saves parsing a dozen headers of most replies.
        """
        many = _AMPLE * self.permits.most
        for requests, tokens in _REMAINING:
            left, rest = headers.get(requests), headers.get(tokens)
            if left is not None or rest is not None:
                return (
                    not self.limiter.told
                    and _above(left, many)
                    and _above(rest, many * max(start.tokens, _TYPICAL_TOKENS))
                )
        return True

    def failed(self, error: CallError, model: str = "") -> None:
        """Count a failure for the breaker; a 429 holds everyone, or narrows its model's width."""
        self.breaker.note(error)
        if is_crowded(error):
            self.permits.widths[model].refused()
        elif isinstance(error, Throttled) and error.retryable and error.retry_after:
            self.limiter.pause(error.retry_after)

    def succeeded(self, model: str = "") -> None:
        """Count an answer: the provider is well, and may take more at once."""
        self.breaker.succeeded()
        self.permits.widths[model].answered()

    @property
    def state(self) -> GateState:
        """A snapshot of the gate."""
        return GateState(
            provider=self.provider,
            breaker=self.breaker.state,
            in_flight=self.permits.in_flight,
            permits=self.permits.most,
            limiter=self.limiter.stats,
            retries_left=self.retries.left,
            narrow=tuple(self.permits.widths.narrow.items()),
        )


def _above(said: str | None, most: float) -> bool:
    """Return whether a header is a number above *most*; False where it is absent or no number."""
    return said is not None and _COUNT.fullmatch(said) is not None and int(said) > most


class GatePass:
    """One call's passage of a gate, for `async with`; cheaper than a generator, made per call."""

    __slots__ = ("_gate", "_model", "_tokens")

    def __init__(self, gate: Gate, tokens: float, model: str) -> None:
        self._gate = gate
        self._tokens = tokens
        self._model = model

    async def __aenter__(self) -> Start:
        return await self._gate.enter(self._tokens, self._model)

    async def __aexit__(self, *_: object) -> None:
        self._gate.leave(self._model)


class Gates:
    """The gates of a lab by name, each made when first needed, on the engine's loop."""

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
        """Snapshots of every gate that was used."""
        return tuple(gate.state for gate in self._gates.values())

    def held(self) -> dict[str, float]:
        """Return the seconds for which a 429 or rate headers hold calls, by name of held gates."""
        held = {name: gate.limiter.held() for name, gate in list(self._gates.items())}
        return {name: seconds for name, seconds in held.items() if seconds > 0.0}

    def narrow(self, names: Collection[str]) -> dict[str, int]:
        """Return how many calls are let in at once, by model of *names*, where 429s narrowed it."""
        return {
            f"{name}/{model}": width
            for name, gate in list(self._gates.items())
            if name in names
            for model, width in gate.permits.widths.narrow.items()
        }

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
