"""A run that goes on while its cell is free: look at it, hold it, stop it, wait for it."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeAlias, TypeVar

from llmlab.checks.amounts import Allowed
from llmlab.errors import UsageError
from llmlab.records import Plan, Progress
from llmlab.runs.control import Control

if TYPE_CHECKING:
    from llmlab.runs.conduct import RunObserver

T = TypeVar("T")

State: TypeAlias = Literal["planning", "running", "paused", "stopping", "done", "stopped", "failed"]

_GLANCE: Final = 0.05
"""Seconds between looks of a paused call: the pause ends on another thread than it began."""

_PATIENCE: Final = Allowed(low=0, high=1e9, unit="seconds")

_NOTHING: Final = Progress(
    total=0, done=0, from_book=0, failed=0, spent_usd=0.0, limit_usd=None, elapsed_s=0.0
)


class Handle(Generic[T]):
    """
    A run under way on a thread of its own; every method may be called from any thread.

    Calls that are under way when it is paused or stopped are let finish, since they are paid
    for; nothing more is sent. `stop(now=True)` cancels those, too: each counts at its worst
    price in the book until the provider's bill says otherwise.

    Args:
        shown: Somebody who looks on as well.
    """

    def __init__(self, shown: "RunObserver | None" = None) -> None:
        self._shown = shown
        self.control = Control(passes=self.passes)
        self._future: Future[T] = Future()
        self._planned = threading.Event()
        self._plan: Plan | None = None
        self._progress = _NOTHING
        self._wish: Literal["run", "pause", "stop"] = "run"
        self._watchers: list[Callable[[Handle[T]], None]] = []

    # ---- for the user -------------------------------------------------------------------

    @property
    def plan(self) -> Plan | None:
        """What will be sent; None before it is known."""
        return self._plan

    @property
    def state(self) -> State:
        """Where it is."""
        if self._future.done():
            return self._end()
        if self._plan is None:
            return "planning"
        states: dict[str, State] = {"run": "running", "pause": "paused"}
        return states.get(self._wish, "stopping")

    @property
    def done(self) -> bool:
        """Whether the result is there."""
        return self._future.done()

    def progress(self) -> Progress:
        """Return how far it is, per arm."""
        return self._progress

    def pause(self) -> None:
        """Send nothing more until `resume`."""
        self._turn("pause", only_from="run")

    def resume(self) -> None:
        """Go on after a pause."""
        self._turn("run", only_from="pause")

    def stop(self, *, now: bool = False) -> None:
        """Send nothing more and end; what has landed is the result. *now* cancels the rest."""
        self._turn("stop")
        if now:
            self.control.brake.pull()

    def result(self, timeout: float | None = None) -> T:
        """
        Wait for the result.

        Raises:
            TimeoutError: It is not there after *timeout* seconds; the run goes on.
            LabError: What ended the run.
        """
        if timeout is not None:
            timeout = _PATIENCE.read(timeout, "timeout")
        return self._future.result(timeout)

    def on_change(self, watcher: Callable[["Handle[T]"], None]) -> None:
        """Call *watcher* at each move, on the run's thread; at once, if it has ended already."""
        self._watchers.append(watcher)
        if self.done:
            watcher(self)

    def __repr__(self) -> str:
        name = "" if self._plan is None else f" {self._plan.name}"
        done = self._progress
        return f"<run{name}: {self.state}, {done.done} of {done.total} calls>"

    # ---- for `conduct` ------------------------------------------------------------------

    async def passes(self) -> bool:
        """Hold a call back while paused; say False when no more are to be sent."""
        while self._wish == "pause":  # noqa: ASYNC110 - the wish changes on another thread
            await asyncio.sleep(_GLANCE)
        return self._wish == "run"

    def planned(self, plan: Plan) -> None:
        """Keep the plan; the design is sound, so whoever started the run may go on."""
        self._plan = plan
        self._progress = replace(_NOTHING, total=plan.calls, limit_usd=plan.limit_usd)
        self._planned.set()
        if self._shown is not None:
            self._shown.planned(plan)
        self._tell()

    def moved(self, progress: Progress) -> None:
        """Keep how far it is."""
        self._progress = progress
        if self._shown is not None:
            self._shown.moved(progress)
        self._tell()

    def ended(self, progress: Progress) -> None:
        """Keep how it ended."""
        self._progress = progress
        if self._shown is not None:
            self._shown.ended(progress)

    # ---- inside -------------------------------------------------------------------------

    def run(self, work: Callable[["Handle[T]"], T]) -> None:
        """Do *work* on this thread and settle the future, whatever becomes of it."""
        try:
            made = work(self)
        except BaseException as error:  # noqa: BLE001 - it is handed to whoever asks for the result
            self._future.set_exception(error)
        else:
            self._future.set_result(made)
        self._planned.set()
        self._tell()

    def wait_planned(self) -> None:
        """Wait until the design is known to be sound; raise what is wrong with it."""
        self._planned.wait()
        if self._future.done() and (error := self._future.exception()) is not None:
            raise error

    def _turn(self, wish: Literal["run", "pause", "stop"], only_from: str | None = None) -> None:
        if self.done:
            raise UsageError(f"this run has ended ({self.state}): run the cell again")
        if only_from is None or self._wish == only_from:
            self._wish = wish
        self._tell()

    def _end(self) -> State:
        if self._future.exception() is not None:
            return "failed"
        return "stopped" if self._progress.done < self._progress.total else "done"

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher(self)


def started(work: Callable[[Handle[T]], T]) -> Handle[T]:
    """
    Begin *work* on a thread and return its handle as soon as its plan is known.

    Raises:
        UsageError: The design is bad; nothing was sent.
    """
    handle: Handle[T] = Handle()
    # A daemon: the engine's end at exit cancels what it waits for, so no kernel hangs on it.
    threading.Thread(target=handle.run, args=(work,), name="llmlab-run", daemon=True).start()
    handle.wait_planned()
    return handle
