"""A queue of values from any thread to a coroutine on one event loop."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """
    A queue from any thread to the loop it was made on; iterate it there, once.

    Values that come in a burst are passed in one batch: the loop is woken once, and not again
    before the reader has run. So a piece of a stream costs an append, not a thread switch.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[T | None] = deque()
        self._arrived = asyncio.Event()
        self._woken = False

    def put(self, item: T) -> None:
        """Add *item*, from any thread; once the reader's loop is closed, nobody reads it."""
        self._put(item)

    def end(self) -> None:
        """End the iteration after the items put so far."""
        self._put(None)

    async def __aiter__(self) -> AsyncIterator[list[T]]:
        """Yield the items that came since the last time, in order."""
        while True:
            come = [self._items.popleft() for _ in range(len(self._items))]
            if items := [item for item in come if item is not None]:
                yield items
            if len(items) < len(come):
                return
            # In this order: an item put after the queue is read below wakes the loop again.
            self._woken = False
            self._arrived.clear()
            if not self._items:
                await self._arrived.wait()

    def _put(self, item: T | None) -> None:
        self._items.append(item)
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # the reader's loop is closed
                self._loop.call_soon_threadsafe(self._arrived.set)
