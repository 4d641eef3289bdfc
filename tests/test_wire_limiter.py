"""Never more than allowed in any window, first come first served, no holes. # R-23, R-24."""

import asyncio
import heapq
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.wire.limiter import WINDOW, Limiter, Start


class Bench:
    """A limiter on fake time: `run` moves the clock from timer to timer."""

    def __init__(
        self, *, rpm: float | None = None, tpm: float | None = None, margin: float = 0.0
    ) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self.limiter = Limiter(
            rpm=rpm, tpm=tpm, margin=margin, clock=lambda: self.now, call_later=self._later
        )
        self.starts: list[tuple[int, float]] = []

    def _later(self, delay: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now + delay, len(self._timers), call))

    async def enter(self, name: int, tokens: float = 0.0) -> float:
        """Enter and note when the turn was given; this coroutine may hear of it later."""
        start = await self.limiter.enter(tokens)
        self.starts.append((name, start.at))
        return start.waited

    async def run(self) -> None:
        """Let everything that can happen happen, timer after timer."""
        while True:
            for _ in range(5):
                await asyncio.sleep(0)
            if not self._timers:
                return
            due, _, call = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            call()


@settings(max_examples=60)
@given(
    rpm=st.integers(1, 6),
    arrivals=st.lists(st.floats(0, 40), min_size=1, max_size=40),
)
async def test_no_window_holds_more_than_allowed(rpm: int, arrivals: list[float]) -> None:
    """Whenever calls arrive, any window of 60 s has at most `rpm` starts, in order of arrival."""
    bench = Bench(rpm=rpm)
    tasks = []
    for name, gap in enumerate(arrivals):
        bench.now += gap / 10
        tasks.append(asyncio.create_task(bench.enter(name)))
        await asyncio.sleep(0)
    await bench.run()

    times = [at for _, at in bench.starts]
    assert [name for name, _ in bench.starts] == list(range(len(arrivals)))
    for first, last in zip(times, times[rpm:], strict=False):
        assert last - first >= WINDOW - 1e-9


@settings(max_examples=60)
@given(sizes=st.lists(st.floats(1, 50), min_size=1, max_size=30))
async def test_tokens_are_limited_too(sizes: list[float]) -> None:
    """Tokens in any window stay within `tpm`; one too large for the window goes alone."""
    bench = Bench(tpm=60)
    for name, tokens in enumerate(sizes):
        asyncio.create_task(bench.enter(name, tokens))  # noqa: RUF006 - bench.run ends them all
    await bench.run()

    at = dict(bench.starts)
    for end in at.values():
        inside = [sizes[name] for name, start in at.items() if end - WINDOW < start <= end]
        assert sum(inside) <= 60 + 1e-6 or len(inside) == 1


