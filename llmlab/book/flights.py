"""
Keys in flight in this process, so that a question is sent once at a time.

In: a key. Out: the right to send it, or the result of the caller that has it in flight. Works
across threads, event loops, and labs that share the book.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_CHECK_S: Final = 1.0
"""Seconds between checks whether the loop of the flight still runs."""


class Flight:
    """One key in flight: its loop, and the futures of those who wait for its result."""

    __slots__ = ("loop", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting: list[asyncio.Future[Any]] = []


class Flights:
    """The keys in flight: `take` a key, do the work, and `land` it with the result."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, Flight] = {}
        self._runs = 0

    def take(self, key: str) -> bool:
        """Return whether the caller now has *key*; then it must `land` it."""
        flight = Flight(asyncio.get_running_loop())
        # One dictionary operation, which needs no lock: every call does this.
        return self._flights.setdefault(key, flight) is flight

    def land(self, key: str, result: Any) -> None:
        """Release *key* and pass *result* to those who wait; None where there is none for them."""
        with self._lock:
            flight = self._flights.pop(key, None)
        if flight is not None and flight.waiting:
            _set_results(flight, result)

    async def landed(self, key: str, *, within: float | None = None) -> Any:
        """
        Wait until *key* lands; return its result, None if it is not in flight.

        Raises:
            TimeoutError: It has not landed after *within* seconds.
        """
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                return None
            future = asyncio.get_running_loop().create_future()
            flight.waiting.append(future)
        async with asyncio.timeout(within):
            while not future.done():
                # Not `wait_for`: `wait` does not cancel the future when it times out.
                await asyncio.wait([future], timeout=_CHECK_S)
                self._give_up_dead(key, flight)
        return future.result()

    @contextmanager
    def run(self) -> Iterator[None]:
        """Count a run while it sends: beside another one, its calls may be answered meanwhile."""
        with self._lock:
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1

    @property
    def several_runs(self) -> bool:
        """Whether more than one run is sending."""
        return self._runs > 1

    def _give_up_dead(self, key: str, flight: Flight) -> None:
        """Release a key whose loop has ended without landing it."""
        if flight.loop.is_running():
            return
        with self._lock:
            if self._flights.get(key) is not flight:
                return
            del self._flights[key]
        _set_results(flight, None)


def _set_results(flight: Flight, result: Any) -> None:
    for future in flight.waiting:
        loop = future.get_loop()
        try:
            loop.call_soon_threadsafe(_set, future, result)
        except RuntimeError:  # the loop is closed: nothing waits there any more
            continue


def _set(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.done():
        future.set_result(result)
