"""Post calls from one event loop to another, many for one wake-up."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_MOST: Final = 256
"""Calls in one batch, so that the loop's sockets are served in between."""


class Mailbox:
    """
    Like `loop.call_soon_threadsafe`, with one wake-up for all that is posted meanwhile.

    Waking a loop is a system call, which releases Python's global lock and must win it back, and
    on a busy core two thread switches: done for each call, it costs more than the call.

    Args:
        to: The loop that runs the calls.
        by: The only loop that posts them.
        undelivered: Called on *by* when *to* is found closed; does nothing by default.
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
        self._woken = False

    def post(self, call: Callable[[], object], *, linger: float = 0.0) -> None:
        """
        Run *call* on the other loop, together with all that is posted until then.

        The wake-up is sent after this iteration of the posting loop, or *linger* seconds later.
        """
        self._posted.append(call)
        if self._woken:
            return
        self._woken = True
        if linger:
            self._by.call_later(linger, self._wake)
        else:
            self._by.call_soon(self._wake)

    def _wake(self) -> None:
        try:
            self._to.call_soon_threadsafe(self._empty)
        except RuntimeError:  # the loop is closed
            self._woken = False
            self._posted.clear()
            if self._undelivered is not None:
                self._undelivered()

    def _empty(self) -> None:
        # First: a call posted after the queue is read below sends a new wake-up.
        self._woken = False
        for _ in range(_MOST):
            if not self._posted:
                return
            self._posted.popleft()()
        self._to.call_soon(self._empty)
