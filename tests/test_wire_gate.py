"""The door of a provider: what it hears, what it rations, who it holds back. # R-26, R-28, R-29."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from llmlab.errors import BreakerOpen, Refused, Throttled, Unavailable
from llmlab.settings import RateLimit
from llmlab.wire.gate import Gate
from llmlab.wire.retry import RetryBudget
from tests.conftest import Clock


def _gate(clock: Clock, *, permits: int = 4, total: int = 8) -> Gate:
    def later(delay: float, call: Callable[[], None]) -> None:
        """Time stands still here: a timer would never ring."""

    return Gate(
        "openai",
        permits=permits,
        total=asyncio.Semaphore(total),
        limit=RateLimit(),
        clock=clock,
        call_later=later,
    )


def _left(requests: int, tokens: int = 10**6) -> Mapping[str, str]:
    return {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": str(requests),
        "x-ratelimit-reset-requests": "12s",
        "x-ratelimit-limit-tokens": "1000000",
        "x-ratelimit-remaining-tokens": str(tokens),
        "x-ratelimit-reset-tokens": "6s",
    }


async def _waits(gate: Gate, tokens: float = 0.0) -> bool:
    """Say whether one more call has to wait."""
    task = asyncio.create_task(gate.limiter.enter(tokens))
    await asyncio.sleep(0)
    waits = not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return waits


@pytest.mark.parametrize(
    ("headers", "tokens", "waits"),
    [
        ({}, 0.0, False),
        (_left(499), 0.0, False),
        (_left(1), 0.0, False),
        (_left(0), 0.0, True),
        (_left(499, tokens=50), 40.0, False),
        (_left(499, tokens=50), 60.0, True),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-limit-requests": "60"}, 0.0, True),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2025-11-22T14:00:30Z",
            },
            0.0,
            True,
        ),
        (
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "30s"},
            10.0,
            True,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "4000",
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2025-11-22T14:00:30Z",
            },
            10.0,
            True,
        ),
        ({"x-ratelimit-remaining-requests": "²"}, 0.0, False),
        ({"x-ratelimit-remaining-requests": "9" * 5000}, 0.0, False),
    ],
    ids=[
        "silent",
        "plenty",
        "one",
        "none",
        "tokens",
        "too-few-tokens",
        "xai",
        "anthropic",
        "only-tokens",
        "only-input-tokens",
        "no-number",
        "too-long-a-number",
    ],
)
async def test_what_a_reply_says_is_left_is_heeded(
    clock: Clock, headers: Mapping[str, str], tokens: float, *, waits: bool
) -> None:
    """A reply with little left holds the next call back before a 429 does. # R-26."""
    gate = _gate(clock)
    async with gate.passed() as start:
        gate.heard(start, headers, now=1_763_820_000.0)

    assert await _waits(gate, tokens) == waits


_NONE_LEFT = {"x-ratelimit-remaining-requests": "0"}


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ({"x-ratelimit-reset-requests": "3600s"}, 120.0),
        ({"x-ratelimit-reset-requests": "1e300"}, 120.0),
        ({"x-ratelimit-limit-requests": "1"}, 60.0),
        ({"x-ratelimit-limit-requests": "0"}, 1.0),
        ({}, 1.0),
        ({"x-ratelimit-reset-requests": "-5"}, 1.0),
        ({"x-ratelimit-reset-requests": "nan"}, 1.0),
        ({"x-ratelimit-reset-requests": "inf"}, 1.0),
        ({"x-ratelimit-reset-requests": "2001-01-01T00:00:00Z"}, 0.0),
        ({"x-ratelimit-reset-requests": "9999-01-01T00:00:00Z"}, 120.0),
        ({"x-ratelimit-reset-requests": "30s", "x-ratelimit-remaining-tokens": "0",
          "x-ratelimit-reset-tokens": "999h"}, 120.0),
    ],
)  # fmt: skip
async def test_no_header_of_a_success_holds_longer_than_a_429_may(
    clock: Clock, said: Mapping[str, str], held: float
) -> None:
    """A reset that is far away, absent or no number is bounded, and shown like a pause."""
    gate = _gate(clock)
    async with gate.passed() as start:
        gate.heard(start, {**_NONE_LEFT, **said}, now=1_763_820_000.0)

    stats = gate.state.limiter
    assert gate.limiter.held() == stats.paused_s == held
    assert stats.paused_by == ("its headers" if held else "")
    clock.now += held
    assert gate.limiter.held() == 0.0
    assert not await _waits(gate)


