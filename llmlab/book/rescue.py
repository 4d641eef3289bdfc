"""
Save the content of an open book whose file was deleted, moved or replaced.

In: the connection, which still sees the whole content. Out: a file beside the book, for its owner
alone; where that cannot be written one in the system's temporary folder, and else memory.
"""

import ctypes
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

from llmlab.book.files import connect
from llmlab.errors import BookError
from llmlab.secrets import private

_TIMEOUT_S: Final = 5.0
_PAGES: Final = 4_096
"""Pages copied per step, so that other threads can run in between."""


@dataclass(frozen=True, slots=True)
class Rescue:
    """Where a lost book continues."""

    connection: sqlite3.Connection
    at: Path | None
    """Path of the copy; None: in memory, since it could be written in no folder."""


def rescue(source: sqlite3.Connection, path: Path, now: float) -> Rescue:
    """Copy the content of `source` to a new file near `path`."""
    stamp = datetime.fromtimestamp(now, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    for folder in (path.parent, Path(tempfile.gettempdir())):
        with suppress(OSError, sqlite3.Error):
            at = _new_file(folder, f"{path.name}.rescued-{stamp}")
            return Rescue(_copied(source, at), at)
    memory = connect(None, timeout=_TIMEOUT_S)
    source.backup(memory, pages=_PAGES)
    return Rescue(memory, None)


def copy(source: sqlite3.Connection, to: Path) -> None:
    """
    Copy a book to a new file, for its owner alone.

    Raises:
        OSError: The file cannot be created, or exists already.
    """
    os.close(private.create(to))
    _copied(source, to).close()


def _new_file(folder: Path, name: str) -> Path:
    for each in _names(name):
        with suppress(FileExistsError):
            os.close(private.create(folder / each))
            return folder / each
    raise AssertionError  # the names never end


def _names(name: str) -> Iterator[str]:
    yield f"{name}.db"
    yield from (f"{name}-{number}.db" for number in count(2))


def _copied(source: sqlite3.Connection, at: Path) -> sqlite3.Connection:
    connection = connect(at, timeout=_TIMEOUT_S)
    try:
        source.backup(connection, pages=_PAGES)
        # No journal stays beside it: after each commit only the one file needs to be moved.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        with closing(connection), suppress(OSError):
            at.unlink()
        raise
    return connection


def never_close(connection: sqlite3.Connection) -> None:
    """
    Keep a connection to a lost file open until the process ends.

    Closing the last connection runs a checkpoint and removes the journal by its name: both may
    be another book's by now. So it gets one reference that is never dropped.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def what_happened(path: Path, *, same: bool) -> str:
    """Say what happened to the file at `path`; `same`: it is still there."""
    if same:
        return "lost its journal to another program"
    if not path.parent.is_dir():
        return "is gone with its folder"
    return "was replaced by another file" if path.exists() else "was deleted or moved away"


def journal_of(path: Path) -> Path:
    """Return the path of a book's journal (`-wal`)."""
    return path.with_name(f"{path.name}-wal")


def lost(path: Path, what: str, at: Path | None) -> BookError:
    """Say in one line what happened to a book, where its content is, and what to do."""
    if at is None:
        return BookError(
            f"book {path}: it {what} while it was in use, so nothing more is sent; no folder took "
            "a copy, it is in memory only: free space, keep it with lab.book.backup(path), then "
            "restart the kernel"
        )
    return BookError(
        f"book {path}: it {what} while it was in use, so nothing more is sent; all that it held is "
        f"saved in {at}: restart the kernel, or close every lab on it, then put that file in its "
        "place"
    )
