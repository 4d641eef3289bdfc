"""
Rate limiter: requests and tokens a minute, in a sliding window.

No more than `rpm` starts and `tpm` tokens in any window of 60 seconds, first come first
served. A grant costs O(1): starts that left the window are dropped from the left, new ones are
added on the right. What the provider's rate headers say is left also limits, so a window that
other clients use too is not overrun. It is not thread-safe: it runs on the engine's loop, and
callers on other threads come through the engine.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from llmlab.wire.retry import LONGEST_DEMAND

WINDOW: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterStats:
    """What the limiter did so far (R-24)."""

    waits: int
    waited_s: float
    peak_requests: int
    requests_in_window: int
    tokens_in_window: float
    slots_free: float
    waiting: int
    paused_s: float = 0.0
    """Seconds for which nothing starts, because of a 429 or of rate headers."""
    paused_by: str = ""
    """What holds it, as `Limiter.held_by`."""


@dataclass(slots=True, eq=False, kw_only=True)
class Start:
    """A request that started: when, its number, and the tokens it counts as."""

    at: float
    tokens: float
    number: int
    sum_tokens: float
    """Cumulative tokens of all starts so far, this one included."""
    waited: float = 0.0


@dataclass(slots=True, kw_only=True)
class _RateHeaders:
    """What the rate headers of the latest reply say is left, until the window resets."""

    left: float = inf
    until: float = 0.0
    by: int = -1
    """The number of the start whose reply it was."""

    def delay(self, now: float, wanted: float) -> float:
        return self.until - now if self.left < wanted and now < self.until else 0.0


class Limiter:
    """
    One provider's rate limiter.

    Args:
        rpm: Requests a minute; None does not limit.
        tpm: Tokens a minute; None does not limit.
        margin: Seconds added to the window. The provider's clock starts when a request
            arrives, ours when it leaves: without a margin a fast request after a slow one
            lands in the same window there.
        clock: A monotonic clock, in seconds.
        call_later: As the event loop's method.
    """

    def __init__(
        self,
        *,
        rpm: float | None = None,
        tpm: float | None = None,
        margin: float = 0.0,
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._rpm = inf if rpm is None else rpm
        self._tpm = inf if tpm is None else tpm
        self._window = WINDOW + margin
        self._clock = clock
        self._call_later = call_later
        self._starts: deque[Start] = deque()
        self._tokens = 0.0
        self._number = 0
        self._sum_tokens = 0.0
        self._waiting: deque[tuple[asyncio.Future[Start], float]] = deque()
        self._timer_at = inf
        self._closed_until = 0.0
        self._requests_told, self._tokens_told = _RateHeaders(), _RateHeaders()
        self._waits, self._waited, self._peak = 0, 0.0, 0

    async def acquire(self, tokens: float = 0.0) -> float:
        """As `enter`, but return the seconds waited (R-23)."""
        return (await self.enter(tokens)).waited

    async def enter(self, tokens: float = 0.0) -> Start:
        """
        Wait until one request of *tokens* fits the window, and count it.

        A request larger than the whole window is let through when the window is empty.
        """
        if not self._waiting:
            now = self._clock()
            if self._delay(now, tokens) <= 0.0:
                return self._take(now, tokens)
        return await self._wait(tokens)

    def correct(self, start: Start, tokens: float) -> None:
        """Replace the estimated tokens of *start* by those it really used."""
        if tokens != start.tokens:
            if self._starts and self._starts[0].number <= start.number:
                self._tokens += tokens - start.tokens
            start.tokens = tokens
            self._pump()

    def give_back(self, start: Start) -> None:
        """Remove a start that was not sent after all."""
        if self._starts and self._starts[0].number <= start.number:
            self._starts.remove(start)
            self._tokens -= start.tokens
        self._requests_told.left += 1
        self._tokens_told.left += start.tokens
        self._pump()

    def pause(self, seconds: float) -> None:
        """Start nothing for *seconds*, at most `LONGEST_DEMAND`: a 429 asked for it."""
        self._closed_until = max(self._closed_until, self._clock() + _held_for(seconds))

    def held(self, tokens: float = 1.0) -> float:
        """Return the seconds until a 429 or rate headers let a call of *tokens* start; 0 if now."""
        return max(0.0, self._closed_until - self._clock(), self._too_little_left(tokens))

    @property
    def held_by(self) -> str:
        """Say what holds the provider now: a 429, or rate headers."""
        left = self._too_little_left(1.0)
        if self._closed_until - self._clock() > left:
            return "a 429"
        return "its headers" if left else ""

    @property
    def asked_to_wait(self) -> float:
        """Seconds left of the wait that a 429 asked for."""
        return max(0.0, self._closed_until - self._clock())

    @property
    def told(self) -> bool:
        """Whether rate headers limit starts now."""
        now = self._clock()
        return now < self._requests_told.until or now < self._tokens_told.until

    def told_requests(self, start: Start, left: float, reset: float) -> None:
        """
        Take the rate headers of the reply to *start*: *left* requests for the next *reset* seconds.

        Requests that started since may not be counted in *left* yet, so they are subtracted.
        Replies to earlier starts than the latest one are ignored.
        """
        self._take_headers(
            self._requests_told, start, left - (self._number - start.number - 1), reset
        )

    def told_tokens(self, start: Start, left: float, reset: float) -> None:
        """Take the rate headers for tokens; see `told_requests`."""
        self._take_headers(
            self._tokens_told, start, left - (self._sum_tokens - start.sum_tokens), reset
        )

    @property
    def stats(self) -> LimiterStats:
        """A snapshot of the limiter."""
        self._forget(self._clock())
        return LimiterStats(
            waits=self._waits,
            waited_s=self._waited,
            peak_requests=self._peak,
            requests_in_window=len(self._starts),
            tokens_in_window=self._tokens,
            slots_free=self._rpm - len(self._starts),
            waiting=len(self._waiting),
            paused_s=self.held(),
            paused_by=self.held_by,
        )

    def _too_little_left(self, tokens: float) -> float:
        """Seconds for which rate headers leave no room for a request of *tokens*."""
        now = self._clock()
        return max(self._requests_told.delay(now, 1.0), self._tokens_told.delay(now, tokens))

    def _take_headers(self, told: _RateHeaders, start: Start, left: float, reset: float) -> None:
        if start.number < told.by:
            return
        told.left, told.until, told.by = left, self._clock() + _held_for(reset), start.number
        self._pump()

    async def _wait(self, tokens: float) -> Start:
        began = self._clock()
        turn: asyncio.Future[Start] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, tokens))
        self._waits += 1
        self._pump()
        try:
            start = await turn
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        finally:
            self._waited += self._clock() - began
        start.waited = self._clock() - began
        return start

    def _leave(self, turn: "asyncio.Future[Start]") -> None:
        """Remove a cancelled waiter; a turn it was just given goes to the next one."""
        if turn.done() and not turn.cancelled():
            self.give_back(turn.result())
            return
        self._waiting = deque(each for each in self._waiting if each[0] is not turn)
        self._pump()

    def _pump(self) -> None:
        """Give turns from the front while there is room; else set a timer for when there is."""
        while self._waiting:
            turn, tokens = self._waiting[0]
            now = self._clock()
            delay = self._delay(now, tokens)
            if delay > 0.0:
                self._set_timer(now, delay)
                return
            self._waiting.popleft()
            if not turn.done():
                turn.set_result(self._take(now, tokens))

    def _set_timer(self, now: float, delay: float) -> None:
        # A turn can become possible earlier than expected, when tokens are given back or rate
        # headers say that there is room: then the earlier timer serves it, the later finds nothing.
        if now + delay < self._timer_at:
            self._timer_at = now + delay
            self._call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer_at = inf
        self._pump()

    def _take(self, now: float, tokens: float) -> Start:
        self._sum_tokens += tokens
        start = Start(at=now, tokens=tokens, number=self._number, sum_tokens=self._sum_tokens)
        self._number += 1
        self._starts.append(start)
        self._tokens += tokens
        self._requests_told.left -= 1
        self._tokens_told.left -= tokens
        self._peak = max(self._peak, len(self._starts))
        return start

    def _forget(self, now: float) -> None:
        # The same sum as in `_delay`: `now - window` rounds differently, and a start would still
        # count when its time is up, for every waiter.
        while self._starts and self._starts[0].at + self._window <= now:
            self._tokens -= self._starts.popleft().tokens

    def _delay(self, now: float, tokens: float) -> float:
        """Seconds until a request of *tokens* has room; 0 when it has it now."""
        self._forget(now)
        if now < self._closed_until:
            return self._closed_until - now
        told = 0.0
        if now < self._requests_told.until or now < self._tokens_told.until:
            told = max(self._requests_told.delay(now, 1.0), self._tokens_told.delay(now, tokens))
        if not self._starts:
            return told
        if len(self._starts) + 1 > self._rpm or self._tokens + tokens > self._tpm:
            return max(told, self._starts[0].at + self._window - now)
        return told


def _held_for(seconds: float) -> float:
    """Cap a wait from rate headers: no longer than a 429 may ask for."""
    return min(seconds, LONGEST_DEMAND) if seconds > 0.0 else 0.0
