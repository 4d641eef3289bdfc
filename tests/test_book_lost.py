"""A book that is deleted, moved or replaced while it is used: sending stops, nothing is lost."""

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from llmlab.book import Attempt, Book, Limits, RunItem, RunRecord, Settlement
from llmlab.errors import BookError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="an open file stays there")

NOW = 1_795_348_800.0
ANSWERED = Settlement(status="ok", answer=b"paid", cost_usd=Decimal("0.002"))


def attempt(key: str) -> Attempt:
    """Make an attempt at noon."""
    return Attempt(key=key, provider="p", model="m", started_at=NOW, worst_usd=Decimal("0.01"))


def store(book: Book, key: str) -> None:
    """Make a call that is answered."""
    book.finish(book.begin(attempt(key)).result(), ANSWERED).result()


def opened(path: Path) -> Book:
    """Open a book at noon."""
    return Book.open(path, clock=lambda: NOW)


def delete(path: Path) -> None:
    """Take the file away."""
    path.unlink()


def move(path: Path) -> None:
    """Give the file another name."""
    path.rename(path.with_name("elsewhere.db"))


def replace(path: Path) -> None:
    """Put another book there, as a restored copy would be."""
    with opened(path.with_name("other.db")) as other:
        store(other, "other")
    path.with_name("other.db").rename(path)


def clear(path: Path) -> None:
    """Remove the book with all that lies beside it."""
    for each in path.parent.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


@pytest.mark.parametrize(
    ("lose", "said"),
    [
        (delete, "was deleted or moved away"),
        (move, "was deleted or moved away"),
        (replace, "was replaced by another file"),
        (clear, "was deleted or moved away"),
    ],
)
def test_a_lost_book_is_saved(tmp_path: Path, lose: Callable[[Path], None], said: str) -> None:
    """Nothing begins any more, and all that it held, and what is under way, is saved beside it."""
    path, limits = tmp_path / "lab.db", Limits(total=Decimal("0.02"))
    book = opened(path)
    store(book, "before")
    under_way = book.begin(attempt("under way"), limits).result()

    lose(path)

    saved = tmp_path / "lab.db.rescued-20261122T120000Z.db"
    for _ in range(2):
        with pytest.raises(BookError) as caught:
            book.begin(attempt("after"), limits).result()
        assert f"it {said} while it was in use, so nothing more is sent" in str(caught.value)
        assert f"saved in {saved}" in str(caught.value)
        assert "\n" not in str(caught.value)
    book.finish(under_way, ANSWERED).result()
    book.save_run(RunRecord(name="r", created_at=NOW))
    assert book.answers(["before", "under way", "after", "other"]).keys() == {"before", "under way"}
    assert book.verify() == []
    book.close()

    assert saved.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.rescued*-wal"))
    content = saved.read_bytes()
    with Book.open(saved) as again:
        assert len(again.answers(["before", "under way"])) == 2
        assert again.spent() == Decimal("0.004")
        assert again.verify() == []
        assert again.run("r") is not None
    assert len(content) > 20_000


def test_a_limit_does_not_start_anew(tmp_path: Path) -> None:
    """After its book was deleted, no lab of this process opens an empty one in its place."""
    path = tmp_path / "lab.db"
    with opened(path) as book:
        store(book, "before")
        path.unlink()

        with pytest.raises(BookError, match="it was deleted or moved away"):
            Book.open(path)
    with pytest.raises(BookError, match="it was deleted or moved away"):
        Book.open(path)

    next(tmp_path.glob("*.rescued-*.db")).rename(path)
    with opened(path) as book:
        assert book.spent() == Decimal("0.002")


def test_another_process_does_not_begin_a_new_one(tmp_path: Path) -> None:
    """While a kernel has the deleted book open, no other kernel makes an empty one there."""
    path = tmp_path / "lab.db"
    code = "import sys; from llmlab.book import Book; Book.open(sys.argv[1])"
    with opened(path) as book:
        store(book, "before")
        path.unlink()

        other = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

        assert "the file is gone, but another kernel still has it open" in other.stderr
        assert not path.exists()
        with pytest.raises(BookError, match="deleted"):
            book.begin(attempt("after")).result()


