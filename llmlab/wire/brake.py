"""Stop, from any thread, the work that synchronous code waits for, as an interrupt does."""

import concurrent.futures
import threading
from typing import Any

from llmlab.errors import LabError


class RunStopped(LabError):
    """The work was stopped by its `Brake`; results that arrived before are kept."""

    def __init__(self) -> None:
        super().__init__("stopped before anything was sent")


class Brake:
    """
    Stops work under way, and any that is begun later, once it is pulled.

    Attributes:
        closing: Whether it was pulled because the lab is being closed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._future: concurrent.futures.Future[Any] | None = None
        self._pulled = False
        self.closing = False

    def is_pulled(self) -> bool:
        """Return whether it was pulled."""
        return self._pulled

    def pull(self, *, closing: bool = False) -> None:
        """Stop the work; pulling again does nothing."""
        with self._lock:
            self.closing = self.closing or (closing and not self._pulled)
            self._pulled = True
            future = self._future
        if future is not None:
            future.cancel()

    def hold(self, future: "concurrent.futures.Future[Any] | None") -> None:
        """Hold *future*, which `pull` cancels, instead of the one held before."""
        with self._lock:
            self._future = future
            pulled = self._pulled
        if pulled and future is not None:
            future.cancel()
