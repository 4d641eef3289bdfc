"""Retry policy: whether to retry a failed attempt, and after how many seconds."""

from llmlab.errors import BreakerOpen, CallError
from llmlab.wire.breaker import Breaker
from llmlab.wire.permits import is_crowded
from llmlab.wire.retry import LONGEST_DEMAND, RetryBudget, backoff


def next_wait(
    error: CallError, *, failed: int, left: float, jitter: float, retries: RetryBudget
) -> tuple[float | None, str]:
    """
    Return the seconds to wait after *failed* attempts; or None, and why there is no retry.

    Args:
        error: How the last attempt failed.
        failed: How many attempts there were.
        left: Seconds until the deadline.
        jitter: Uniform in [0, 1).
        retries: The provider's retry budget; one is taken when the wait is llmlab's own backoff.
            A wait that the provider states takes none.
    """
    wait = backoff(error, failed=failed, jitter=jitter)
    asked = error.retry_after if error.retryable else None
    if wait is None:
        why = "" if asked is None else _too_long(asked, "llmlab waits at most", LONGEST_DEMAND)
        return None, why
    if wait >= left:
        if asked is None:
            return None, "the deadline is over"
        return None, _too_long(asked, "the deadline leaves", max(0.0, left))
    # A bare 429 has narrowed the gate, which is its ration.
    if asked is None and not is_crowded(error) and not retries.spend():
        return None, f"too many retries at {error.provider} just now"
    return wait, ""


def until_probe(
    error: BreakerOpen, breaker: Breaker, *, left: float, deadline: float
) -> float | None:
    """
    Return the seconds until an open breaker may let a call through; None when that is too late.

    Calls wait while the provider has been down for less than the deadline: otherwise a short
    outage would fail the rest of a run at once.
    """
    wait = error.retry_after or 0.0
    over = breaker.down + wait >= deadline or wait >= left
    return None if over else wait


def _too_long(asked: float, what: str, most: float) -> str:
    return f"the server asked for {asked:.3g} s; {what} {most:.3g} s"
