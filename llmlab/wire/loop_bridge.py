"""
Work from another loop, on its way over to the engine and back.

In: a coroutine and the loop that awaits it. Out: its result, its error or its end, there.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from llmlab.errors import Closed
from llmlab.wire.mailbox import Mailbox

T = TypeVar("T")

CLOSED: Final = "the lab was closed while this was under way: make a new Lab and ask again"

_COMPANY: Final = 4
_LINGER: Final = 0.001
"""Seconds for which a result waits for others, when so many are under way."""


class LoopBridge:
    """The way between one foreign loop and the engine's, and what is under way on it."""

    __slots__ = ("aboard", "back", "here", "over", "there")

    def __init__(self, here: asyncio.AbstractEventLoop, there: asyncio.AbstractEventLoop) -> None:
        self.here = here
        self.there = there
        self.over = Mailbox(to=there, by=here, undelivered=self.strand)
        self.back = Mailbox(to=here, by=there)
        self.aboard: set[BridgedCall[Any]] = set()

    def land(self, call: Callable[[], object]) -> None:
        """Post *call* back; wait a moment for company when many are under way."""
        self.back.post(call, linger=_LINGER if len(self.aboard) >= _COMPANY else 0.0)

    def strand(self) -> None:
        """Let everybody go, on the foreign loop: the engine's runs no more."""
        for bridged in tuple(self.aboard):
            bridged.let_go()


class BridgedCall(Generic[T]):
    """Work from another loop, on its way over to the engine and back."""

    __slots__ = ("_arrived", "_bridge", "_context", "_given_up", "_task", "_work")

    def __init__(
        self, work: Coroutine[Any, Any, T], arrived: "asyncio.Future[T]", bridge: LoopBridge
    ) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self._task: asyncio.Task[T] | None = None
        self._given_up = False
        self._bridge = bridge
        self._arrived = arrived

    def start(self) -> None:
        """Begin, on the engine's loop, in the context of who asked."""
        if self._given_up:
            return
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._work, context=self._context)
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Give up, on the engine's loop."""
        self._given_up = True
        if self._task is not None:
            self._task.cancel()
        else:
            self._work.close()

    def let_go(self) -> None:
        """Hand over what there is, on the asker's loop; who waits for more is told."""
        if self._task is not None and self._task.done():
            self._arrive()
        else:
            if self._task is None:
                self._work.close()
            self._closed()

    def _ended(self, task: "asyncio.Task[T]") -> None:
        # Looked at here: an error that nobody waits for any more is not worth a complaint.
        if not task.cancelled():
            task.exception()
        self._bridge.land(self._arrive)

    def _arrive(self) -> None:
        task = self._task
        assert task is not None  # noqa: S101 - it has ended
        if self._arrived.done():
            return
        if task.cancelled():
            self._closed()
        elif (error := task.exception()) is not None:
            self._arrived.set_exception(error)
        else:
            self._arrived.set_result(task.result())

    def _closed(self) -> None:
        """Say why there is no answer, to who did not give up itself."""
        if not self._arrived.done():
            self._arrived.set_exception(Closed(CLOSED))
