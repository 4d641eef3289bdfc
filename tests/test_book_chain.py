"""A changed trail is seen: `verify` names the first entry that is not what was written."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.book import Attempt, Book, Settlement
from llmlab.book.chain import FIRST, Chain
from llmlab.book.schema import VERSION, statements
from llmlab.cli import main
from llmlab.errors import UsageError

NOON = 1_795_348_800.0


def attempt(key: str, **more: object) -> Attempt:
    """Make an attempt at noon."""
    known = {"provider": "p", "model": "m", "started_at": NOON, "worst_usd": Decimal("0.01")}
    return Attempt(key=key, **(known | more))  # type: ignore[arg-type]


def store(book: Book, key: str) -> None:
    """Make a call that is answered."""
    answered = Settlement(status="ok", answer=key.encode() * 9, cost_usd=Decimal("0.002"))
    book.finish(book.begin(attempt(key)).result(), answered).result()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a book of five answered calls and one that failed."""
    with Book.open(tmp_path / "lab.db") as book:
        for key in "abcde":
            store(book, key)
        book.finish(book.begin(attempt("f")).result(), Settlement(status="error")).result()
    return tmp_path / "lab.db"


def force(path: Path, *statements: str) -> None:
    """Change the file as someone who drops the triggers would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        triggers = stranger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            stranger.execute(f"DROP TRIGGER {name}")
        for each in statements:
            stranger.execute(each)


_ONE_MORE = (
    "INSERT INTO attempts SELECT 7, owner, 'g', run, provider, model, backend, number, "
    "started_at, 0, prompt, prompt_version, {}, link FROM attempts WHERE id = 1"
)
_END = "the last 1 entries of the audit chain were taken out"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE attempts SET model = 'x' WHERE id = 3", "attempt 3 was changed (entry 5"),
        ("UPDATE attempts SET worst_pico = 1 WHERE id IN (4, 2)", "attempt 2 was changed (entry 3"),
        ("UPDATE outcomes SET cost_pico = 0 WHERE attempt = 4", "the outcome or answer of at"),
        ("UPDATE outcomes SET error = 'x' WHERE attempt = 6", "answer of attempt 6 was changed"),
        ("UPDATE answers SET answer = x'00' WHERE key = 'b'", "answer of attempt 2 was changed"),
        ("UPDATE answers SET answer = 'text' WHERE key = 'b'", "answer of attempt 2 was changed"),
        ("UPDATE answers SET key = 'z' WHERE key = 'b'", "answer of attempt 2 was changed"),
        ("UPDATE answers SET stored_at = 5 WHERE key = 'b'", "answer of attempt 2 was changed"),
        ("UPDATE answers SET attempt = 1 WHERE key = 'c'", "answer of attempt 3 was changed"),
        ("INSERT OR REPLACE INTO answers VALUES ('b', 2, 0, x'')", "answer of attempt 2 was chan"),
        ("DELETE FROM answers WHERE key = 'c'", "answer of attempt 3 was changed (entry 6"),
        ("DELETE FROM attempts WHERE id = 3", "entry 5 of the audit chain was taken out"),
        ("DELETE FROM attempts WHERE id = 6", "entry 11 of the audit chain was taken out"),
        ("DELETE FROM outcomes WHERE attempt = 3", "entry 6 of the audit chain was taken out"),
        ("DELETE FROM outcomes WHERE attempt = 6", _END),
        ("UPDATE ledger SET entries = 11 WHERE scope = 'total'", "end of the audit chain was ch"),
        ("UPDATE ledger SET link = x'' WHERE scope = 'total'", "end of the audit chain was chang"),
        (_ONE_MORE.format("NULL"), "attempt 7 was put in"),
        (_ONE_MORE.format("3"), "was put in"),
        (_ONE_MORE.format("13"), "attempt 7 was changed"),
        ("INSERT INTO answers VALUES ('f', 6, 0.0, x'00')", "answer of attempt 6 was changed"),
        ("INSERT INTO answers VALUES ('z', 6, 0.0, x'00')", "an answer of attempt 6 was put in"),
        ("INSERT INTO answers VALUES ('z', 99, 0.0, x'00')", "an answer of attempt 99 was put in"),
        ("UPDATE outcomes SET link = x'00' WHERE attempt = 2", "answer of attempt 2 was changed"),
        ("UPDATE attempts SET sequence = 8 - sequence WHERE id IN (2, 3)", "attempt 3 was changed"),
        ("UPDATE attempts SET key = iif(id = 2, 'c', 'b') WHERE id IN (2, 3)", "attempt 2 was cha"),
    ],
)
def test_the_first_change_is_named(path: Path, sql: str, said: str) -> None:
    """Whatever was changed, taken out, put in or moved, its first entry is named."""
    force(path, sql)

    with Book.open(path) as book:
        problems = book.verify()

    assert said in problems[0]


def test_a_superseded_unknown_is_followed(tmp_path: Path) -> None:
    """Facts that replace `unknown` are entries of their own; changed ones are found."""
    path = tmp_path / "lab.db"
    with Book.open(path) as book:
        sent = book.begin(attempt("a")).result()
    with Book.open(path) as book:
        answered = Settlement(status="ok", answer=b"late", cost_usd=Decimal("0.002"))
        book.finish(sent, answered).result()
        store(book, "b")
        assert book.verify() == []

    force(path, "UPDATE outcomes SET http_status = 201 WHERE attempt = 1")
    with Book.open(path) as book:
        assert "answer of attempt 1 was changed (entry 3" in book.verify()[0]


def test_an_unknown_is_not_made_up(tmp_path: Path) -> None:
    """An `unknown` that was changed without an entry for its facts is found as well."""
    path = tmp_path / "lab.db"
    with Book.open(path) as book:
        book.begin(attempt("a")).result()
    force(path, "UPDATE outcomes SET status = 'error', cost_pico = 0, charge_pico = 0")

    with Book.open(path) as book:
        assert "answer of attempt 1 was changed (entry 2" in book.verify()[0]


def test_a_chain_that_was_written_anew(path: Path) -> None:
    """Who writes all of it anew passes `verify`, but not a head that was kept elsewhere."""
    with Book.open(path) as book:
        kept = book.head()
        store(book, "g")
        assert book.place_of(kept) == 12
        assert book.place_of(FIRST.hex()) == 0

    rewrite(path)

    with Book.open(path) as book:
        assert book.verify() == []
        assert book.place_of(kept) is None
        with pytest.raises(UsageError, match="give its 64 hex digits"):
            book.place_of("abc")


def rewrite(path: Path) -> None:
    """Change an attempt and fit the whole chain to it."""
    force(path, "UPDATE attempts SET model = 'better' WHERE id = 1")
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        chain = Chain()
        for number in range(1, 8):
            for table, column in (("attempts", "id"), ("outcomes", "attempt")):
                where = f"{table} WHERE {column} = {number}"
                row = stranger.execute(f"SELECT * FROM {where}").fetchone()  # noqa: S608
                sql = "SELECT answer FROM answers WHERE attempt = ?"
                (answer,) = stranger.execute(sql, (number,)).fetchone() or (None,)
                with_it = {number: answer} if table == "outcomes" and answer else {}
                (fitted,) = chain.extend([row[:-2]], with_it)
                sql = f"UPDATE {table} SET link = ? WHERE {column} = {number}"  # noqa: S608
                stranger.execute(sql, fitted[-1:])
        sql = "UPDATE ledger SET link = ? WHERE scope = 'total'"
        stranger.execute(sql, (chain.link,))


def test_a_shell_verifies_and_holds_a_head_against_it(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`llmlab audit verify` prints the head to keep; `--head` says whether it is still there."""
    monkeypatch.setenv("LLMLAB_BOOK", str(path))
    with Book.open(path) as book:
        head = book.head()

    assert main(["audit", "verify"]) == 0
    said = capsys.readouterr().out
    assert main(["audit", "verify", "--head", head]) == 0
    found = capsys.readouterr().out
    assert main(["audit", "verify", "--head", "0" * 64]) == 2
    absent = capsys.readouterr().out

    assert f"head of the audit chain: {head} (12 entries)" in said
    assert "the chain still contains that head, as its entry 12" in found
    assert "the chain does not contain that head" in absent


