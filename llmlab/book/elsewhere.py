"""
Attempts that other kernels have under way in this book, kept up to date as they write.

In: a connection in a transaction, after another one has written. Out: the attempt under way with
a key. A book that only one kernel uses is never scanned.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from llmlab.errors import LabError

_FIRST: Final = "SELECT min(first_attempt) FROM owners WHERE ended_at IS NULL AND id <> ?"
_LAST: Final = "SELECT coalesce(max(id), 0) FROM attempts"
_NEW: Final = (
    "SELECT id, key FROM attempts LEFT JOIN outcomes ON attempt = id "
    "WHERE id > ? AND owner <> ? AND attempt IS NULL"
)
_IN_A_QUERY: Final = 500


class Elsewhere(LabError):
    """Another kernel has this key under way, or has answered it; nothing was begun."""

    def __init__(self, attempt: int | None) -> None:
        super().__init__("another kernel has this question under way: wait for its answer")
        self.attempt = attempt
        """The attempt under way; None where its answer is in the book."""


class Others:
    """The attempts that other owners have under way, by key."""

    def __init__(self) -> None:
        self.stale = True
        """Whether another connection has written since the last refresh."""
        self.write = False
        """Whether another kernel has this book open, or had since this one opened it."""
        self._seen: int | None = None
        self._open: dict[int, str] = {}
        self._by_key: dict[str, set[int]] = {}
        """Several where a kernel asks equal cells of one plan, or the same question again."""

    def refresh(self, connection: sqlite3.Connection, owner: int) -> None:
        """Read what is new since the last time; call it inside a transaction."""
        if self._seen is None:
            (first,) = connection.execute(_FIRST, (owner,)).fetchone()
            self.write = first is not None
            seen = None if first is None else first - 1
        else:
            self.write, seen = True, self._seen
            self.forget(_ended(connection, self._open))
        (last,) = connection.execute(_LAST).fetchone()
        if seen is not None:
            for attempt, key in connection.execute(_NEW, (seen, owner)):
                self._open[attempt] = key
                self._by_key.setdefault(key, set()).add(attempt)
        self._seen, self.stale = last, False

    def attempt(self, key: str) -> int | None:
        """Return the last attempt that another kernel has under way with *key*, or None."""
        return max(self._by_key.get(key, ()), default=None)

    def forget(self, ended: Iterable[int]) -> None:
        """Remove attempts that have ended, or that this kernel has given up."""
        for attempt in ended:
            key = self._open.pop(attempt, "")
            same = self._by_key.get(key, set())
            same.discard(attempt)
            if not same:
                self._by_key.pop(key, None)


def _ended(connection: sqlite3.Connection, attempts: Iterable[int]) -> list[int]:
    ended: list[int] = []
    for chunk in _chunks(attempts):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT attempt FROM outcomes WHERE attempt IN ({marks})"  # noqa: S608 - only marks
        ended += [attempt for (attempt,) in connection.execute(sql, chunk)]
    return ended


def _chunks(attempts: Iterable[int]) -> Iterator[list[int]]:
    source = iter(attempts)
    while chunk := list(islice(source, _IN_A_QUERY)):
        yield chunk
