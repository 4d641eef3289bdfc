"""
Scheduler of questions to the copies of a model, by the longest cached prefix.

A copy answers one question at a time and caches what it has read. Reading is most of the work
of a one-word answer, so a free copy takes, of the waiting questions, the one of which it has
cached most and the other copies least: six arms that ask the same thing are read once, not six
times. No question is passed over for ever.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

REMEMBERED: Final = 8
"""Latest prompts of a copy that are compared: about as many as it keeps cached."""
PATIENCE: Final = 8
"""Number of later questions that may go first; then the oldest is next."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Copy:
    address: str
    read: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def knows(self, text: str) -> int:
        """Return the number of leading characters of *text* that were read before."""
        return max((shared(text, before) for before in self.read), default=0)

    def note(self, text: str) -> None:
        if text in self.read:
            self.read.remove(text)
        self.read.append(text)


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting:
    text: str
    turn: "asyncio.Future[_Copy]"
    passed: int = 0


class Turns:
    """Assigns questions to the copies at *addresses*, one at a time each; for one event loop."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._copies = [_Copy(address=address) for address in addresses]
        self._free = list(self._copies)
        self._line: list[_Waiting] = []

    @asynccontextmanager
    async def take(self, text: str) -> AsyncIterator[str]:
        """Wait for a copy for *text* and yield its address; it is free when the block ends."""
        waiting = _Waiting(text=text, turn=asyncio.get_running_loop().create_future())
        self._line.append(waiting)
        self._call()
        try:
            copy = await waiting.turn
            yield copy.address
        finally:
            self._leave(waiting)

    def _leave(self, waiting: _Waiting) -> None:
        """Free the copy; or remove a cancelled question from the queue."""
        if waiting in self._line:
            self._line.remove(waiting)
        elif not waiting.turn.cancelled():
            self._free.append(waiting.turn.result())
            self._call()

    def _call(self) -> None:
        # A question that was just cancelled is removed by its own task, but later.
        self._line = [waiting for waiting in self._line if not waiting.turn.done()]
        while self._free and self._line:
            copy, waiting = self._best()
            self._free.remove(copy)
            for other in self._line[: self._line.index(waiting)]:
                other.passed += 1
            self._line.remove(waiting)
            copy.note(waiting.text)
            waiting.turn.set_result(copy)

    def _best(self) -> tuple[_Copy, _Waiting]:
        oldest = self._line[0]
        line = [oldest] if oldest.passed >= PATIENCE else self._line
        pairs = [(copy, waiting) for waiting in line for copy in self._free]
        return max(pairs, key=lambda pair: self._gain(*pair))

    def _gain(self, copy: _Copy, waiting: _Waiting) -> int:
        others = (other.knows(waiting.text) for other in self._copies if other is not copy)
        return copy.knows(waiting.text) - max(others, default=0)


def shared(one: str, other: str) -> int:
    """Return the length of the common prefix of both texts, by binary search."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low
