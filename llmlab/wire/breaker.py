"""Circuit breaker: stop calling a provider that keeps failing, then probe it with one call."""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from llmlab.errors import BreakerOpen, CallError, CutOff, TimedOut, Unavailable

State: TypeAlias = Literal["closed", "open", "half-open"]

_PROBE_S: Final = 0.25
"""Seconds until a call that waits for a probe asks again."""


class Breaker:
    """
    Opens after *failures* in a row, fails fast for *rest* seconds, then lets one probe through.

    Each failed probe doubles the rest, up to *longest*; an answer closes it. Only failures of
    the provider itself count (`Unavailable`, `TimedOut`, `CutOff`): a refused prompt says
    nothing about the next one. (Nygard, "Release It!", circuit breaker.)
    """

    def __init__(
        self,
        provider: str,
        *,
        failures: int = 8,
        rest: float = 5.0,
        longest: float = 60.0,
        clock: Callable[[], float],
    ) -> None:
        self._provider = provider
        self._limit = failures
        self._first_rest = self._rest = rest
        self._longest = longest
        self._clock = clock
        self._failed = 0
        self._opened: float | None = None
        self._down_since = 0.0
        self._probing = False

    @property
    def state(self) -> State:
        """Closed (calls go), open (calls fail fast) or half-open (one probe goes)."""
        if self._opened is None:
            return "closed"
        return "open" if self._clock() < self._opened + self._rest else "half-open"

    @property
    def down(self) -> float:
        """Seconds since it first opened, failed probes included; 0 while it is closed."""
        return 0.0 if self._opened is None else self._clock() - self._down_since

    def peek(self) -> None:
        """
        Check whether a call would pass now, without making it the probe.

        Raises:
            BreakerOpen: It is open, or a probe is under way; `retry_after` says when to ask again.
        """
        if self._opened is None:
            return
        left = self._opened + self._rest - self._clock()
        if left > 0 or self._probing:
            when = f"; tried again in {left:.0f} s" if left > 0 else "; a probe is under way"
            raise BreakerOpen(
                f"{self._provider} failed {self._failed} times in a row{when}",
                provider=self._provider,
                retry_after=left if left > 0 else _PROBE_S,
            )

    def check(self) -> None:
        """Let a call pass, as the probe when the rest is over; else raise as `peek` does."""
        self.peek()
        self._probing = self._opened is not None

    def succeeded(self) -> None:
        """Close: the provider answered."""
        self._failed, self._opened, self._probing = 0, None, False
        self._rest = self._first_rest

    def note(self, error: CallError) -> None:
        """Count a failure of the provider; a refusal closes it, for the provider is up."""
        if not isinstance(error, Unavailable | TimedOut | CutOff):
            self.succeeded()
            return
        self._failed += 1
        now = self._clock()
        if self._probing:
            self._opened, self._probing = now, False
            self._rest = min(self._longest, 2 * self._rest)
        elif self._opened is None and self._failed >= self._limit:
            self._opened = self._down_since = now

    def left(self) -> None:
        """Forget a probe that ended without a result, such as a cancelled call."""
        self._probing = False
