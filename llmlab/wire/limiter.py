"""
Requests and tokens a minute, in a sliding window.

No more than `rpm` starts and `tpm` tokens in any window of 60 seconds, first come first
served. A grant costs O(1): what has left the window is dropped from the left, what starts is
added on the right. All of it runs on the engine's loop, which is what makes it safe; callers
on other threads come through the engine.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """A request that started: when, and the tokens it was let in with."""

    at: float
    tokens: float


class Limiter:
    """One provider's window; `acquire` returns the seconds it waited."""

    def __init__(
        self,
        *,
        rpm: float | None = None,
        tpm: float | None = None,
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._rpm = float("inf") if rpm is None else rpm
        self._tpm = float("inf") if tpm is None else tpm
        self._clock = clock
        self._call_later = call_later
        self._starts: deque[_Start] = deque()
        self._tokens = 0.0
        self._waiting: deque[tuple[asyncio.Future[_Start], float]] = deque()
        self._timer = False
        self._closed_until = 0.0
        self._waits, self._waited, self._peak = 0, 0.0, 0

    async def acquire(self, tokens: float = 0.0) -> float:
        """
        Wait for room for one request of *tokens* and take it; return the seconds waited.

        A request larger than the whole window is let through when the window is empty.
        """
        if not self._waiting and self._delay(self._clock(), tokens) <= 0.0:
            self._take(self._clock(), tokens)
            return 0.0
        return await self._wait(tokens)

    def pause(self, seconds: float) -> None:
        """Start nothing for *seconds*: the provider's headers say that its window is used up."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    @property
    def stats(self) -> LimiterStats:
        """The window as it stands now."""
        self._forget(self._clock())
        return LimiterStats(
            waits=self._waits,
            waited_s=self._waited,
            peak_requests=self._peak,
            requests_in_window=len(self._starts),
            tokens_in_window=self._tokens,
            slots_free=self._rpm - len(self._starts),
            waiting=len(self._waiting),
        )

    async def _wait(self, tokens: float) -> float:
        start = self._clock()
        turn: asyncio.Future[_Start] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, tokens))
        self._waits += 1
        self._pump()
        try:
            await turn
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        finally:
            self._waited += self._clock() - start
        return self._clock() - start

    def _leave(self, turn: "asyncio.Future[_Start]") -> None:
        """Take a cancelled waiter out; a turn it was just given goes to the next (no hole)."""
        if turn.done() and not turn.cancelled():
            start = turn.result()
            self._starts.remove(start)
            self._tokens -= start.tokens
        else:
            self._waiting = deque(each for each in self._waiting if each[0] is not turn)
        self._pump()

    def _pump(self) -> None:
        """Give turns from the front while there is room; else come back when there is."""
        while self._waiting:
            turn, tokens = self._waiting[0]
            now = self._clock()
            delay = self._delay(now, tokens)
            if delay > 0.0:
                self._come_back(delay)
                return
            self._waiting.popleft()
            if not turn.done():
                turn.set_result(self._take(now, tokens))

    def _come_back(self, delay: float) -> None:
        if not self._timer:
            self._timer = True
            self._call_later(delay, self._rang)

    def _rang(self) -> None:
        self._timer = False
        self._pump()

    def _take(self, now: float, tokens: float) -> "_Start":
        start = _Start(at=now, tokens=tokens)
        self._starts.append(start)
        self._tokens += tokens
        self._peak = max(self._peak, len(self._starts))
        return start

    def _forget(self, now: float) -> None:
        # The same sum as in `_delay`: `now - WINDOW` rounds otherwise, and a start would count as
        # still there when its time is up, for every waiter at once.
        while self._starts and self._starts[0].at + WINDOW <= now:
            self._tokens -= self._starts.popleft().tokens

    def _delay(self, now: float, tokens: float) -> float:
        """Seconds until a request of *tokens* has room; 0 when it has it now."""
        self._forget(now)
        if now < self._closed_until:
            return self._closed_until - now
        if not self._starts:
            return 0.0
        if len(self._starts) + 1 > self._rpm or self._tokens + tokens > self._tpm:
            return self._starts[0].at + WINDOW - now
        return 0.0
