"""
Find what is wrong with a book: damage, rows that do not fit the chain, sums that do not fit rows.

In: a connection. Out: one line a problem. Rows are read as they come, so a book of any size needs
no more memory than a byte a call.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from llmlab.book import chain
from llmlab.book.chain import Answered, Head

_BEGUN, _ENDED, _OPEN = 1, 2, 4
"""What was seen of an attempt: its begin, its end, an `unknown` whose facts must still come."""
_CHUNK: Final = 100

Groups: TypeAlias = Iterable[tuple[object, object, object]]


def verify(connection: sqlite3.Connection) -> list[str]:
    """Return what is wrong with the book, as it stands at one moment; or []."""
    connection.execute("BEGIN")
    try:
        damage = _asked(_damage, connection)
        return [*damage, *_asked(_chain, connection), *_asked(_sums, connection)]
    finally:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def head(connection: sqlite3.Connection) -> Head:
    """Return the end of the chain: what to keep elsewhere."""
    return chain.head(connection) if _is_chained(connection) else Head(0, chain.FIRST)


def place_of(connection: sqlite3.Connection, link: bytes) -> int | None:
    """Return the group whose link this is: the chain up to there is as it was; None: it is not."""
    if link == chain.FIRST:
        return 0
    if not _is_chained(connection):
        return None
    row = connection.execute("SELECT sequence FROM chain WHERE link = ?", (link,)).fetchone()
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
    gaps = [f"{last - count} of {last} attempts were taken out"] if count != last else []
    misfits = connection.execute(_MISFITS)
    return gaps + [f"sums of {scope} do not fit the attempts" for (scope,) in misfits]


# ---- the chain


def _is_chained(connection: sqlite3.Connection) -> bool:
    # A book of version 1 that may only be read has none yet.
    sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'chain'"
    return bool(connection.execute(sql).fetchone()[0])


def _chain(connection: sqlite3.Connection) -> list[str]:
    """Return the first thing that does not fit the chain: after it, nothing is certain."""
    if not _is_chained(connection):
        return []
    (last,) = connection.execute(
        "SELECT max(coalesce((SELECT max(id) FROM attempts), 0), "
        "coalesce((SELECT max(attempt) FROM outcomes), 0))"
    ).fetchone()
    walk = _Walk(connection, bytearray(last + 1))
    for problem in walk.problems():
        return [problem]
    return []


@dataclass(slots=True)
class _Walk:
    """One way through the chain, holding each entry against its row."""

    connection: sqlite3.Connection
    seen: bytearray
    end: Head = field(default=Head(0, chain.FIRST))

    def problems(self) -> Iterator[str]:
        """Yield what does not fit, in the order of the chain; what is not in it comes last."""
        groups = self.connection.execute("SELECT * FROM chain ORDER BY sequence")
        yield from self._linked(groups)
        yield from self._never_settled()
        yield from self._put_in()

    def _linked(self, groups: Groups) -> Iterator[str]:
        for sequence, group, link in groups:
            number = self.end.sequence + 1
            if sequence != number:
                yield f"group {number} of the audit chain was taken out"
            if not isinstance(group, bytes) or link != chain.link(self.end.link, group):
                # Which of its entries it was can often be said: their rows are still there.
                if isinstance(group, bytes):
                    yield from self._entries(group, number)
                yield f"group {number} of the audit chain was changed, or is not where it was"
                return
            self.end = Head(number, link)
            yield from self._entries(group, number)

    def _entries(self, group: bytes, number: int) -> Iterator[str]:
        where = f"group {number} of the audit chain"
        if len(group) % chain.ENTRY:
            yield f"{where} was changed"
            return
        found = [group[at : at + chain.ENTRY] for at in range(0, len(group), chain.ENTRY)]
        for at in range(0, len(found), _CHUNK):
            for problem in self._chunk(found[at : at + _CHUNK]):
                yield f"{problem} ({where})"

    def _chunk(self, found: Sequence[bytes]) -> Iterator[str]:
        numbers = [int.from_bytes(each[1:9], "big") for each in found]
        kinds = [each[:1] for each in found]
        begun = [n for n, kind in zip(numbers, kinds, strict=True) if kind == chain.BEGUN]
        ended = [n for n, kind in zip(numbers, kinds, strict=True) if kind != chain.BEGUN]
        attempts, outcomes = self._attempts(begun), self._outcomes(ended)
        for number, kind, each in zip(numbers, kinds, found, strict=True):
            its = each[9:]
            if kind == chain.BEGUN:
                problem = self._begin(number, attempts.get(number), its)
            else:
                problem = self._ending(number, kind, outcomes.get(number), its)
            if problem:
                yield problem

    def _begin(self, number: int, row: bytes | None, its: bytes) -> str:
        if row is None:
            return f"attempt {number} was taken out"
        if self.seen[number] & _BEGUN:
            return f"attempt {number} was put in again"
        self.seen[number] |= _BEGUN
        return "" if row == its else f"attempt {number} was changed"

    def _ending(self, number: int, kind: bytes, row: bytes | None, its: bytes) -> str:
        if row is None:
            return f"the outcome of attempt {number} was taken out"
        was = self.seen[number]
        if bool(was & _ENDED) != (kind == chain.FACTS):
            return f"the outcome of attempt {number} was put in again"
        self.seen[number] |= _ENDED
        if row == its:
            self.seen[number] &= ~_OPEN
            return ""
        if kind == chain.UNKNOWN:
            self.seen[number] |= _OPEN  # the facts have replaced it: their entry is to come
            return ""
        return f"the outcome or the answer of attempt {number} was changed"

    def _never_settled(self) -> Iterator[str]:
        for number, was in enumerate(self.seen):
            if was & _OPEN:
                yield f"the outcome of attempt {number} was changed"

    def _put_in(self) -> Iterator[str]:
        for table, column, bit, what in (
            ("attempts", "id", _BEGUN, "attempt"),
            ("outcomes", "attempt", _ENDED, "the outcome of attempt"),
        ):
            for (number,) in self.connection.execute(
                f"SELECT {column} FROM {table} ORDER BY {column}"  # noqa: S608 - both from above
            ):
                if number < 1 or not self.seen[number] & bit:
                    yield f"{what} {number} was put in, or the end of the audit chain was taken out"
        for (number,) in self.connection.execute(_STRAY_ANSWERS):
            yield f"an answer of attempt {number} was put in, or its key was changed"

    def _attempts(self, numbers: Sequence[int]) -> dict[int, bytes]:
        rows = self._rows("SELECT * FROM attempts WHERE id", numbers)
        return {row[0]: chain.digest(row) for row in rows}

    def _outcomes(self, numbers: Sequence[int]) -> dict[int, bytes]:
        rows = self._rows(f"{chain.OUTCOMES} WHERE o.attempt", numbers)
        return {row[0]: chain.digest(row[:-3], _answered(row)) for row in rows}

    def _rows(self, sql: str, numbers: Sequence[int]) -> sqlite3.Cursor:
        marks = ", ".join("?" * len(numbers))
        return self.connection.execute(f"{sql} IN ({marks})", numbers)


def _answered(row: "tuple[object, ...]") -> Answered | None:
    key, stored_at, answer = row[-3:]
    if answer is None:
        return None
    # Of another type it was changed: its bytes are what is compared.
    return Answered(key, stored_at, answer if isinstance(answer, bytes) else repr(answer).encode())  # type: ignore[arg-type]


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
