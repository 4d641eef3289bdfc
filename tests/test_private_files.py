"""What holds prompts and answers is readable by its owner alone, from the first byte."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from llmlab import Lab
from llmlab.archive import tape_writer
from llmlab.book import Book
from llmlab.views.export.whole_file import write_whole

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permissions are not POSIX here")


@pytest.fixture(params=[0o000, 0o022, 0o177], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set an umask: one that takes nothing away, the usual one, and one that takes too much."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    """Return who may do what."""
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(folder: Path) -> list[str]:
    """Name what lies in a folder, itself included, that others may touch."""
    return [str(each) for each in [folder, *folder.rglob("*")] if mode(each) & 0o077]


def test_a_project_folder(tmp_path: Path, umask: int) -> None:
    """Book, journal, locks, copies, tapes and exports in `.llmlab` are the owner's alone."""
    folder = tmp_path / ".llmlab"
    lab = Lab(config=tmp_path, mode="stand-in", env={"LLMLAB_LOCAL_MODEL": str(tmp_path / "none")})
    lab.ask("Say one.", "gpt", max_tokens=10)
    lab.book.backup(folder / "copy.db")
    lab.save_tape(folder / "tapes" / "kept.jsonl")
    write_whole(folder / "exports" / "run.html", b"answers")
    write_whole(folder / "exports" / "run.html", b"new answers")

    assert (folder / "lab.db-wal").exists()
    assert open_to_others(folder) == []
    (folder / "lab.db").unlink()
    with pytest.warns(UserWarning, match="saved in"):
        lab.close()
    assert len(list(folder.glob("*.rescued-*.db"))) == 1
    assert open_to_others(folder) == []
    assert mode(folder / "copy.db") == 0o600
    assert mode(folder) == 0o700


WATCH = """
import os, sys, threading
from pathlib import Path
from llmlab.book import Book
os.umask(0)
folder, seen, stop = Path(sys.argv[1]), set(), threading.Event()
def watch():
    while not stop.is_set():
        for each in folder.rglob("*"):
            try: seen.add((each.name, each.stat().st_mode & 0o077))
            except OSError: pass
watcher = threading.Thread(target=watch)
watcher.start()
try:
    for turn in range(15):
        with Book.open(folder / f"{turn}.db") as book:
            book.mark("k", "n", "v")
            book.backup(folder / f"copy {turn}.db")
finally:
    stop.set()
watcher.join()
assert len(seen) > 15, seen
assert {mode for _, mode in seen} == {0}, [each for each in seen if each[1]]
"""


def test_from_the_first_byte(tmp_path: Path) -> None:
    """Whoever watches a folder while books are made never sees a file that others may read."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(tmp_path)],
        check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_an_older_book_is_closed_to_others(tmp_path: Path) -> None:
    """A book that others could read says so, once, and is closed to them with all beside it."""
    folder = tmp_path / ".llmlab"
    path = folder / "lab.db"
    Book.open(path).close()
    for each in (folder, path, folder / "lab.db.owners"):
        each.chmod(0o755)

    with pytest.warns(UserWarning, match="others on this machine could read it; now only its"):
        Book.open(path).close()

    assert open_to_others(folder) == []
    Book.open(path).close()


def test_an_older_journal_is_closed_to_others(tmp_path: Path) -> None:
    """The journal of a book that a crash left behind is closed as well."""
    path = tmp_path / "lab.db"
    code = (
        "import os, sys; from llmlab.book import Book\nBook.open(sys.argv[1]).mark('k', 'n', 'v')"
    )
    subprocess.run(
        [sys.executable, "-c", f"{code}; os._exit(0)", str(path)], check=True, timeout=300
    )
    for each in tmp_path.glob("lab.db*"):
        each.chmod(0o644 if each.is_file() else 0o755)

    with pytest.warns(UserWarning, match="others"):
        book = Book.open(path)
    with book:
        assert book.labels("n") == {"k": "v"}
        assert open_to_others(tmp_path / "lab.db.owners") == []
        assert [mode(each) & 0o077 for each in tmp_path.glob("lab.db-*")] == [0, 0]


def test_a_tape_is_private_everywhere(tmp_path: Path, umask: int) -> None:
    """A tape holds prompts: it is the owner's alone where it is written, and when written anew."""
    tape = tmp_path / "runs.jsonl"
    tape_writer.write(tape, [])
    tape.chmod(0o644)
    tape_writer.write(tape, [])

    assert mode(tape) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["runs.jsonl"]


def test_a_file_asked_for_elsewhere_follows_the_umask(tmp_path: Path) -> None:
    """An export that the user puts elsewhere is as open as the user's other files."""
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "run.html", b"answers")
    finally:
        os.umask(before)

    assert mode(tmp_path / "run.html") == 0o644


def test_sqlite_gives_the_journal_the_books_mode(tmp_path: Path) -> None:
    """Another program that opens the book makes no journal that others could read."""
    path = tmp_path / "lab.db"
    Book.open(path).close()
    with closing(sqlite3.connect(path)) as stranger:
        stranger.execute("SELECT * FROM calls").fetchall()

        assert open_to_others(tmp_path / "lab.db.owners") == []
        assert [mode(each) & 0o077 for each in tmp_path.glob("lab.db*")] == [0] * 4
