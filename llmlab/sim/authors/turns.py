"""
Scheduler of questions to the copies of a model, by the longest cached prefix.

Calls of a lab wait here before they are sent (`wire.Line`), so that no wait is in their deadline
or latency; the author of stand-ins then joins the turn that was taken for its prompt. A caller
that hangs up leaves the author at work: the copy is free when both are done.

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
    at: str = ""
    passed: int = 0
    holders: int = 0
    joined: bool = False
    """Whether the author who writes for it is at work, or nobody else may come."""

    def may(self, copy: _Copy) -> bool:
        return not self.at or self.at == copy.address


class Turns:
    """Assigns questions to the copies at *addresses*, one at a time each; for one event loop."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._copies = [_Copy(address=address) for address in addresses]
        self._free = list(self._copies)
        self._line: list[_Waiting] = []
        self._held: list[_Waiting] = []

    @property
    def copies(self) -> int:
        """How many questions are answered at a time."""
        return len(self._copies)

    @asynccontextmanager
    async def join(self, text: str) -> AsyncIterator[str]:
        """Use the copy that a caller holds for *text*; where none is held to be used, wait."""
        unused = [each for each in self._held if not each.joined and not each.at]
        if not unused:
            async with self._turn(text, joined=True) as address:
                yield address
            return
        # A wire format may add words of its own: then any turn is as good, one a call is taken.
        held = next((each for each in unused if each.text == text), unused[0])
        held.joined = True
        held.holders += 1
        try:
            yield held.turn.result().address
        finally:
            self._leave(held)

    @asynccontextmanager
    async def take(self, text: str, at: str = "") -> AsyncIterator[str]:
        """Wait for a copy that may read *text*, or for the one *at* an address; then it is held."""
        async with self._turn(text, at) as address:
            yield address

    @asynccontextmanager
    async def _turn(self, text: str, at: str = "", *, joined: bool = False) -> AsyncIterator[str]:
        turn: asyncio.Future[_Copy] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(text=text, turn=turn, at=at, joined=joined)
        self._line.append(waiting)
        self._call()
        try:
            copy = await waiting.turn
            waiting.holders = 1
            self._held.append(waiting)
            yield copy.address
        finally:
            self._leave(waiting)

    def _leave(self, waiting: _Waiting) -> None:
        """Give the copy back, or the place in the line of one that was cancelled in it."""
        waiting.holders -= 1
        if waiting.holders > 0:
            return
        if waiting in self._held:
            self._held.remove(waiting)
        if waiting in self._line:
            self._line.remove(waiting)
        elif not waiting.turn.cancelled():
            self._free.append(waiting.turn.result())
            self._call()

    def _call(self) -> None:
        # A question that was just cancelled is removed by its own task, but later.
        self._line = [waiting for waiting in self._line if not waiting.turn.done()]
        while (best := self._best()) is not None:
            copy, waiting = best
            self._free.remove(copy)
            for other in self._line[: self._line.index(waiting)]:
                other.passed += 1
            self._line.remove(waiting)
            copy.note(waiting.text)
            waiting.turn.set_result(copy)

    def _best(self) -> tuple[_Copy, _Waiting] | None:
        """Return who goes next and where; None while nobody can."""
        able = [each for each in self._line if any(map(each.may, self._free))]
        if not able:
            return None
        line = able[:1] if able[0].passed >= PATIENCE else able
        pairs = [(copy, each) for each in line for copy in self._free if each.may(copy)]
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
