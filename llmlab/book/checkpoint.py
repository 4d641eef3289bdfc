"""
WAL checkpoints on a thread of their own, so that no call waits for them.

In: how much was written. Out: a journal (WAL) that stays small. SQLite would checkpoint at the end
of a commit, on the writer's thread: about thirty milliseconds per two thousand calls, in which no
answer is returned. A passive checkpoint on a connection of its own blocks nobody.

Source: SQLite, "Write-Ahead Logging", section 3.1 ("Application-initiated checkpoints").
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from llmlab.book.files import Moved

_WRITES: Final = 1_000
"""Writes between two checkpoints: about as many pages."""


class Checkpointer:
    """
    A thread that runs a checkpoint when enough was written.

    Args:
        connect: Opens a connection to the file; called on the thread.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._folding = threading.Lock()
        self._written = 0
        self._due = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="llmlab-checkpoint", daemon=True)
        self._thread.start()

    def wrote(self, writes: int) -> None:
        """Count what the writer has committed."""
        self._written += writes
        if self._written >= _WRITES:
            self._written = 0
            self._due.set()

    def pause(self, patience: float) -> bool:
        """Close the connection until `resume`; return whether it was closed within *patience* s."""
        if not self._folding.acquire(timeout=patience):
            return False
        self._close()
        return True

    def resume(self) -> None:
        """Go on after a `pause` that returned True."""
        self._folding.release()

    def stop(self) -> None:
        """End the thread; the last connection to close runs the last checkpoint."""
        self._stopped = True
        self._due.set()
        self._thread.join()
        self._close()

    def _run(self) -> None:
        while self._due.wait() and not self._stopped:
            self._due.clear()
            # Nothing is lost where it fails: the journal keeps all, and the writer's own
            # checkpoint, much later, reports what is wrong.
            with self._folding, suppress(sqlite3.Error, Moved):
                if self._connection is None:
                    self._connection = self._connect()
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
