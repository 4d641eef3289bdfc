"""
Who is at work on which key in this process, so that a question is in flight once.

In: a key. Out: leave to work on it, or what whoever is at work comes to. Any thread, any event
loop, every lab that shares the book.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_GLANCE: Final = 1.0
"""Seconds between looks whether the loop of the one at work still runs."""


class Flight:
    """One key that is worked on: on which loop, and who waits for what comes of it."""

    __slots__ = ("loop", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting: list[asyncio.Future[Any]] = []


class Flights:
    """The keys that are worked on; `take` one, work, and `land` it, whatever came of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, Flight] = {}
        self._runs = 0

    def take(self, key: str) -> bool:
        """Say whether the caller may work on *key*; then it must `land` it."""
        flight = Flight(asyncio.get_running_loop())
        # One step of the dictionary, which needs no lock: every call comes by here.
        return self._flights.setdefault(key, flight) is flight

    def land(self, key: str, result: Any) -> None:
        """Let go of *key* and tell who waits: a result, or None where there is none for them."""
        with self._lock:
            flight = self._flights.pop(key, None)
        if flight is not None and flight.waiting:
            _tell(flight, result)

    async def landed(self, key: str, *, within: float | None = None) -> Any:
        """
        Wait for whoever works on *key*; return what they landed, None if nobody does.

        Raises:
            TimeoutError: They have not ended after *within* seconds.
        """
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                return None
            future = asyncio.get_running_loop().create_future()
            flight.waiting.append(future)
        async with asyncio.timeout(within):
            while not future.done():
                # Left undone at the end of the time, it is skipped by whoever lands.
                await asyncio.wait([future], timeout=_GLANCE)
                self._give_up_dead(key, flight)
        return future.result()

    @contextmanager
    def run(self) -> Iterator[None]:
        """Count a run while it sends: beside another, what it planned may be answered by now."""
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
        """Take the key of one whose loop has ended without landing it."""
        if flight.loop.is_running():
            return
        with self._lock:
            if self._flights.get(key) is not flight:
                return
            del self._flights[key]
        _tell(flight, None)


def _tell(flight: Flight, result: Any) -> None:
    for future in flight.waiting:
        loop = future.get_loop()
        try:
            loop.call_soon_threadsafe(_set, future, result)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            continue


def _set(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.done():
        future.set_result(result)
