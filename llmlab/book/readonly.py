"""
A read-only book: on a share, a mounted archive, or of another user.

In: a path. Out: connections for reading; a write raises an error that says what to do.
"""

import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Final

from llmlab.book.files import (
    Mode,
    book_error,
    code_of,
    connect_reader,
    identity_of,
    refuse_second_name,
)
from llmlab.book.pool import FilePool
from llmlab.book.rescue import journal_of
from llmlab.book.schema import look
from llmlab.errors import BookError

_READERS_S: Final = 5.0


def is_read_only(path: Path) -> bool:
    """Return whether the book at `path` cannot be written, or its folder takes no journal."""
    return path.exists() and not all(os.access(each, os.W_OK) for each in (path, path.parent))


class ReadOnly:
    """The connections of a read-only book."""

    ended: Final[BookError | None] = None
    lock: Final = None

    def __init__(self, path: Path, *, timeout: float) -> None:
        refuse_second_name(path)
        self.path = path
        self.identity = identity_of(path)
        self._timeout = timeout
        mode = self._mode()
        # Without a journal SQLite does not notice changes of the file: do not reuse connections.
        connecting = partial(connect_reader, path, timeout=timeout, mode=mode)
        self.pool = FilePool(connecting, keep=mode == "ro")

    def _mode(self) -> Mode:
        """Return how the file can be opened for reading; refuse a file that is no book."""
        try:
            self._look("ro")
        except sqlite3.OperationalError as error:
            if code_of(error) not in {
                sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY
            }:  # fmt: skip
                raise
            journal = journal_of(self.path)
            if journal.exists() and journal.stat().st_size:
                raise BookError(
                    f"book {self.path}: it was not closed, and its journal cannot be read here: "
                    f"copy it together with {journal.name} to a folder you may write to"
                ) from error
        else:
            return "ro"
        self._look("immutable")
        return "immutable"

    def _look(self, mode: Mode) -> None:
        connection = connect_reader(self.path, timeout=self._timeout, mode=mode)
        try:
            empty = look(connection) == 0
        except BookError as error:
            raise BookError(f"book {self.path}: {error}") from error
        finally:
            connection.close()
        if empty:
            raise BookError(f"book {self.path}: it is empty and cannot be written")

    def refusal(self) -> BookError:
        """Return the error for a write."""
        return BookError(
            f"book {self.path}: it can only be read here, so nothing was sent or changed: choose a "
            "folder you may write to"
        )

    def explain(self, error: Exception) -> BookError:
        """Return *error* as a `BookError` of one line."""
        return book_error(self.path, error)

    def pause(self) -> bool:
        """Close every connection until `resume`, so that a forked child inherits none."""
        return self.pool.pause(_READERS_S)

    def resume(self) -> None:
        """Allow reading again."""
        self.pool.resume()

    def close(self) -> None:
        """Close the connections."""
        self.pool.close()
