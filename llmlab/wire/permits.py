"""
Permits: how many calls of a provider, and of all, may be in flight, and of a model.

A model has as many as the provider, until its refusals show how many are let in at once.

A bare 429, one that names no wait, says that too many were in at once. Those that were in and
not refused are as many as it takes: the width narrows to their number, and widens by one after
every few answers, until it is as wide as the permits are. Each kernel finds its own share so,
as flows of TCP do (additive increase, decrease by refusal: Chiu and Jain 1989).
"""

import asyncio
from collections import deque
from typing import Final

from llmlab.errors import CallError, Throttled

_FEW: Final = 8
"""Answers, at least, after which one more is let in."""


def is_crowded(error: CallError) -> bool:
    """Say whether *error* is a bare 429: too many were in at once, and no wait is named."""
    return isinstance(error, Throttled) and error.retryable and not error.retry_after


class Width:
    """
    How many calls of one model may be in at once: all that have a permit, until refusals narrow it.

    Its counts are changed by the gate itself: every call does it twice.
    """

    __slots__ = ("_answers", "_waiting", "flying", "held", "most", "now")

    def __init__(self, most: int) -> None:
        self.most = self.now = most
        self.held = 0
        """Calls that are sent, or may be as soon as the rate limit lets them."""
        self.flying = 0
        """Calls that are sent."""
        self._answers = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def refused(self) -> None:
        """Narrow by a bare 429 to the calls that were in beside it, at least one."""
        self.now = max(1, min(self.now, self.flying - 1))
        self._answers = 0

    def answered(self) -> None:
        """Widen by one after enough answers; wake all once it limits no more."""
        if self.now == self.most:
            return
        self._answers += 1
        if self._answers >= max(_FEW, self.now):
            self.now, self._answers = self.now + 1, 0
            self.wake(every=self.now == self.most)

    def land(self, *, flown: bool) -> None:
        """Count a call no more; the next one may go."""
        self.held -= 1
        self.flying -= flown
        if self._waiting:
            self.wake()

    async def turn(self) -> None:
        """Wait until there may be room; then look again."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.wake()  # a turn that was just given goes to the next
            raise

    def wake(self, *, every: bool = False) -> None:
        """Give a turn to whoever waits longest, or to all."""
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                if not every:
                    return


class Widths(dict[str, Width]):
    """The widths of one provider's models, each made when first asked for."""

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __missing__(self, model: str) -> Width:
        made = self[model] = Width(self._most)
        return made

    @property
    def narrow(self) -> dict[str, int]:
        """How many calls are let in at once, of each model that is narrowed."""
        return {name: each.now for name, each in self.copy().items() if each.now < each.most}


class Permits:
    """One provider's permits, its share of the total, and the widths of its models."""

    __slots__ = ("in_flight", "most", "own", "total", "widths")

    def __init__(self, most: int, total: asyncio.Semaphore) -> None:
        self.most = most
        self.own = asyncio.Semaphore(most)
        self.total = total
        """Shared by all providers."""
        self.widths = Widths(most)
        self.in_flight = 0

    async def turn(self, width: Width) -> None:
        """Wait for room in a narrowed width; other models have the permit meanwhile."""
        while width.held >= width.now:
            self.own.release()
            await width.turn()
            try:
                await self.own.acquire()
            except BaseException:
                width.wake()  # the turn goes to the next
                raise

    def give_back(self, model: str) -> None:
        """Give both permits of a call back."""
        self.in_flight -= 1
        self.total.release()
        self.own.release()
        self.widths[model].land(flown=True)