async def test_a_call_is_held_by_what_it_takes(clock: Clock) -> None:
    """Fifty tokens left hold a call of sixty for as long as their reset, and none of forty."""
    gate = _gate(clock)
    async with gate.passed() as start:
        gate.heard(start, _left(499, tokens=50), now=0.0)

    assert (gate.limiter.held(60.0), gate.limiter.held(40.0), gate.limiter.held()) == (
        6.0,
        0.0,
        0.0,
    )


async def test_who_holds_a_provider_is_said(clock: Clock) -> None:
    """A 429 and a header may hold it at once: the longer one is named; both end by themselves."""
    gate = _gate(clock)
    async with gate.passed() as start:
        gate.heard(start, {**_NONE_LEFT, "x-ratelimit-reset-requests": "5s"}, now=0.0)
    gate.failed(Throttled("429", retry_after=9000.0))

    assert (gate.limiter.held(), gate.limiter.held_by) == (120.0, "a 429")
    clock.now += 120.0
    assert (gate.limiter.held(), gate.limiter.held_by) == (0.0, "")


async def test_a_429_holds_everyone(clock: Clock) -> None:
    """One call's `retry-after: 7` closes the door for 7 s; a refused prompt does not."""
    gate = _gate(clock)
    gate.failed(Refused("400"))
    before = await _waits(gate)
    gate.failed(Throttled("429", retry_after=7.0))

    assert not before
    assert await _waits(gate)
    clock.now += 7.0
    assert not await _waits(gate)


async def test_a_call_that_stood_in_line_asks_the_breaker_again(clock: Clock) -> None:
    """What queued before the breaker opened is not sent after, and takes no slot. # R-28."""
    gate = _gate(clock, permits=1)

    async def call() -> None:
        async with gate.passed():
            pass

    async with gate.passed():
        queued = asyncio.create_task(call())
        await asyncio.sleep(0)
        for _ in range(8):
            gate.failed(Unavailable("503"))

    with pytest.raises(BreakerOpen):
        await queued
    assert gate.state.limiter.requests_in_window == 1
    assert gate.state.in_flight == 0


async def test_permits_hold_per_provider_and_in_total(clock: Clock) -> None:
    """Never more than the permits at once. # R-29."""
    gate = _gate(clock, permits=3)
    most = 0

    async def call() -> None:
        nonlocal most
        async with gate.passed():
            most = max(most, gate.state.in_flight)
            await asyncio.sleep(0)

    await asyncio.gather(*(call() for _ in range(20)))

    assert most == 3


def test_retries_are_a_share_of_first_attempts(clock: Clock) -> None:
    """A burst of ten, then one for every five first attempts: load 1.2, not 4."""
    budget = RetryBudget(share=0.2, burst=10, per_second=0.0, clock=clock)
    retries = 0
    for _ in range(1000):
        budget.earn()
        while budget.spend():
            retries += 1

    assert retries == pytest.approx(10 + 200, abs=1)


def test_the_burst_comes_back_with_time(clock: Clock) -> None:
    """After a quiet while a question may be tried again."""
    budget = RetryBudget(burst=2, per_second=0.5, clock=clock)
    assert [budget.spend() for _ in range(3)] == [True, True, False]

    clock.now += 2.0

    assert [budget.spend() for _ in range(2)] == [True, False]
