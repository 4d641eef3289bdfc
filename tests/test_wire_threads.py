"""The limiter is safe when tasks and threads come through the engine at once. # R-23."""

import threading
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.wire.engine import Engine
from llmlab.wire.limiter import WINDOW, Limiter


class Hall:
    """A limiter on an engine, on fake time that moves a window at a time."""

    def __init__(self, rpm: int) -> None:
        self.engine = Engine()
        self.now = 0.0
        self._timers: list[Callable[[], None]] = []
        self.limiter = Limiter(
            rpm=rpm,
            margin=0.0,
            clock=lambda: self.now,
            call_later=lambda _, call: self._timers.append(call),
        )
        self.starts: list[float] = []

    async def _enter(self) -> None:
        self.starts.append((await self.limiter.enter()).at)

    def storm(self, threads: int, each: int) -> None:
        """Let *threads* threads come with *each* calls, all at once."""
        futures: list[object] = []
        barrier = threading.Barrier(threads)

        def come() -> None:
            barrier.wait()
            futures.extend([self.engine.submit(self._enter()) for _ in range(each)])

        running = [threading.Thread(target=come) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    async def _turn(self) -> None:
        """Move to the next window and ring what waits for it."""
        self.now += WINDOW
        timers, self._timers = self._timers, []
        for call in timers:
            call()

    async def _settled(self) -> int:
        return self.limiter.stats.waiting

    def drain(self) -> None:
        """Move on until nobody waits; each look runs after all that was submitted before it."""
        while self.engine.run(self._settled()):
            self.engine.run(self._turn())
        self.engine.run(self._settled())


@settings(max_examples=25)
@given(rpm=st.integers(1, 9), threads=st.integers(1, 6), each=st.integers(1, 12))
def test_threads_and_tasks_never_start_more_than_allowed(rpm: int, threads: int, each: int) -> None:
    """However many come at once, each window has at most `rpm` starts, and everyone starts."""
    hall = Hall(rpm)
    try:
        hall.storm(threads, each)
        hall.drain()
    finally:
        hall.engine.close()

    assert len(hall.starts) == threads * each
    assert max(Counter(hall.starts).values()) <= rpm
    assert hall.limiter.stats.waiting == 0
