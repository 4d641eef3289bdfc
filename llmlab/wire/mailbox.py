"""Calls from one event loop onto another: many of them for one wake-up."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_MOST: Final = 256
"""Calls in one go, so that the loop's sockets have their turn in between."""


class Mailbox:
    """
    Do what `loop.call_soon_threadsafe` does, but ring once for all that is posted meanwhile.

    To wake a loop is a system call, at which a thread loses Python's global lock and must win it
    back, and on a busy core two changes of thread: once a call, it costs more than the call.

    Args:
        to: The loop that makes the calls.
        by: The loop that posts them, which is the only one.
        undelivered: Called on *by* when *to* is found closed; by default nobody is left to tell.
    """

    def __init__(
        self,
        *,
        to: asyncio.AbstractEventLoop,
        by: asyncio.AbstractEventLoop,
        undelivered: Callable[[], object] | None = None,
    ) -> None:
        self._to = to
        self._by = by
        self._undelivered = undelivered
        self._posted: deque[Callable[[], object]] = deque()
        self._rung = False

    def post(self, call: Callable[[], object], *, linger: float = 0.0) -> None:
        """
        Have *call* called on the other loop, together with all that is posted until then.

        The bell is rung when this round of the posting loop is over, or *linger* seconds later.
        """
        self._posted.append(call)
        if self._rung:
            return
        self._rung = True
        if linger:
            self._by.call_later(linger, self._ring)
        else:
            self._by.call_soon(self._ring)

    def _ring(self) -> None:
        try:
            self._to.call_soon_threadsafe(self._empty)
        except RuntimeError:  # the loop is closed
            self._rung = False
            self._posted.clear()
            if self._undelivered is not None:
                self._undelivered()

    def _empty(self) -> None:
        # First of all: what is posted after the last look below rings again.
        self._rung = False
        for _ in range(_MOST):
            if not self._posted:
                return
            self._posted.popleft()()
        self._to.call_soon(self._empty)
