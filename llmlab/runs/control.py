"""
Pause and stop runs from outside; the runs that a lab has under way.

A cancelled task, a stop and a lab that closes all end a run as an interrupt does: finished calls
are kept, nothing more is sent.
"""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from llmlab.errors import Closed
from llmlab.runs.runner import always
from llmlab.wire import Brake, RunStopped

_CLOSE_WAIT_S: Final = 10.0
"""Seconds that a run may take to keep its finished calls, when its lab is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How one run is paused and stopped from outside."""

    passes: Callable[[], Awaitable[bool]] = always
    """Awaited before each call: see `Runner`."""
    brake: Brake = field(default_factory=Brake)
    """Pulled, it cancels the calls under way and lets no more begin."""


class UnderWay:
    """The runs of a lab that are under way, each on a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[Brake, tuple[threading.Thread, threading.Event]] = {}

    @contextmanager
    def run(self, name: str, brake: Brake) -> Iterator[None]:
        """
        Count a run as under way until its finished calls are kept.

        Raises:
            Closed: The lab was closed meanwhile.
        """
        ended = threading.Event()
        with self._lock:
            self._runs[brake] = (threading.current_thread(), ended)
        try:
            yield
        except RunStopped:
            if not brake.closing:
                raise
        finally:
            with self._lock:
                del self._runs[brake]
            ended.set()
        if brake.closing:
            raise Closed(
                f"the lab was closed while run {name!r} was under way: finished calls are kept; "
                "run it again in a new lab to send the rest"
            )

    def stop(self) -> None:
        """Stop every run, and wait until each has kept its finished calls."""
        with self._lock:
            runs = dict(self._runs)
        for brake in runs:
            brake.pull(closing=True)
        for thread, ended in runs.values():
            if thread is not threading.current_thread():
                ended.wait(_CLOSE_WAIT_S)
