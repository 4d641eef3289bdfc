"""
How many calls a provider lets in at once, found by its refusals.

A bare 429, one that names no wait, says that too many were in at once. Those that were in and
not refused are as many as it takes: the width narrows to their number, and widens by one after
every few answers, until it is as wide as the permits are. Each kernel finds its own share so,
as flows of TCP do (additive increase, decrease by refusal: Chiu and Jain 1989).
"""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from llmlab.errors import CallError, Throttled

_FEW: Final = 8
"""Answers, at least, after which one more is let in."""


def is_crowded(error: CallError) -> bool:
    """Say whether *error* is a bare 429: too many were in at once, and no wait is named."""
    return isinstance(error, Throttled) and error.retryable and not error.retry_after


@dataclass(slots=True, kw_only=True)
class Width:
    """One model's width; `most` is where it is no limit any more."""

    most: int
    now: int
    _answers: int = 0
    _waiting: deque["asyncio.Future[None]"] = field(default_factory=deque)

    def narrow(self, others: int) -> None:
        """Take a refusal while *others* were in: so many fit, and at least one."""
        self.now = max(1, min(self.now, others))
        self._answers = 0

    def answered(self) -> None:
        """Take an answer; enough of them widen by one."""
        self._answers += 1
        if self._answers >= max(_FEW, self.now):
            self.now, self._answers = self.now + 1, 0
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


class Widths:
    """The widths of one provider's models; a model has one while its refusals make it narrow."""

    __slots__ = ("_flying", "_held", "_most", "_narrow")

    def __init__(self, most: int) -> None:
        self._most = most
        self._narrow: dict[str, Width] = {}
        self._held: Counter[str] = Counter()
        self._flying: Counter[str] = Counter()

    def is_full(self, model: str) -> Width | None:
        """Return the width that keeps a call of *model* out now; None where it may go on."""
        width = self._narrow.get(model) if self._narrow else None
        return width if width is not None and self._held[model] >= width.now else None

    def hold(self, model: str) -> None:
        """Count a call that may be sent as soon as the rate limit lets it."""
        self._held[model] += 1

    def fly(self, model: str) -> None:
        """Count a call that is sent."""
        self._flying[model] += 1

    def land(self, model: str, *, flown: bool) -> None:
        """Count it no more; the next one may go."""
        self._held[model] -= 1
        self._flying[model] -= flown
        if self._narrow and (width := self._narrow.get(model)) is not None:
            width.wake()

    def refused(self, model: str) -> None:
        """Narrow by a bare 429; the call that was refused is still counted."""
        width = self._narrow.get(model)
        if width is None:
            width = self._narrow[model] = Width(most=self._most, now=self._most)
        width.narrow(self._flying[model] - 1)

    def answered(self, model: str) -> None:
        """Widen by an answer; forget a width that is none any more."""
        if self._narrow and (width := self._narrow.get(model)) is not None:
            width.answered()
            if width.now >= self._most:
                del self._narrow[model]
                width.wake(every=True)

    @property
    def narrow(self) -> dict[str, int]:
        """How many calls are let in at once, of each model that is narrowed."""
        return {model: width.now for model, width in self._narrow.items()}
