"""A provider that keeps failing is left alone, then tried with one call. # R-28."""

import pytest

from llmlab.errors import BreakerOpen, Refused, Throttled, Unavailable
from llmlab.wire.breaker import Breaker
from llmlab.wire.retry import backoff
from tests.conftest import Clock

DOWN = Unavailable("503")


def _opened(clock: Clock) -> Breaker:
    breaker = Breaker("openai", failures=3, rest=30.0, clock=clock)
    for _ in range(3):
        breaker.check()
        breaker.note(DOWN)
    return breaker


def test_it_opens_after_failures_in_a_row(clock: Clock) -> None:
    """The third failure in a row opens it, and the line says when it is tried again."""
    breaker = _opened(clock)

    assert breaker.state == "open"
    with pytest.raises(BreakerOpen, match="openai failed 3 times in a row; tried again in 30 s"):
        breaker.check()


def test_an_answer_or_a_refusal_in_between_starts_the_count_again(clock: Clock) -> None:
    """A refused prompt shows that the provider is there."""
    breaker = Breaker("openai", failures=2, clock=clock)
    for error in (DOWN, Refused("400"), DOWN, Throttled("429"), DOWN):
        breaker.note(error)

    assert breaker.state == "closed"


def test_one_probe_goes_and_decides(clock: Clock) -> None:
    """After the rest one call goes, the others wait for its verdict; a failed one doubles it."""
    breaker = _opened(clock)
    clock.now += 30.0
    breaker.check()
    with pytest.raises(BreakerOpen, match="a probe is under way"):
        breaker.check()
    breaker.note(DOWN)
    clock.now += 59.0
    assert (breaker.state, breaker.down) == ("open", 89.0)

    clock.now += 1.0
    breaker.check()
    breaker.succeeded()

    assert (breaker.state, breaker.down) == ("closed", 0.0)


def test_a_cancelled_probe_does_not_block_for_ever(clock: Clock) -> None:
    """A probe that ended without an answer lets the next one go."""
    breaker = _opened(clock)
    clock.now += 30.0
    breaker.check()
    breaker.left()

    breaker.check()


@pytest.mark.parametrize(
    ("error", "failed", "wait"),
    [
        (Unavailable("x"), 1, 0.25),
        (Unavailable("x"), 3, 1.0),
        (Unavailable("x"), 9, 4.0),
        (Throttled("x", retry_after=7.0), 1, 7.0),
        (Throttled("x", retry_after=500.0), 1, None),
        (Unavailable("x", retryable=False), 1, None),
        (Refused("x"), 1, None),
    ],
    ids=["first", "doubling", "capped", "told", "told-too-long", "told-not-to", "refused"],
)
def test_waits(error: Unavailable, failed: int, wait: float | None) -> None:
    """Full jitter over a doubling range; the server's wait is believed, within reason. # R-25."""
    assert backoff(error, failed=failed, jitter=0.5) == wait
