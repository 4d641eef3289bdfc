"""Whatever is wrong with the file or its disk is said in one line, and nothing is overwritten."""

import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.book import Attempt, Book, Settlement
from llmlab.book.schema import VERSION, prepare
from llmlab.errors import BookError

FRAME = pd.DataFrame({"n": ["one", "two", "three"]})


def attempt(key: str) -> Attempt:
    """Make an attempt at noon."""
    return Attempt(
        key=key, provider="p", model="m", started_at=1_795_348_800.0, worst_usd=Decimal("0.01")
    )


def store(book: Book, key: str, answer: bytes) -> None:
    """Make a call that is answered."""
    sent = book.begin(attempt(key)).result()
    book.finish(sent, Settlement(status="ok", answer=answer, cost_usd=Decimal("0.002"))).result()


@pytest.mark.parametrize("content", [b"name,label\nACME,positive\n" * 500, b"x", b"\x00" * 8192])
def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    """A text file under the book's name is refused, byte for byte untouched."""
    path = tmp_path / "lab.db"
    path.write_bytes(content)

    with pytest.raises(BookError, match="not a database; nothing was overwritten"):
        Book.open(path)

    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_book_stays_as_it_is(tmp_path: Path) -> None:
    """A book whose first pages were overwritten is refused and not repaired behind one's back."""
    path = tmp_path / "lab.db"
    with Book.open(path) as book:
        store(book, "a", b"x" * 5_000)
    content = bytearray(path.read_bytes())
    content[100:6_000] = b"\xa5" * 5_900
    path.write_bytes(content)

    with pytest.raises(BookError, match="damaged"):
        Book.open(path)

    assert path.read_bytes() == bytes(content)


def test_damage_found_later_is_said(tmp_path: Path) -> None:
    """Damage on a page that opening does not read is one clear line when it is read."""
    path = tmp_path / "lab.db"
    with Book.open(path) as book:
        for number in range(200):
            store(book, f"k{number}", f"answer {number} ".encode() * 100)
    content = bytearray(path.read_bytes())
    page = content.find(b"answer 100 " * 50) // 4096 * 4096
    content[page : page + 4096] = b"\xa5" * 4096
    path.write_bytes(content)

    with Book.open(path) as book:
        problems: list[str] = []
        for number in range(200):
            try:
                book.answer(f"k{number}")
            except BookError as error:
                problems.append(str(error))

    assert problems
    assert all("damaged" in problem and "\n" not in problem for problem in problems)


def test_another_programs_database_stays_as_it_is(tmp_path: Path) -> None:
    """A SQLite file that is not a book is refused and keeps its journal mode and tables."""
    path = tmp_path / "places.db"
    stranger = sqlite3.connect(path)
    stranger.execute("CREATE TABLE places (name TEXT)")
    stranger.commit()
    stranger.close()
    content = path.read_bytes()

    with pytest.raises(BookError, match="not a book; nothing was overwritten"):
        Book.open(path)

    assert path.read_bytes() == content


def test_a_newer_book_is_not_touched(tmp_path: Path) -> None:
    """A book of a later version names both versions and the way out."""
    path = tmp_path / "lab.db"
    Book.open(path).close()
    future = sqlite3.connect(path)
    future.execute(f"PRAGMA user_version = {VERSION + 1}")
    future.close()
    content = path.read_bytes()

    with pytest.raises(BookError, match=f"book version {VERSION + 1}.*upgrade llmlab"):
        Book.open(path)

    assert path.read_bytes() == content


