"""
Whose turn it is at the copies of a model, so that a prompt meets its own beginning again.

A copy answers one question at a time and remembers what it has read. Reading is most of the work
of a one-word answer, so a copy that is free takes, of those who wait, the question of which it
knows most and the other copies least: six arms that ask the same thing are read once, not six
times. Nobody is passed over for ever.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

REMEMBERED: Final = 8
"""Prompts of a copy that are compared: about what it holds in memory for long."""
PATIENCE: Final = 8
"""Later questions that may go first; then it is the oldest one's turn."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Copy:
    address: str
    read: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def knows(self, text: str) -> int:
        """Count the characters at the beginning of *text* that were read before."""
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
    """Give out the copies at *addresses*, one question at a time each; for one event loop."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._copies = [_Copy(address=address) for address in addresses]
        self._free = list(self._copies)
        self._line: list[_Waiting] = []

    @asynccontextmanager
    async def take(self, text: str) -> AsyncIterator[str]:
        """Wait for a copy that may read *text*; it is free again when the block ends."""
        waiting = _Waiting(text=text, turn=asyncio.get_running_loop().create_future())
        self._line.append(waiting)
        self._call()
        try:
            copy = await waiting.turn
            yield copy.address
        finally:
            self._leave(waiting)

    def _leave(self, waiting: _Waiting) -> None:
        """Give the copy back, or the place in the line of one that was cancelled in it."""
        if waiting in self._line:
            self._line.remove(waiting)
        elif not waiting.turn.cancelled():
            self._free.append(waiting.turn.result())
            self._call()

    def _call(self) -> None:
        # One that was cancelled a moment ago leaves the line itself, but later.
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
    """Count the characters with which both texts begin, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low
