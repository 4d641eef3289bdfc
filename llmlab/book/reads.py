"""
Every question the book answers, as functions of a connection.

In: keys, names, scopes. Out: bytes, records and sums.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from llmlab.book.entries import Account, RunItem, RunRecord, TemplateVersion
from llmlab.book.money import to_usd
from llmlab.errors import UsageError

_KEYS_IN_A_QUERY = 500
SPEND_COLUMNS = ("day", "provider", "model", "run", "backend", "prompt", "prompt_version")
_SPEND_SQL = """
    SELECT {columns},
        count(*) AS attempts, count(DISTINCT a.key) AS calls,
        coalesce(sum(o.status = 'ok'), 0), coalesce(sum(o.status = 'error'), 0),
        coalesce(sum(o.status = 'unknown'), 0),
        coalesce(sum(o.input_tokens), 0), coalesce(sum(o.cached_tokens), 0),
        coalesce(sum(o.output_tokens), 0), coalesce(sum(o.reasoning_tokens), 0),
        coalesce(sum(o.cost_pico), 0),
        coalesce(sum(o.charge_pico) FILTER (WHERE o.cost_pico IS NULL), 0),
        coalesce(sum(a.worst_pico) FILTER (WHERE o.attempt IS NULL), 0)
    FROM attempts AS a LEFT JOIN outcomes AS o ON o.attempt = a.id
    GROUP BY {columns} ORDER BY {columns}