def test_an_older_book_is_migrated(tmp_path: Path) -> None:
    """A book of an earlier version gets the new columns in one transaction, and keeps its rows."""
    path = tmp_path / "lab.db"
    with Book.open(path) as book:
        store(book, "a", b"kept")
    later = sqlite3.connect(path, isolation_level=None)
    steps = {VERSION + 1: "ALTER TABLE runs ADD COLUMN note TEXT;\nALTER TABLE nowhere ADD x;"}

    with pytest.raises(sqlite3.OperationalError):
        prepare(later, version=VERSION + 1, migrations=steps)
    steps[VERSION + 1] = "ALTER TABLE runs ADD COLUMN note TEXT;"
    prepare(later, version=VERSION + 1, migrations=steps)

    assert later.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
    assert later.execute("SELECT note FROM runs").fetchall() == []
    assert later.execute("SELECT answer FROM answers").fetchone() == (b"kept",)
    later.close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A path below a file is refused with that path in the message."""
    (tmp_path / "file").write_text("")

    with pytest.raises(BookError, match=r"file.*lab\.db"):
        Book.open(tmp_path / "file" / "lab.db")


READ_ONLY = """
import os, sys, tempfile
from pathlib import Path
import pandas as pd
from llmlab import Lab
from llmlab.errors import BookError
def read(lab):
    print(len(lab.runs()), len(lab.run("r").rows), len(lab.spend()), lab.book.verify(), flush=True)
    lab.mark(lab.run("r").rows.iloc[0], right=True)
stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
with tempfile.TemporaryDirectory() as name:  # all modules are loaded while they can be read
    env = {"LLMLAB_LOCAL_MODEL": name}
    with Lab(book=Path(name) / "lab.db", config=name, mode="stand-in", env=env) as lab:
        frame = pd.DataFrame({"n": ["one"]})
        lab.abtest({"p": "Say {{ n }}."}, "gpt", on=frame, quiet=True, name="r")
        read(lab)
sys.stdout = stdout
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    read(Lab(book=Path(sys.argv[1]), config="/", mode="stand-in", env={}))
except BookError as error:
    print(error)
"""


def in_a_read_only_folder(folder: Path, path: Path) -> str:
    """Return what a lab says that reads a book in a folder without write permission."""
    folder.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(path)],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    folder.chmod(0o755)
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are not POSIX here")
@pytest.mark.parametrize("where", ["share", "folder", "file"])
def test_a_read_only_book_is_read(where: str) -> None:
    """On a read-only share a run, the runs and the spending can be read; writing is refused."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "lab.db"
        env = {"LLMLAB_LOCAL_MODEL": name}
        with Lab(book=path, config=folder, mode="stand-in", env=env) as lab:
            lab.abtest({"p": "Say {{ n }}."}, "gpt", on=FRAME, quiet=True, name="r")
        path.chmod(0o666 if where == "folder" else 0o444)
        content = path.read_bytes()

        said = in_a_read_only_folder(folder, path) if where != "file" else in_a_folder(path)

        assert said.startswith("1 3 1 []\n")
        assert "it can only be read here" in said
        assert "choose a folder" in said
        assert said.count("\n") == 2
        assert path.read_bytes() == content
        assert {each.name for each in folder.iterdir()} <= {"lab.db", "lab.db.owners"}


