"""The book keeps what was sent, what came back and what it cost."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llmlab.book import Attempt, Book, RunItem, RunRecord, Settlement
from llmlab.errors import BookError, UsageError

NOON = 1_795_348_800.0
"""2026-11-22 12:00 UTC."""


def attempt(key: str, *, worst: str | None = "0.01", run: str | None = None) -> Attempt:
    """Make an attempt at noon."""
    return Attempt(
        key=key,
        run=run,
        provider="openai",
        model="gpt-6-luna",
        started_at=NOON,
        worst_usd=None if worst is None else Decimal(worst),
        prompt="terse",
        prompt_version="v1",
    )


def gate_of(book: Book) -> threading.Lock:
    """Return what the writer holds while it writes."""
    return book._writer._source.gate


def ok(answer: bytes = b"positive", cost: str | None = "0.002") -> Settlement:
    """Make a good answer."""
    cost_usd = None if cost is None else Decimal(cost)
    return Settlement(
        status="ok", answer=answer, cost_usd=cost_usd, input_tokens=40, output_tokens=2, billed=True
    )


@pytest.fixture(params=["file", "memory"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    """Open a book on disk and one in memory: both keep the same promises."""
    path = tmp_path / "lab.db" if request.param == "file" else None
    with Book.open(path, clock=lambda: NOON) as opened:
        yield opened


def test_an_answer_is_found_by_its_key(book: Book) -> None:
    """R-30: what was finished is answered from the book, byte for byte; else it is None."""
    sent = book.begin(attempt("a")).result()

    book.finish(sent, ok(b"\x00\xff")).result()

    assert book.answer("a") == b"\x00\xff"
    assert book.answer("b") is None


def test_many_keys_are_asked_at_once(book: Book) -> None:
    """More keys than SQLite takes in one query are answered, and absent ones are left out."""
    for key in ("k3", "k700", "k1999"):
        book.finish(book.begin(attempt(key)).result(), ok(key.encode())).result()

    found = book.answers([f"k{number}" for number in range(2_000)])

    assert found == {"k3": b"k3", "k700": b"k700", "k1999": b"k1999"}


def test_the_first_answer_to_a_key_stays(book: Book) -> None:
    """Two kernels may answer the same key; whoever reads it always reads the first answer."""
    first, second = book.begin(attempt("a")).result(), book.begin(attempt("a")).result()

    book.finish(second, ok(b"second attempt, first answer")).result()
    book.finish(first, ok(b"late")).result()

    assert book.answer("a") == b"second attempt, first answer"


def test_old_answers_can_be_passed_over(tmp_path: Path) -> None:
    """R-30: with a time to live, an answer older than it counts as absent."""
    now = [NOON]
    with Book.open(tmp_path / "lab.db", clock=lambda: now[0]) as book:
        book.finish(book.begin(attempt("a")).result(), ok()).result()

        now[0] += 61

        assert book.answer("a", max_age=60) is None
        assert book.answers(["a"], max_age=60) == {}
        assert book.answer("a", max_age=62) == b"positive"


def test_an_attempt_is_settled_once(book: Book) -> None:
    """A second settlement is refused, alone: what was written with it in a group is kept."""
    sent, other = book.begin(attempt("a")).result(), book.begin(attempt("b")).result()
    book.finish(sent, ok()).result()

    twice, good = book.finish(sent, ok()), book.finish(other, ok())

    with pytest.raises(BookError, match=f"attempt {sent} is not under way"):
        twice.result()
    assert good.result() is None
    assert book.verify() == []


def test_spend_says_what_was_spent_on_what(book: Book) -> None:
    """R-43: dollars are exact and grouped as asked; unknown and reserved ones are apart."""
    for key, model_cost in (("a", "0.000000000001"), ("b", "0.1"), ("c", "0.2")):
        book.finish(book.begin(attempt(key, run="r")).result(), ok(cost=model_cost)).result()
    book.finish(book.begin(attempt("d")).result(), Settlement(status="error", error="cut")).result()
    book.begin(attempt("e", worst="0.05")).result()

    by_run = {row["run"]: row for row in book.spend(by=("run",))}

    assert by_run["r"]["cost_usd"] == Decimal("0.300000000001")
    assert by_run["r"]["input_tokens"] == 120
    assert by_run[None]["unknown_usd"] == Decimal("0.01")
    assert by_run[None]["reserved_usd"] == Decimal("0.05")
    assert [row["day"] for row in book.spend(by=("day", "model"))] == ["2026-11-22"]


def test_spend_refuses_what_it_does_not_know(book: Book) -> None:
    """A column that is not there is named, with those that are."""
    with pytest.raises(UsageError, match="takes day, provider"):
        book.spend(by=("key; DROP TABLE attempts",))


def test_a_run_is_kept_with_its_rows(book: Book) -> None:
    """A run comes back as saved, its rows in order; a repeated row takes the newest words."""
    record = RunRecord(name="r", created_at=NOON, plan=b"plan")
    book.save_run(record)
    book.add_rows("r", [RunItem(position=n, key=f"k{n}", meta=b"old") for n in range(200)])

    book.save_run(record)
    book.add_rows("r", [RunItem(position=7, key="k7", meta=b"new")])

    assert book.runs() == [record] == [book.run("r")]
    assert [row.position for row in book.rows("r")] == list(range(200))
    assert book.rows("r")[7].meta == b"new"
    assert book.run("other") is None


def test_a_run_is_not_overwritten(book: Book) -> None:
    """The same name with another plan is refused, and so are rows of no run."""
    book.save_run(RunRecord(name="r", created_at=NOON, plan=b"plan"))

    with pytest.raises(BookError, match="another plan"):
        book.save_run(RunRecord(name="r", created_at=NOON, plan=b"other"))
    with pytest.raises(BookError, match="no run 's'"):
        book.add_rows("s", [RunItem(position=0, key="k")])


def test_templates_keep_their_history(book: Book) -> None:
    """R-65: every version that was used can be read again; a version never changes its words."""
    book.note_template("terse", "v1", "One word.")
    book.note_template("terse", "v2", "One word only.")
    book.note_template("terse", "v1", "One word.")

    assert [(t.version, t.text) for t in book.templates("terse")] == [
        ("v1", "One word."),
        ("v2", "One word only."),
    ]
    with pytest.raises(BookError, match="give the new words a new version"):
        book.note_template("terse", "v1", "Two words.")


def test_the_last_label_counts(book: Book) -> None:
    """A person may change their mind; the label reads as the last word."""
    book.mark("a", "quality", "bad")
    book.mark("b", "quality", "good")
    book.mark("a", "quality", "fair")

    assert book.labels("quality") == {"a": "fair", "b": "good"}


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM attempts",
        "UPDATE attempts SET model = 'x'",
        "DELETE FROM outcomes",
        "UPDATE outcomes SET cost_pico = 0",
        "DELETE FROM answers",
        "UPDATE answers SET answer = 'x'",
    ],
)
def test_the_audit_trail_refuses_changes(tmp_path: Path, sql: str) -> None:
    """R-65: no program that opens the file can change or delete what was sent and what it cost."""
    with Book.open(tmp_path / "lab.db") as book:
        book.finish(book.begin(attempt("a")).result(), ok()).result()
    stranger = sqlite3.connect(tmp_path / "lab.db")

    with pytest.raises(sqlite3.IntegrityError, match="audit trail"):
        stranger.execute(sql)

    stranger.close()


def test_verify_finds_what_was_tampered_with(tmp_path: Path) -> None:
    """R-65: a row that was taken out by force, and sums that were changed, are found."""
    with Book.open(tmp_path / "lab.db") as book:
        for key in "abc":
            book.finish(book.begin(attempt(key)).result(), ok()).result()
        book.verify()
        stranger = sqlite3.connect(tmp_path / "lab.db", isolation_level=None)
        stranger.execute("DROP TRIGGER attempts_stay")
        stranger.execute("DELETE FROM attempts WHERE id = 2")
        stranger.close()

        problems = book.verify()

        assert problems == [
            "entry 3 of the audit chain was taken out: the outcome or answer of attempt 2 is next",
            "1 of 3 attempts were taken out",
            "sums of day:2026-11-22 do not fit the attempts",
            "sums of total do not fit the attempts",
        ]


def test_other_programs_read_the_views(tmp_path: Path) -> None:
    """While the book is open, any SQLite client reads calls and daily spend in dollars."""
    with Book.open(tmp_path / "lab.db") as book:
        book.finish(book.begin(attempt("a")).result(), ok()).result()
        book.begin(attempt("b")).result()
        stranger = sqlite3.connect(tmp_path / "lab.db")

        calls = stranger.execute("SELECT day, model, status, cost_usd, worst_usd FROM calls")
        days = stranger.execute("SELECT day, attempts, answered, cost_usd FROM spend_by_day")

        assert calls.fetchall() == [
            ("2026-11-22", "gpt-6-luna", "ok", 0.002, 0.01),
            ("2026-11-22", "gpt-6-luna", "sent", None, 0.01),
        ]
        assert days.fetchall() == [("2026-11-22", 2, 1, 0.002)]
        stranger.close()


async def test_coroutines_wait_for_the_commit(book: Book) -> None:
    """Two hundred calls at once are written by one thread, and each gets its own id and answer."""

    async def call(number: int) -> int:
        sent = await book.begin_async(attempt(f"k{number}"))
        await book.finish_async(sent, ok(str(number).encode()))
        return sent

    ids = await asyncio.gather(*(call(number) for number in range(200)))

    assert sorted(ids) == list(range(1, 201))
    assert book.answers([f"k{n}" for n in range(200)]) == {
        f"k{n}": str(n).encode() for n in range(200)
    }
    assert book.verify() == []


async def test_one_wake_up_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A committed group wakes its loop once, however many coroutines wait for it."""
    loop = asyncio.get_running_loop()
    wake_ups = []
    real = loop.call_soon_threadsafe

    def counted(*args: object, **kwargs: object) -> asyncio.Handle:
        if threading.current_thread().name == "llmlab-book":
            wake_ups.append(args)
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    with Book.open(tmp_path / "lab.db") as book, gate_of(book):
        tasks = [asyncio.create_task(book.begin_async(attempt(f"k{n}"))) for n in range(100)]
        await asyncio.sleep(0)

        gate_of(book).release()  # the writer may go on only now, with all in its queue
        await asyncio.gather(*tasks)
        gate_of(book).acquire()

    assert len(wake_ups) <= 2


