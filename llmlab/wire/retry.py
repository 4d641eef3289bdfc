"""How long to wait before trying again, and whether to."""

from collections.abc import Callable
from typing import Final

from llmlab.errors import CallError

LONGEST_DEMAND: Final = 120.0
"""A provider that asks for a longer wait is not waited for (OpenAI SDK 3.x has the same rule)."""

_FIRST: Final = 0.5
_CAP: Final = 8.0


def backoff(error: CallError, *, failed: int, jitter: float) -> float | None:
    """
    Return the seconds to wait after *failed* attempts, or None when waiting cannot help.

    The server's own wait is respected; otherwise full jitter over a doubling range
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
    Retries allowed at one provider: a share of the first attempts, beyond a small burst.

    With it a sick provider gets at most `1 + share` times its usual load, where three
    retries a call would make four times of it (Finagle's RetryBudget; gRPC A6 "retry
    throttling"). The burst also comes back with time, so that the odd question after a quiet
    hour may be tried again.
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
        """Retries that may be made now."""
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
