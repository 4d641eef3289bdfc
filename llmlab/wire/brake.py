"""A way to end from outside what plain code waits for: as an interrupt does, from any thread."""

import concurrent.futures
import threading
from typing import Any

from llmlab.errors import LabError


class RunStopped(LabError):
    """What was waited for was ended by its `Brake`; whoever holds what came so far keeps it."""

    def __init__(self) -> None:
        super().__init__("stopped before anything was sent")


class Brake:
    """
    Ends work under way, and any that would be begun after it, when it is pulled.

    Attributes:
        closing: Whether it was pulled because the lab is being closed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._future: concurrent.futures.Future[Any] | None = None
        self._pulled = False
        self.closing = False

    def is_pulled(self) -> bool:
        """Say whether it was pulled."""
        return self._pulled

    def pull(self, *, closing: bool = False) -> None:
        """End it; pulling again does nothing."""
        with self._lock:
            self.closing = self.closing or (closing and not self._pulled)
            self._pulled = True
            future = self._future
        if future is not None:
            future.cancel()

    def hold(self, future: "concurrent.futures.Future[Any] | None") -> None:
        """Take charge of *future*, in the place of what was held before."""
        with self._lock:
            self._future = future
            pulled = self._pulled
        if pulled and future is not None:
            future.cancel()