def in_a_folder(path: Path) -> str:
    """Return the same of a file that cannot be written in a folder that can."""
    path.parent.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(path)],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    for end in ("-wal", "-shm"):
        path.with_name(f"lab.db{end}").unlink(missing_ok=True)  # SQLite's own, both empty
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are not POSIX here")
def test_a_read_only_folder_without_a_book() -> None:
    """In a folder without write permission and without a book, the line says what to do."""
    with tempfile.TemporaryDirectory() as name:
        said = in_a_read_only_folder(Path(name), Path(name) / "lab.db")

        assert "choose a folder" in said
        assert said.count("\n") == 1
        assert list(Path(name).iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are not POSIX here")
def test_a_read_only_book_that_was_not_closed() -> None:
    """A journal that cannot be read there is said, rather than read as if it were not there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "lab.db"
        code = "import os, sys; from llmlab.book import *\nb = Book.open(sys.argv[1])\n"
        code += "b.save_run(RunRecord(name='r', created_at=0.0)); os._exit(0)"
        subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=300)
        for each in folder.glob("lab.db*"):
            each.chmod(0o444 if each.is_file() else 0o555)
        (folder / "lab.db-shm").unlink()

        said = in_a_read_only_folder(folder, path)

        assert "its journal cannot be read here: copy it together with lab.db-wal" in said


@pytest.mark.parametrize("version", [-1, -(2**31)])
def test_a_negative_version(tmp_path: Path, version: int) -> None:
    """A schema version that no llmlab has written is damage, said in one line."""
    path = tmp_path / "lab.db"
    Book.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute(f"PRAGMA user_version = {version}")

    with pytest.raises(BookError, match=f"it is damaged: its book version is {version}"):
        Book.open(path)


def test_a_locked_file(tmp_path: Path) -> None:
    """While another program holds a transaction, opening and writing say so, and end."""
    path = tmp_path / "lab.db"
    Book.open(path).close()
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")

    with pytest.raises(BookError, match="another program keeps it locked"):
        Book.open(path, timeout=0.1)
    stranger.execute("COMMIT")

    with Book.open(path, timeout=0.1) as book:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(BookError, match="another program keeps it locked"):
            book.begin(attempt("a")).result()
        assert book.answer("a") is None

        stranger.execute("COMMIT")
        stranger.close()
        assert book.begin(attempt("a")).result() == 1
    assert list((tmp_path / "lab.db.owners").iterdir()) == []


def test_kernels_may_make_the_same_book_at_once(tmp_path: Path) -> None:
    """Six processes that open a book that is not there yet all get it, made once."""
    code = (
        "import sys, pathlib; from llmlab.book import Book\n"
        "with Book.open(pathlib.Path(sys.argv[1]), timeout=30) as book: book.mark('k', 'n', 'v')\n"
    )
    path = tmp_path / "lab.db"

    kernels = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(6)]

    assert [kernel.wait(timeout=300) for kernel in kernels] == [0] * 6


def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    """A full disk is said to every waiter; with space again, the same call goes on."""
    with Book.open(tmp_path / "lab.db") as book:
        store(book, "a", b"before")
        sent = book.begin(attempt("b")).result()
        big = Settlement(status="ok", answer=b"x" * 400_000, cost_usd=Decimal("0.002"))
        book._do(lambda t: t.connection.execute("PRAGMA max_page_count = 40").close())

        with pytest.raises(BookError, match="disk is full: free some space"):
            book.finish(sent, big).result()

        assert book.answer("a") == b"before"
        assert book.account().reserved == Decimal("0.01")
        book._do(lambda t: t.connection.execute("PRAGMA max_page_count = 1000000").close())
        book.finish(sent, big).result()
        assert book.answer("b") == big.answer
        assert book.verify() == []


FULL = """
import resource, sys
from decimal import Decimal
from pathlib import Path
from llmlab import Lab
from llmlab.book import Attempt, Book, Settlement
from llmlab.errors import BookError
path = Path(sys.argv[1])
book = Book.open(path)
def store(key):
    attempt = book.begin(Attempt(key=key, provider="p", model="m", started_at=1_795_348_800.0,
        worst_usd=Decimal("0.01"))).result()
    book.finish(attempt, Settlement(status="ok", answer=b"x" * 9_000, cost_usd=Decimal(0))).result()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
told = 0
try:
    for number in range(1_000):
        store(f"k{number}")
        told += 1
except BookError as error:
    assert "disk" in str(error), error
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert 10 < told < 1_000, told
store("after")
assert len(book.answers([f"k{number}" for number in range(told)])) == told
assert book.answer("after")
assert book.verify() == [], book.verify()
book.close()
assert Book.open(path).verify() == []
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no POSIX limits here")
def test_a_write_that_the_system_refuses(tmp_path: Path) -> None:
    """When the system refuses to let the file grow, what was told is kept and work goes on."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "lab.db")],
        check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_the_journal_is_folded_into_the_file_while_calls_go_on(tmp_path: Path) -> None:
    """What was written reaches the file itself before the book is closed, beside the writer."""
    path = tmp_path / "lab.db"
    with Book.open(path) as book:
        sent = [book.begin(attempt(f"k{number}")) for number in range(600)]
        before = path.stat().st_size
        for each in sent:
            answered = Settlement(status="ok", answer=b"x" * 2_000, cost_usd=Decimal("0.002"))
            book.finish(each.result(), answered)
        until = time.monotonic() + 300
        while path.stat().st_size < before + 500_000 and time.monotonic() < until:
            time.sleep(0.01)

        assert path.stat().st_size >= before + 500_000
        assert book.verify() == []
