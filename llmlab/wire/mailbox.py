"""Calls from any thread onto one event loop: many of them for one wake-up."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_MOST: Final = 256
"""Calls in one go, so that the loop's sockets have their turn in between."""


class Mailbox:
    """
    Do what `loop.call_soon_threadsafe` does, but ring once for all that is posted meanwhile.

    To wake a loop is a system call, at which a thread loses Python's global lock and must win it
    back: once a call, it costs more than the call.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._posted: deque[Callable[[], object]] = deque()
        self._rung = False

    def post(self, call: Callable[[], object]) -> None:
        """Have *call* called on the loop; a loop that is closed has nobody left to tell."""
        self._posted.append(call)
        if not self._rung:
            self._rung = True
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        # First of all: what is posted after the last look below rings again.
        self._rung = False
        for _ in range(_MOST):
            if not self._posted:
                return
            self._posted.popleft()()
        self._rung = True
        self._loop.call_soon(self._empty)
