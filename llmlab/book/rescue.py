"""
Save what an open book holds when its file was deleted, moved or replaced under it.

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
"""Pages in one go of a copy, so that other threads have their turn."""


@dataclass(frozen=True, slots=True)
class Rescue:
    """Where a lost book goes on."""

    connection: sqlite3.Connection
    at: Path | None
    """None: in memory, since no folder took it."""


def rescue(source: sqlite3.Connection, path: Path, now: float) -> Rescue:
    """Copy all that `source` holds to a new file near `path`."""
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
        OSError: It cannot be made, or is there already.
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
        # No journal stays beside it: after each commit the one file is all there is to move.
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

    To close the last one folds its journal into the file and removes the journal by its name:
    both may be another book's by now. So it is given one reference that nobody ever drops.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def what_happened(path: Path, *, same: bool) -> str:
    """Say what became of the file at `path`; `same`: it is still there."""
    if same:
        return "lost its journal to another program"
    if not path.parent.is_dir():
        return "is gone with its folder"
    return "was replaced by another file" if path.exists() else "was deleted or moved away"


def journal_of(path: Path) -> Path:
    """Return where SQLite keeps the journal of a book."""
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
