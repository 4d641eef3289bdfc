"""
Audit of a book: damage, rows that do not match the hash chain, sums that do not match the rows.

In: a connection. Out: one line per problem. Rows are read one by one, so a book of any size can be
verified.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from llmlab.book import chain
from llmlab.book.chain import Chain


def verify(connection: sqlite3.Connection) -> list[str]:
    """Return what is wrong with the book, one line per problem, from one snapshot; or []."""
    connection.execute("BEGIN")
    try:
        damage = _asked(_damage, connection)
        return [*damage, *_asked(_chain, connection), *_asked(_sums, connection)]
    finally:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def end(connection: sqlite3.Connection) -> Chain:
    """Return the end of the chain: the value to keep elsewhere."""
    return chain.end_of(connection) if _is_chained(connection) else Chain()


def place_of(connection: sqlite3.Connection, link: bytes) -> int | None:
    """Return the number of the entry with this link: the chain up to it is intact; else None."""
    last = end(connection)
    if link in {chain.FIRST, last.link}:
        return last.entries if link == last.link else 0
    if not _is_chained(connection):
        return None
    row = connection.execute(_PLACE, {"link": link[: chain.KEPT]}).fetchone()
    return None if row is None else int(row[0])


def _asked(
    question: Callable[[sqlite3.Connection], list[str]], connection: sqlite3.Connection
) -> list[str]:
    try:
        return question(connection)
    except (sqlite3.DatabaseError, ValueError, TypeError, OverflowError) as error:
        return [f"damaged: {' '.join(str(error).split())}"]


def _damage(connection: sqlite3.Connection) -> list[str]:
    lines = connection.execute("PRAGMA integrity_check(20)")
    return [f"damaged: {' '.join(line.split())}" for (line,) in lines if line != "ok"]


def _sums(connection: sqlite3.Connection) -> list[str]:
    count, last = connection.execute(
        "SELECT count(*), coalesce(max(id), 0) FROM attempts"
    ).fetchone()
    gaps = [f"{last - count} of {last} attempts were deleted"] if count != last else []
    misfits = connection.execute(_MISFITS)
    return gaps + [f"sums of {scope} do not match the attempts" for (scope,) in misfits]


# ---- the chain


def _is_chained(connection: sqlite3.Connection) -> bool:
    # A read-only book of version 1 has no chain.
    return int(connection.execute("PRAGMA user_version").fetchone()[0]) > 1


def _chain(connection: sqlite3.Connection) -> list[str]:
    """Return the first problem of the chain: after it, nothing is certain."""
    if _is_chained(connection):
        for problem in _problems(connection):
            return [problem]
    return []


def _problems(connection: sqlite3.Connection) -> Iterator[str]:
    """Check each entry of the chain against its row; then find rows that are not in it."""
    found = Chain()
    for sequence, table, number in connection.execute(_ENTRIES):
        place, what = found.entries + 1, f"{_WHAT[table]} {number}"
        if sequence is None or sequence < place:
            yield f"{what} was inserted"
        elif sequence > place:
            yield f"entry {place} of the audit chain was deleted: {what} is next"
        *row, _, link = connection.execute(_ROW[table], (number,)).fetchone()
        answer = _answer(connection, number, row) if table == _OUTCOME else None
        if found.extend([tuple(row)], {} if answer is None else {number: answer})[0][-1] != link:
            yield f"{what} was changed (entry {place} of the audit chain)"
    last = chain.end_of(connection)
    if last.entries > found.entries:
        yield f"the last {last.entries - found.entries} entries of the audit chain were deleted"
    elif (last.entries, last.link) != (found.entries, found.link):
        yield "the end of the audit chain was changed"
    for (number,) in connection.execute(_STRAY_ANSWERS):
        yield f"an answer of attempt {number} was inserted, or its key was changed"


def _answer(connection: sqlite3.Connection, number: int, row: list[Any]) -> bytes | None:
    """Return the answer that was stored with an outcome; `b"changed"` where it was replaced."""
    found = connection.execute(f"{chain.ANSWERED} = ?", (number,)).fetchone()
    if found is None:
        return None
    _, stored_at, answer = found
    settled_at = row[2]
    return answer if isinstance(answer, bytes) and stored_at == settled_at else b"changed"


_OUTCOME: Final = 1
_WHAT: Final = ("attempt", "the outcome or answer of attempt", "the first outcome of attempt")
_ROW: Final = (
    "SELECT * FROM attempts WHERE id = ?",
    "SELECT * FROM outcomes WHERE attempt = ?",
    "SELECT * FROM superseded WHERE attempt = ?",
)
# Three integers per entry are sorted, in a temporary file where there are many.
_ENTRIES: Final = """
    SELECT sequence, 0, id FROM attempts UNION ALL SELECT sequence, 1, attempt FROM outcomes
    UNION ALL SELECT sequence, 2, attempt FROM superseded ORDER BY 1
"""
_PLACE: Final = """
    SELECT sequence FROM attempts WHERE link = :link
    UNION ALL SELECT sequence FROM outcomes WHERE link = :link
    UNION ALL SELECT sequence FROM superseded WHERE link = :link
"""
_STRAY_ANSWERS: Final = """
    SELECT w.attempt FROM answers AS w
    LEFT JOIN attempts AS a ON a.id = w.attempt LEFT JOIN outcomes AS o ON o.attempt = w.attempt
    WHERE a.key IS NOT w.key OR o.attempt IS NULL ORDER BY w.attempt
"""
_MISFITS: Final = """
    WITH money AS (
        SELECT a.started_at, a.run,
            iif(o.cost_pico IS NOT NULL, o.charge_pico, 0) AS settled,
            iif(o.attempt IS NOT NULL AND o.cost_pico IS NULL, o.charge_pico, 0) AS unknown,
            iif(o.attempt IS NULL, coalesce(a.worst_pico, 0), 0) AS reserved
        FROM attempts AS a LEFT JOIN outcomes AS o ON o.attempt = a.id
    ), scoped AS (
        SELECT 'total' AS scope, * FROM money
        UNION ALL SELECT 'day:' || date(started_at, 'unixepoch'), * FROM money
        UNION ALL SELECT 'run:' || run, * FROM money WHERE run IS NOT NULL
    ), sums AS (
        SELECT scope, sum(settled) AS settled, sum(unknown) AS unknown, sum(reserved) AS reserved
        FROM scoped GROUP BY scope
    )
    SELECT coalesce(s.scope, l.scope)
    FROM sums AS s LEFT JOIN ledger AS l ON l.scope = s.scope
    WHERE coalesce(l.settled_pico, 0) <> s.settled OR coalesce(l.unknown_pico, 0) <> s.unknown
        OR coalesce(l.reserved_pico, 0) <> s.reserved
    UNION
    SELECT l.scope FROM ledger AS l
    WHERE l.settled_pico + l.unknown_pico + l.reserved_pico > 0
        AND l.scope NOT IN (SELECT scope FROM sums)
"""
