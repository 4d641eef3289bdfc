"""Values from the engine's thread to a coroutine on another loop."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """
    A queue from any thread to the loop that it was made on; iterate it there, once.

    What comes in a burst is handed over in one go: the bell is rung once, and not again before
    the reader has heard it. So a piece of a stream costs an append, not a thread.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[T | None] = deque()
        self._bell = asyncio.Event()
        self._rung = False

    def put(self, item: T) -> None:
        """Hand over *item*, from any thread; a reader whose loop has closed misses nothing."""
        self._put(item)

    def end(self) -> None:
        """End the iteration after what was put so far."""
        self._put(None)

    async def __aiter__(self) -> AsyncIterator[list[T]]:
        """Yield what has come since the last time, in order."""
        while True:
            come = [self._items.popleft() for _ in range(len(self._items))]
            if items := [item for item in come if item is not None]:
                yield items
            if len(items) < len(come):
                return
            # In this order: what is put after the look below rings again.
            self._rung = False
            self._bell.clear()
            if not self._items:
                await self._bell.wait()

    def _put(self, item: T | None) -> None:
        self._items.append(item)
        if not self._rung:
            self._rung = True
            with suppress(RuntimeError):  # the reader's loop is closed: nobody listens
                self._loop.call_soon_threadsafe(self._bell.set)
