"""Never more than allowed in any window, first come first served, no holes. # R-23, R-24."""

import asyncio
import heapq
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.wire.limiter import WINDOW, Limiter


class Bench:
    """A limiter on fake time: `run` moves the clock from timer to timer."""

    def __init__(self, *, rpm: float | None = None, tpm: float | None = None) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self.limiter = Limiter(rpm=rpm, tpm=tpm, clock=lambda: self.now, call_later=self._later)
        self.starts: list[tuple[int, float]] = []

    def _later(self, delay: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now + delay, len(self._timers), call))

    async def enter(self, name: int, tokens: float = 0.0) -> float:
        """Acquire and note when."""
        waited = await self.limiter.acquire(tokens)
        self.starts.append((name, self.now))
        return waited

    async def run(self) -> None:
        """Let everything that can happen happen, timer after timer."""
        while True:
            for _ in range(5):
                await asyncio.sleep(0)
            if not self._timers:
                return
            self.now, _, call = heapq.heappop(self._timers)
            call()


@settings(deadline=None, max_examples=60)
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


@settings(deadline=None, max_examples=60)
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


@settings(deadline=None, max_examples=60)
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
