"""
Insert many rows with few statements.

Each SQLite statement releases Python's global lock and must win it back from a busy event loop (up
to `sys.getswitchinterval()` each time), so the number of statements counts, not that of rows:
`executemany` runs one statement per row.
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

Row: TypeAlias = tuple[Any, ...]

_CHUNK = 64
"""Most rows in one statement (64 rows of 14 values stay below SQLite's oldest limit of 999)."""
_EXACT = 16
"""Up to this many rows a statement has exactly that many: few enough to stay prepared."""


@lru_cache(maxsize=256)
def _insert(head: str, tail: str, width: int, rows: int) -> str:
    row = "(" + ", ".join("?" * width) + ")"
    return head + ", ".join([row] * rows) + tail


def insert_rows(
    connection: sqlite3.Connection | sqlite3.Cursor,
    head: str,
    rows: Sequence[Sequence[Any]],
    *,
    tail: str = "",
) -> int:
    """
    Insert all `rows`; return the number of rows inserted.

    Args:
        connection: Inside a transaction; a cursor of it is faster.
        head: The statement up to VALUES.
        rows: Rows of equal length.
        tail: The conflict clause.
    """
    start = inserted = 0
    while left := len(rows) - start:
        size = _CHUNK if left >= _CHUNK else min(left, _EXACT)
        chunk = rows[start : start + size]
        values = list(chain.from_iterable(chunk))
        inserted += connection.execute(_insert(head, tail, len(chunk[0]), size), values).rowcount
        start += size
    return inserted
