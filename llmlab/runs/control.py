"""
How a run is held and ended from outside, and which runs a lab has under way.

A cancelled task, a stop and a lab that closes all end a run as an interrupt does: what landed is
kept, nothing more is sent.
"""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from llmlab.errors import Closed
from llmlab.runs.runner import always
from llmlab.wire import Brake, RunStopped

_PATIENCE: Final = 10.0
"""Seconds that a run may take to keep what landed, when its lab is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What one run is held and ended by."""

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
        Count a run until it has kept what landed.

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
                f"the lab was closed while run {name!r} was under way: what had landed is kept; "
                "run it again in a new lab to send the rest"
            )

    def stop(self) -> None:
        """End every run, and wait until each has kept what landed."""
        with self._lock:
            runs = dict(self._runs)
        for brake in runs:
            brake.pull(closing=True)
        for thread, ended in runs.values():
            if thread is not threading.current_thread():
                ended.wait(_PATIENCE)