async def test_a_begin_cancelled_in_the_queue_is_never_written(book: Book) -> None:
    """Whoever stops waiting for leave to send will not send: nothing is reserved for it."""
    task = asyncio.create_task(book.begin_async(attempt("a")))
    with gate_of(book):
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await settled_down(book)

    assert book.verify() == []


async def test_a_begin_cancelled_during_its_commit_is_taken_back(tmp_path: Path) -> None:
    """When the wait ends while the attempt is being written, its reservation is freed at once."""
    writing, may_go_on = threading.Event(), threading.Event()

    def clock() -> float:
        if threading.current_thread().name == "llmlab-book":
            writing.set()
            may_go_on.wait(timeout=30)
        return NOON

    with Book.open(tmp_path / "lab.db", clock=clock) as book:
        task = asyncio.create_task(book.begin_async(attempt("a")))
        await asyncio.to_thread(writing.wait, 30)

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        may_go_on.set()
        await settled_down(book)

        trail = sqlite3.connect(tmp_path / "lab.db")
        assert trail.execute("SELECT status FROM calls").fetchall() == [("released",)]
        trail.close()


async def settled_down(book: Book) -> None:
    """Wait until what was handed in is written and nothing is reserved; at most some seconds."""
    for _ in range(1_000):
        await asyncio.to_thread(book.mark, "a", "after", "it")  # writes are in order
        if not book.account().reserved:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("a reservation was left behind")