@settings(max_examples=60)
@given(cancelled=st.sets(st.integers(0, 19)))
async def test_a_cancelled_waiter_leaves_no_hole(cancelled: set[int]) -> None:
    """Whoever leaves the line, the rest start as early as if it had never been there."""
    bench = Bench(rpm=2)
    tasks = [asyncio.create_task(bench.enter(name)) for name in range(20)]
    await asyncio.sleep(0)
    for name in cancelled:
        tasks[name].cancel()
    await bench.run()
    await asyncio.gather(*tasks, return_exceptions=True)

    started = [name for name, _ in bench.starts]
    waiting = [name for name in range(20) if name not in cancelled or name in started]
    assert started == waiting
    expected = [WINDOW * (place // 2) for place in range(len(started))]
    assert [at for _, at in bench.starts] == expected


async def test_acquire_returns_the_seconds_waited_and_counts_them() -> None:
    """The caller learns what it waited; the statistics add it up."""
    bench = Bench(rpm=1)
    first = asyncio.create_task(bench.enter(0))
    second = asyncio.create_task(bench.enter(1))
    await bench.run()

    assert (await first, await second) == (0.0, WINDOW)
    stats = bench.limiter.stats
    assert (stats.waits, stats.waited_s, stats.peak_requests) == (1, WINDOW, 1)


async def test_a_pause_holds_everyone() -> None:
    """A provider's headers that say 'used up' slow us before a 429 does. # R-26."""
    bench = Bench(rpm=100)
    bench.limiter.pause(7.0)
    waited = asyncio.create_task(bench.enter(0))
    await bench.run()

    assert await waited == 7.0


async def test_headers_slow_us_before_a_429() -> None:
    """After a reply that says two are left for 20 s, two more start and the third waits. # R-26."""
    bench = Bench(rpm=100)
    first = await bench.limiter.enter()
    bench.limiter.told_requests(first, 2, 20.0)
    for name in range(3):
        asyncio.create_task(bench.enter(name))  # noqa: RUF006 - bench.run ends them all
    await bench.run()

    assert bench.starts == [(0, 0.0), (1, 0.0), (2, 20.0)]


async def test_what_started_since_a_reply_is_taken_off() -> None:
    """The count in a header may not hold what was sent meanwhile: two were, so none is left."""
    bench = Bench(rpm=100)
    first = await bench.limiter.enter()
    await bench.limiter.enter()
    await bench.limiter.enter()
    bench.limiter.told_requests(first, 2, 5.0)
    asyncio.create_task(bench.enter(9))  # noqa: RUF006 - bench.run ends it
    await bench.run()

    assert bench.starts == [(9, 5.0)]


async def test_a_later_reply_lets_go_again() -> None:
    """A newer header that says there is room wakes those who wait; an older one says nothing."""
    bench = Bench(rpm=100)
    first, second = await bench.limiter.enter(), await bench.limiter.enter()
    bench.limiter.told_requests(second, 0, 50.0)
    waiting = asyncio.create_task(bench.enter(0))
    await asyncio.sleep(0)
    bench.limiter.told_requests(first, 90, 50.0)
    await asyncio.sleep(0)
    held = not waiting.done()
    bench.limiter.told_requests(second, 90, 50.0)
    await waiting

    assert held
    assert bench.starts == [(0, 0.0)]


async def test_tokens_are_corrected_by_what_was_used() -> None:
    """A call let in at 100 tokens that used 10 makes room for the next at once."""
    bench = Bench(tpm=100)
    start = await bench.limiter.enter(100)
    waiting = asyncio.create_task(bench.enter(1, 90))
    await asyncio.sleep(0)
    bench.limiter.correct(start, 10)

    assert await waiting == 0.0
    assert bench.limiter.stats.tokens_in_window == 100


@settings(max_examples=60)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["enter", "correct", "give back", "wait"]), st.floats(0, 80)),
        max_size=40,
    )
)
async def test_the_sum_of_tokens_is_always_that_of_the_window(
    steps: list[tuple[str, float]],
) -> None:
    """Whatever is corrected, given back or forgotten, the sum stays what the starts add up to."""
    bench = Bench(tpm=1000)
    started: list[Start] = []
    for step, number in steps:
        if step == "enter":
            started.append(await bench.limiter.enter(number))
        elif step == "wait":
            bench.now += number
        elif started and step == "correct":
            bench.limiter.correct(started[int(number) % len(started)], number)
        elif started:
            bench.limiter.give_back(started.pop(int(number) % len(started)))
        if sum(each.tokens for each in started) > 900:
            break

    stats = bench.limiter.stats
    inside = [each for each in started if each.at + WINDOW > bench.now]
    assert stats.requests_in_window == len(inside)
    assert abs(stats.tokens_in_window - sum(each.tokens for each in inside)) < 1e-6


async def test_the_margin_makes_the_window_longer() -> None:
    """The provider's clock starts when a request arrives: half a second keeps us behind it."""
    bench = Bench(rpm=1, margin=0.5)
    for name in range(3):
        asyncio.create_task(bench.enter(name))  # noqa: RUF006 - bench.run ends them all
    await bench.run()

    assert [at for _, at in bench.starts] == [0.0, 60.5, 121.0]