FLOATS = st.one_of(st.none(), st.floats(), st.integers(-5, 5))
SETTLED = st.builds(
    Settlement,
    status=st.sampled_from(["ok", "error"]),
    answer=st.one_of(st.none(), st.binary(max_size=20)),
    cost_usd=st.one_of(st.none(), st.decimals(0, 1, places=13)),
    input_tokens=st.one_of(st.none(), st.integers(0, 2**60)),
    latency_s=FLOATS,
    error=st.text(),
    http_status=st.one_of(st.none(), st.integers(100, 599)),
    request_id=st.one_of(st.none(), st.text()),
    billed=st.one_of(st.none(), st.booleans()),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), SETTLED)), max_size=12))
def test_whatever_is_written_is_whole(calls: list[tuple[str, Settlement | None]]) -> None:
    """Any calls, same keys, odd numbers and texts included, verify without a finding."""
    with Book.open(None) as book:
        for key, settled in calls:
            begun = book.begin(attempt(key, started_at=int(NOON), prompt=key * 3)).result()
            if settled is None:
                book.release(begun).result()
            else:
                book.finish(begun, settled).result()

        assert book.verify() == []


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_any_changed_value_is_found(draw: random.Random) -> None:
    """One value of one row of the trail, changed to anything else, is found."""
    with Book.open(None) as book:
        for key in "abc":
            store(book, key)
        table = draw.choice(["attempts", "outcomes", "answers"])

        def change(connection: sqlite3.Connection) -> bool:
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute("PRAGMA ignore_check_constraints = 1")
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            column, row = draw.choice(columns), draw.randint(1, 3)
            whole = f"SELECT rowid, * FROM {table}"  # noqa: S608 - one of four
            before = connection.execute(whole).fetchall()
            value = draw.choice([1, 7, 0.5, -3, "x", "", b"\x00", NOON + 1])
            sql = f"UPDATE OR IGNORE {table} SET {column} = ? WHERE rowid = ?"  # noqa: S608
            with suppress(sqlite3.IntegrityError):  # an id is an integer, or nothing
                connection.execute(sql, (value, row))
            return before != connection.execute(whole).fetchall()

        changed = book._do(lambda transaction: change(transaction.connection))

        assert bool(book.verify()) == changed