async def test_a_cancelled_finish_is_written(book: Book) -> None:
    """An answer that was paid for is kept even when nobody waits for it any more."""
    sent = await book.begin_async(attempt("a"))
    task = asyncio.create_task(book.finish_async(sent, ok()))
    await asyncio.sleep(0)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    book.mark("a", "after", "it")  # writes are in order: this one is behind it

    assert book.answer("a") == b"positive"


def test_threads_share_a_book(book: Book) -> None:
    """Readers and writers on many threads see each other's committed work."""
    seen: list[bytes | None] = []

    def work(number: int) -> None:
        for turn in range(10):
            key = f"{number}.{turn}"
            book.finish(book.begin(attempt(key)).result(), ok(key.encode())).result()
            seen.append(book.answer(key))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 80
    assert None not in seen


def test_closing_drains_and_may_be_repeated(tmp_path: Path) -> None:
    """What was queued before close is in the file; after it, every use says what to do."""
    book = Book.open(tmp_path / "lab.db")
    futures = [book.begin(attempt(f"k{number}")) for number in range(500)]

    book.close()
    book.close()

    assert [future.result() for future in futures] == list(range(1, 501))
    with pytest.raises(BookError, match="open it again"):
        book.begin(attempt("x"))
    with pytest.raises(BookError, match="open it again"):
        book.answer("x")


def test_strange_text_does_not_lose_a_paid_answer(book: Book) -> None:
    """Half a surrogate pair in a provider's words is escaped; a bad key hurts no other call."""
    sent = book.begin(attempt("a")).result()

    book.finish(sent, Settlement(status="error", error="\ud800", request_id="\udfff")).result()
    bad, good = book.begin(attempt("\ud800")), book.begin(attempt("b"))

    with pytest.raises(BookError, match="cannot hold"):
        bad.result()
    assert good.result() == 2
    assert book.verify() == []


def test_importing_the_book_is_cheap() -> None:
    """Importing the book loads no heavy library."""
    code = "import sys, llmlab.book; print({'pandas', 'numpy', 'aiohttp'} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.strip() == "set()"


async def test_a_begin_cancelled_as_its_ticket_arrives_reserves_nothing(book: Book) -> None:
    """Cancelled in the very round of the loop in which it was told, it is taken back as well."""
    begun = asyncio.create_task(book.begin_async(attempt("a")))
    tell = book._writer._tell_loop

    def tell_and_cancel(told: Any) -> None:
        tell(told)
        begun.cancel()

    book._writer._tell_loop = tell_and_cancel  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await begun
    book._writer._tell_loop = tell  # type: ignore[method-assign]

    await settled_down(book)
    assert book.spent() == 0
