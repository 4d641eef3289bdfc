"""
One event loop, on its own thread, for as long as the kernel lives.

Jupyter's own loop is already running, so a cell cannot call `asyncio.run`; and an aiohttp
session belongs to the loop it was made on, so a new loop for each cell would break every
session. All async work runs here, whichever loop or thread it is called from.
"""

import asyncio
import atexit
import concurrent.futures
import inspect
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from llmlab.errors import Closed, UsageError
from llmlab.wire.at_exit import Closers
from llmlab.wire.brake import Brake, RunStopped
from llmlab.wire.loop_bridge import CLOSED, BridgedCall, LoopBridge
from llmlab.wire.threads import Threads

T = TypeVar("T")

_PATIENCE: Final = 5.0
"""Seconds that cancelled work may take to end."""


class Engine:
    """
    A loop on a thread, started when first needed and stopped by `close` or at exit.

    Args:
        at_exit: Called at interpreter exit instead of `close`, which it must call.
    """

    def __init__(self, at_exit: Callable[[], None] | None = None) -> None:
        self._at_exit = at_exit
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._closers = Closers()
        self._bridges: dict[asyncio.AbstractEventLoop, LoopBridge] = {}

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop; a forked child gets one of its own."""
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._start()
            assert self._loop is not None  # noqa: S101 - _start made it
            return self._loop

    def at_close(self, closer: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Await *closer* on the loop before it stops, last added first."""
        self._closers.add(closer)

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start *work* on the loop and return at once."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(
        self,
        work: Coroutine[Any, Any, T],
        *,
        tick: Callable[[], None] | None = None,
        every: float = 0.2,
        brake: Brake | None = None,
    ) -> T:
        """
        Run *work* to its end from synchronous code, calling *tick* every *every* seconds.

        An interrupt cancels the work and waits until it has ended.

        Raises:
            RunStopped: *brake* was pulled; the work has ended.
            Closed: The engine was closed meanwhile.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise UsageError("called from inside the engine: use the _async form and await it")
        brake = brake or Brake()
        if brake.is_pulled():
            work.close()
            raise RunStopped
        let_go = threading.Event()
        future = self.submit(_announced(work, let_go))
        brake.hold(future)
        try:
            _tick_until_done(future, tick, every)
            return future.result()
        except BaseException as error:
            if future.cancel() and not _is_unbegun(work):
                let_go.wait(_PATIENCE)
            if isinstance(error, concurrent.futures.CancelledError):
                raise (RunStopped() if brake.is_pulled() else Closed(CLOSED)) from None
            raise
        finally:
            brake.hold(None)
            if _is_unbegun(work):
                work.close()  # it was cancelled before its first step

    async def bridge(self, work: Coroutine[Any, Any, T]) -> T:
        """
        Await *work* from any loop; it runs on the engine's. Cancelling the wait cancels the work.

        Raises:
            Closed: The engine was closed meanwhile.
        """
        here, there = asyncio.get_running_loop(), self.loop
        if here is there:
            return await work
        arrived: asyncio.Future[T] = here.create_future()
        bridge = self._bridge(here, there)
        bridged = BridgedCall(work, arrived, bridge)
        bridge.aboard.add(bridged)
        bridge.over.post(bridged.start)
        try:
            return await arrived
        except (asyncio.CancelledError, GeneratorExit):
            # Not through the mailbox: a loop that is being closed has no next iteration.
            with suppress(RuntimeError):  # the engine is closed: the work does not run
                there.call_soon_threadsafe(bridged.cancel)
            raise
        finally:
            bridge.aboard.discard(bridged)

    def close(self, *, timeout: float = 5.0) -> None:
        """Stop the loop and join its thread; calling it again does nothing."""
        with self._lock:
            loop, thread, mine = self._loop, self._thread, self._pid == os.getpid()
            self._loop = self._thread = None
        if loop is None or thread is None or not mine or not thread.is_alive():
            return
        atexit.unregister(self.close)
        ending = asyncio.run_coroutine_threadsafe(self._closers.close(), loop)
        try:
            ending.result(timeout)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout)
            if not thread.is_alive():
                loop.close()
            self._fail_waits(loop)

    def _bridge(
        self, here: asyncio.AbstractEventLoop, there: asyncio.AbstractEventLoop
    ) -> LoopBridge:
        with self._lock:
            found = self._bridges.get(here)
            if found is None or found.there is not there:
                # A bridge refers to its loop, so a weak dictionary would keep both.
                self._bridges = {k: v for k, v in self._bridges.items() if not k.is_closed()}
                found = self._bridges[here] = LoopBridge(here, there)
            return found

    def _fail_waits(self, there: asyncio.AbstractEventLoop) -> None:
        """End all waits on the loop *there* with an error: the engine has stopped."""
        with self._lock:
            stranded = [bridge for bridge in self._bridges.values() if bridge.there is there]
        for bridge in stranded:
            with suppress(RuntimeError):  # its loop is closed: nothing waits there
                bridge.here.call_soon_threadsafe(bridge.strand)

    def _start(self) -> None:
        loop = _new_loop()
        loop.set_default_executor(Threads())
        thread = threading.Thread(target=loop.run_forever, name="llmlab-engine", daemon=True)
        thread.start()
        atexit.register(self._at_exit or self.close)
        self._loop, self._thread, self._pid = loop, thread, os.getpid()


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop, which costs less CPU per call; asyncio's own on Windows."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _tick_until_done(
    future: concurrent.futures.Future[Any], tick: Callable[[], None] | None, every: float
) -> None:
    while tick is not None and not future.done():
        concurrent.futures.wait([future], every)
        tick()


def _is_unbegun(work: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(work) == inspect.CORO_CREATED


async def _announced(work: Coroutine[Any, Any, T], let_go: threading.Event) -> T:
    """Await *work*; set *let_go* when it has ended, however it ended."""
    try:
        return await work
    finally:
        let_go.set()