def test_it_holds_with_several_processes_and_kills(tmp_path: Path) -> None:
    """Three processes extend one chain at once, some are killed: it has no gap and no doubt."""
    code = (
        "import sys; from decimal import Decimal; from llmlab.book import *\n"
        "book = Book.open(sys.argv[1], timeout=60)\n"
        "for number in range(int(sys.argv[2])):\n"
        "    sent = book.begin(Attempt(key=f'k{number % 40}', provider='p', model='m',\n"
        "        started_at=1_795_348_800.0, worst_usd=Decimal('0.01'))).result()\n"
        "    book.finish(sent, Settled(status='ok', answer=b'x' * 99, cost_usd=Decimal(0)))\n"
        "    if number == 20: print('half', flush=True)\n"
    )
    path = tmp_path / "lab.db"
    for _ in range(2):
        kernels = [
            subprocess.Popen([sys.executable, "-c", code, str(path), "150"], stdout=subprocess.PIPE)
            for _ in range(3)
        ]
        for each in kernels[:2]:
            assert each.stdout is not None
            each.stdout.readline()
            each.kill()
        for each in kernels:
            each.communicate(timeout=60)

    with Book.open(path) as book:
        assert book.verify() == []
        assert len(book.answers([f"k{number}" for number in range(40)])) == 40


def test_an_older_book_is_chained_as_it_is_found(tmp_path: Path) -> None:
    """A book of version 1 is migrated: all its rows are chained, and what is changed is found."""
    path = tmp_path / "lab.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        for each in statements(files("llmlab.book").joinpath("schema.sql").read_text("utf-8")):
            old.execute(each)
        old.execute("PRAGMA application_id = 0x4C4C4D42")
        old.execute("PRAGMA user_version = 1")
        old.execute("INSERT INTO owners VALUES (1, 't', 'h', 1, 0, 1, 0, 'closed')")
        old.execute("BEGIN")
        for number in range(1, 1203):
            values = (number, 1, f"k{number}", None, "p", "m", "live", 1, NOON, 0, "", "")
            old.execute("INSERT INTO attempts VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", values)
            old.execute(
                "INSERT INTO outcomes VALUES (?, 'ok', ?, 0, 0, 1,"
                "NULL, NULL, NULL, NULL, NULL, NULL, NULL, '')",
                (number, NOON),
            )
            old.execute(
                "INSERT INTO answers VALUES (?, ?, ?, ?)", (f"k{number}", number, NOON, b"x")
            )
        old.execute("COMMIT")
    path.chmod(0o600)

    with Book.open(path) as book:
        assert book.verify() == []
        assert book.place_of(book.head()) == 2404
        store(book, "new")
        assert book.verify() == []
    with closing(sqlite3.connect(path)) as now:
        assert now.execute("PRAGMA user_version").fetchone() == (VERSION,)
    force(path, "UPDATE answers SET answer = x'01' WHERE key = 'k700'")
    with Book.open(path) as book:
        assert "answer of attempt 700 was changed (entry 1700" in book.verify()[0]