def test_a_replacement_stays_as_it_is(tmp_path: Path) -> None:
    """What was put in the place of a book in use is neither written to nor loses its journal."""
    path = tmp_path / "lab.db"
    book = opened(path)
    store(book, "before")
    for end in ("-wal", "-shm"):
        (tmp_path / f"lab.db{end}").unlink()
    replace(path)
    with closing(sqlite3.connect(path)) as living:
        living.execute("INSERT INTO labels (key, name, value, marked_at) VALUES ('k','n','v',0)")
        living.commit()

        with pytest.raises(BookError, match="replaced"):
            book.begin(attempt("after")).result()
        book.close()

        assert (tmp_path / "lab.db-wal").exists()
        assert living.execute("SELECT value FROM labels").fetchall() == [("v",)]
    with closing(sqlite3.connect(path)) as after:
        assert after.execute("SELECT value FROM labels").fetchall() == [("v",)]
        assert after.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert after.execute("SELECT key FROM attempts").fetchall() == [("other",)]


def test_a_journal_that_was_taken_away(tmp_path: Path) -> None:
    """When another program removes the journal in use, all that it held is saved as well."""
    path = tmp_path / "lab.db"
    book = opened(path)
    store(book, "before")
    (tmp_path / "lab.db-wal").unlink()

    for _ in range(9):  # it is looked at now and then
        book.save_run(RunRecord(name="r", created_at=NOW))
    with pytest.raises(BookError, match="it lost its journal to another program"):
        book.begin(attempt("after")).result()
    book.close()

    with pytest.raises(BookError, match="restart the kernel"):
        Book.open(path)
    with Book.open(next(tmp_path.glob("*.rescued-*.db"))) as saved:
        assert saved.answer("before") == b"paid"
        assert saved.verify() == []


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its folder gone, a book is saved in the system's temporary folder, which is said."""
    spare, folder = tmp_path / "spare", tmp_path / "project"
    spare.mkdir()
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    book = opened(folder / "lab.db")
    store(book, "before")
    shutil.rmtree(folder)

    with pytest.raises(BookError, match=rf"is gone with its folder.*saved in {spare}"):
        book.begin(attempt("after")).result()

    book.close()
    with Book.open(next(spare.glob("*.db"))) as saved:
        assert saved.answer("before") == b"paid"


def test_no_folder_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be saved, the book goes on in memory and says how to keep it."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    book = opened(folder / "lab.db")
    under_way = book.begin(attempt("under way")).result()
    shutil.rmtree(folder)

    with pytest.raises(BookError, match=r"in memory only.*lab\.book\.backup"):
        book.begin(attempt("after")).result()

    book.finish(under_way, ANSWERED).result()
    kept = book.backup(tmp_path / "kept.db")
    book.close()
    with Book.open(kept) as saved:
        assert saved.answer("under way") == b"paid"
        assert saved.verify() == []


def test_it_is_noticed_at_the_end(tmp_path: Path) -> None:
    """A book that was deleted while nothing was written is saved when it is closed, and says so."""
    path = tmp_path / "lab.db"
    book = opened(path)
    store(book, "before")
    path.unlink()

    with pytest.warns(UserWarning, match="deleted or moved away"):
        book.close()

    with Book.open(next(tmp_path.glob("*.rescued-*.db"))) as saved:
        assert saved.answer("before") == b"paid"


def test_readers_never_read_the_other_file(tmp_path: Path) -> None:
    """A new connection for reading is not made to what lies there now."""
    path = tmp_path / "lab.db"
    with opened(path) as book:
        store(book, "before")
        replace(path)

        assert book.answer("before") == b"paid"
        assert book.answer("other") is None


def test_a_backup_is_a_whole_book(tmp_path: Path) -> None:
    """A copy is made while the book is used, for its owner alone, and never over another file."""
    with opened(tmp_path / "lab.db") as book:
        store(book, "a")
        copy = book.backup(tmp_path / "copy.db")
        with pytest.raises(BookError, match="exists"):
            book.backup(copy)

    assert copy.stat().st_mode & 0o777 == 0o600
    with Book.open(copy) as kept:
        assert kept.answer("a") == b"paid"
        kept.save_run(RunRecord(name="r", created_at=NOW))
        kept.add_rows("r", [RunItem(position=0, key="a")])
        assert kept.verify() == []
