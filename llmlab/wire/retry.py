"""Retry: backoff and retry budget."""

from collections.abc import Callable
from typing import Final

from llmlab.errors import CallError

LONGEST_DEMAND: Final = 120.0
"""Longest wait in seconds that a provider may ask for; beyond it the call fails (as in the
OpenAI SDK 3.x)."""

_FIRST: Final = 0.5
_CAP: Final = 8.0


def backoff(error: CallError, *, failed: int, jitter: float) -> float | None:
    """
    Return the seconds to wait after *failed* attempts, or None when waiting cannot help.

    The server's own wait (Retry-After) is respected; otherwise full jitter over a doubling range
    (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog 2015): *jitter* is
    uniform in [0, 1).
    """
    if not error.retryable:
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_DEMAND else None
    return jitter * min(_CAP, _FIRST * 2.0 ** (failed - 1))


class RetryBudget:
    """
    Retry budget of one provider: a share of the first attempts, plus a small burst.

    With it a failing provider gets at most `1 + share` times its usual load; three retries a
    call would make it four times (Finagle's RetryBudget; gRPC A6 "retry throttling"). The burst
    also refills with time, so that a single question after a quiet hour may be retried.
    """

    def __init__(
        self,
        *,
        share: float = 0.2,
        burst: float = 64.0,
        per_second: float = 0.5,
        clock: Callable[[], float],
    ) -> None:
        self._share = share
        self._burst = burst
        self._rate = per_second
        self._clock = clock
        self._left = burst
        self._at = clock()

    @property
    def left(self) -> float:
        """Number of retries that may be made now."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left

    def earn(self) -> None:
        """Count a first attempt."""
        self._left = min(self._burst, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry; False when none is left."""
        if self.left < 1.0:
            return False
        self._left -= 1.0
        return True
