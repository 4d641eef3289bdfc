"""How long to wait before trying again, and whether to."""

from typing import Final

from llmlab.errors import CallError

LONGEST_DEMAND: Final = 120.0
"""A provider that asks for a longer wait is not waited for (OpenAI SDK 3.x has the same rule)."""

_FIRST: Final = 0.5
_CAP: Final = 8.0


def wait_of(error: CallError, *, failed: int, jitter: float) -> float | None:
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
