"""Whether a failed attempt is followed by another one, and after how many seconds."""

from llmlab.errors import BreakerOpen, CallError
from llmlab.wire.breaker import Breaker
from llmlab.wire.retry import LONGEST_DEMAND, RetryBudget, backoff


def next_wait(
    error: CallError, *, failed: int, left: float, jitter: float, retries: RetryBudget
) -> tuple[float | None, str]:
    """
    Return the seconds to wait after *failed* attempts; or None, and why there is no other.

    Args:
        error: How the last attempt failed.
        failed: How many attempts there were.
        left: Seconds until the deadline.
        jitter: Uniform in [0, 1).
        retries: The provider's; one is taken when the wait is llmlab's own guess. A wait that
            the provider states is its own pace, so it is not rationed.
    """
    wait = backoff(error, failed=failed, jitter=jitter)
    asked = error.retry_after if error.retryable else None
    if wait is None:
        return None, "" if asked is None else _too_long(asked, LONGEST_DEMAND)
    if wait >= left:
        over = "the deadline is over" if asked is None else _too_long(asked, max(0.0, left))
        return None, over
    if asked is None and not retries.spend():
        return None, f"too many retries at {error.provider} just now"
    return wait, ""


def until_probe(
    error: BreakerOpen, breaker: Breaker, *, left: float, deadline: float
) -> float | None:
    """
    Return the seconds until an open breaker may let a call through, or None when it is too late.

    It is waited for while the provider is down for less than the deadline: else a hiccup
    would burn through the rest of a run in a moment.
    """
    wait = error.retry_after or 0.0
    over = breaker.down + wait >= deadline or wait >= left
    return None if over else wait


def _too_long(asked: float, most: float) -> str:
    return f"it asks to wait {asked:.3g} s, and {most:.3g} s is all there is"