"""
_SPEND_NAMES = (
    "attempts", "calls", "answered", "failed", "unknown", "input_tokens", "cached_tokens",
    "output_tokens", "reasoning_tokens",
)  # fmt: skip
_SPEND_MONEY = ("cost_usd", "unknown_usd", "reserved_usd")


def answer(connection: sqlite3.Connection, key: str, since: float | None) -> bytes | None:
    """Return the answer to `key`, stored at or after `since` where that is given."""
    row = connection.execute(
        "SELECT answer FROM answers WHERE key = ? AND stored_at >= ?", (key, since or 0.0)
    ).fetchone()
    return None if row is None else bytes(row[0])


def answers(
    connection: sqlite3.Connection, keys: Iterable[str], since: float | None
) -> dict[str, bytes]:
    """Return the answers there are to `keys`, in chunks that SQLite can take."""
    found: dict[str, bytes] = {}
    for chunk in _chunks(dict.fromkeys(keys)):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT key, answer FROM answers WHERE key IN ({marks}) AND stored_at >= ?"  # noqa: S608 - only marks
        found.update(connection.execute(sql, (*chunk, since or 0.0)))
    return found


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    source = iter(keys)
    while chunk := list(islice(source, _KEYS_IN_A_QUERY)):
        yield chunk


def ended_attempts(connection: sqlite3.Connection) -> dict[str, int]:
    """
    Return how many attempts of each key have ended for certain: answered, or refused for nothing.

    A key with one answer and nothing else is left out: its answer is found by the key itself. A
    409 ends nothing: it says that an earlier request with this key is under way.
    """
    sql = """
        SELECT key, count(*) FROM attempts JOIN outcomes ON attempt = id
        WHERE (status = 'ok' OR (status = 'error' AND cost_pico IS NOT NULL))
        AND http_status IS NOT 409
        GROUP BY key HAVING count(*) > 1 OR min(status) = 'error'
    """
    return dict(connection.execute(sql).fetchall())


def token_at_work(connection: sqlite3.Connection, attempt: int) -> str | None:
    """Return the token of the owner that has *attempt* under way; None when it has ended."""
    row = connection.execute(
        "SELECT token FROM attempts JOIN owners ON owners.id = owner "
        "LEFT JOIN outcomes ON attempt = attempts.id WHERE attempts.id = ? AND attempt IS NULL",
        (attempt,),
    ).fetchone()
    return None if row is None else str(row[0])


def spend(connection: sqlite3.Connection, by: Sequence[str]) -> list[dict[str, object]]:
    """Return what was spent on what: one dict a group, money as exact Decimals."""
    strange = [name for name in by if name not in SPEND_COLUMNS]
    if strange or not by:
        raise UsageError(f"spend(by=...) takes {', '.join(SPEND_COLUMNS)}; not {strange or 'none'}")
    columns = ", ".join(
        "date(a.started_at, 'unixepoch')" if name == "day" else f"a.{name}" for name in by
    )
    names = (*by, *_SPEND_NAMES, *_SPEND_MONEY)
    rows = connection.execute(_SPEND_SQL.format(columns=columns))
    return [
        {
            name: to_usd(value) if name in _SPEND_MONEY else value
            for name, value in zip(names, row, strict=True)
        }
        for row in rows
    ]


def latencies(connection: sqlite3.Connection, latest: int) -> list[tuple[str, str, str, float]]:
    """Return provider, model, backend and seconds of the answers among the latest attempts."""
    sql = """
        SELECT provider, model, backend, latency_s FROM calls
        WHERE id > (SELECT coalesce(max(id), 0) FROM attempts) - ?
        AND status = 'ok' AND latency_s IS NOT NULL
    """
    return connection.execute(sql, (latest,)).fetchall()


def account(connection: sqlite3.Connection, scope: str) -> Account:
    """Return the money of a scope; nothing was ever spent in one that is not there."""
    row = connection.execute(
        "SELECT settled_pico, unknown_pico, reserved_pico FROM ledger WHERE scope = ?", (scope,)
    ).fetchone()
    settled, unknown, reserved = row or (0, 0, 0)
    return Account(settled=to_usd(settled), unknown=to_usd(unknown), reserved=to_usd(reserved))


def runs(connection: sqlite3.Connection, name: str | None = None) -> list[RunRecord]:
    """Return the runs, oldest first; only the one called `name` where that is given."""
    sql = (
        "SELECT name, created_at, plan FROM runs WHERE :name IS NULL OR name = :name "
        "ORDER BY created_at, rowid"
    )
    return [
        RunRecord(name=found, created_at=created_at, plan=plan)
        for found, created_at, plan in connection.execute(sql, {"name": name})
    ]


def rows(connection: sqlite3.Connection, run: str) -> list[RunItem]:
    """Return the rows of a run in their order."""
    sql = "SELECT position, key, meta FROM run_items WHERE run = ? ORDER BY position"
    return [
        RunItem(position=position, key=key, meta=meta)
        for position, key, meta in connection.execute(sql, (run,))
    ]


def templates(connection: sqlite3.Connection, name: str) -> list[TemplateVersion]:
    """Return the versions of a template, first used first."""
    sql = (
        "SELECT name, version, text, first_used_at FROM templates WHERE name = ? "
        "ORDER BY first_used_at, rowid"
    )
    return [
        TemplateVersion(name=found, version=version, text=text, first_used_at=first)
        for found, version, text, first in connection.execute(sql, (name,))
    ]


def labels(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    """Return the last label called `name` of each key."""
    sql = "SELECT key, value FROM labels WHERE name = ? ORDER BY id"
    return dict(connection.execute(sql, (name,)).fetchall())


def verify(connection: sqlite3.Connection) -> list[str]:
    """Return what is wrong with the book: damage, removed rows, sums that do not fit their rows."""
    problems = [
        f"damaged: {line}"
        for (line,) in connection.execute("PRAGMA integrity_check(20)")
        if line != "ok"
    ]
    count, last = connection.execute(
        "SELECT count(*), coalesce(max(id), 0) FROM attempts"
    ).fetchone()
    if count != last:
        problems.append(f"{last - count} of {last} attempts were taken out")
    problems += [
        f"sums of {scope} do not fit the attempts" for (scope,) in connection.execute(_MISFITS)
    ]
    return problems


_MISFITS = """
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
