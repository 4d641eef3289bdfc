"""One open book a file and process: labs, threads, forks and other programs share it unharmed."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llmlab.book import Attempt, Book, Settlement
from llmlab.errors import BookError
from llmlab.lab import Lab
from llmlab.runs.services import _OF_A_PROCESS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

SPENDER = """
import os, signal, subprocess, sys
from decimal import Decimal
from pathlib import Path
from llmlab.book import Attempt, Book, Settlement
path = Path(sys.argv[1])
def store(book, key):
    sent = book.begin(Attempt(key=key, provider="p", model="m", started_at=1_795_348_800.0,
        worst_usd=Decimal("0.01"))).result()
    settled = Settlement(status="ok", answer=b"x" * 3000, cost_usd=Decimal("0.002"))
    book.finish(sent, settled).result()
def look():
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); " \\
        "c.execute('SELECT count(*) FROM calls').fetchone(); c.close(); " \\
        "open(sys.argv[1], 'rb').close()"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
"""


def attempt(key: str, worst: str = "0.01") -> Attempt:
    """Make an attempt at noon."""
    return Attempt(
        key=key, provider="p", model="m", started_at=1_795_348_800.0, worst_usd=Decimal(worst)
    )


def store(book: Book, key: str) -> None:
    """Make a call that is answered."""
    answered = Settlement(status="ok", answer=key.encode(), cost_usd=Decimal("0.002"))
    book.finish(book.begin(attempt(key)).result(), answered).result()


def run(code: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run *code* in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SPENDER + code, *map(str, arguments)],
        check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


TWO = """
books = [Book.open(path), Book.open(path)]
store(books[0], "k0")
for number in range(1, 21):
    look()
    store(books[number % 2], f"k{number}")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_two_books_of_a_process_lose_nothing(tmp_path: Path) -> None:
    """Another program that opens and closes the file never takes itself for the last one."""
    path = tmp_path / "lab.db"

    done = run(TWO, path)

    assert done.returncode == -9, done.stderr
    with Book.open(path) as book:
        assert len(book.answers([f"k{number}" for number in range(21)])) == 21
        assert book.verify() == []


def test_handles_share_one_open_book(tmp_path: Path) -> None:
    """Five labs on one file have one writer and see each other's work; the last one closes it."""
    path = tmp_path / "lab.db"
    with ExitStack() as stack:
        books = [stack.enter_context(Book.open(path)) for _ in range(5)]
        for number, book in enumerate(books):
            store(book, f"k{number}")

        writers = [each for each in threading.enumerate() if each.name == "llmlab-book"]
        books[0].close()

        assert len(writers) == 1
        assert len(list((tmp_path / "lab.db.owners").iterdir())) == 1
        assert all(len(each.answers(["k0", "k1", "k4"])) == 3 for each in books[1:])
        with pytest.raises(BookError, match="open it again"):
            books[0].answer("k0")
    assert list((tmp_path / "lab.db.owners").iterdir()) == []


def test_a_closed_handle_gives_up_only_its_own(tmp_path: Path) -> None:
    """What a closed lab had under way counts at its worst case; the other lab's goes on."""
    path = tmp_path / "lab.db"
    with Book.open(path) as stays:
        kept = stays.begin(attempt("kept", "0.02")).result()
        with Book.open(path) as leaves:
            leaves.begin(attempt("left", "0.01")).result()

        account = stays.account()
        assert (account.unknown, account.reserved) == (Decimal("0.01"), Decimal("0.02"))
        stays.finish(kept, Settlement(status="ok", cost_usd=Decimal(0))).result()
        assert stays.verify() == []


def test_one_durable_handle_makes_the_book_durable(tmp_path: Path) -> None:
    """Whoever asks for `durable` gets it, although another lab opened the book first."""
    path = tmp_path / "lab.db"
    with Book.open(path) as first, Book.open(path, durable=True):
        found = first._do(lambda t: t.connection.execute("PRAGMA synchronous").fetchone())

    assert found == (2,)


def test_a_symbolic_link_is_the_same_book(tmp_path: Path) -> None:
    """Two names by a symbolic link are one open book, with one journal."""
    path, link = tmp_path / "lab.db", tmp_path / "link.db"
    link.symlink_to(path)
    with Book.open(path) as book, Book.open(link) as same:
        store(book, "a")

        assert same.path == path
        assert same.answer("a") == b"a"
    assert {each.name for each in tmp_path.iterdir()} == {"lab.db", "link.db", "lab.db.owners"}


def test_a_hard_link_is_refused(tmp_path: Path) -> None:
    """A second name by a hard link would get a second journal: it is refused in one line."""
    path = tmp_path / "lab.db"
    Book.open(path).close()
    content = path.read_bytes()
    os.link(path, tmp_path / "other.db")

    for each in (path, tmp_path / "other.db"):
        with pytest.raises(BookError, match=r"2 names \(hard links\).*use a symbolic link"):
            Book.open(each)
    assert path.read_bytes() == content


def test_another_programs_journal_stays_as_it_is(tmp_path: Path) -> None:
    """A foreign database in WAL mode, left by a crash, is refused with its journal untouched."""
    path = tmp_path / "places.db"
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA journal_mode = WAL'); c.execute('CREATE TABLE places (name)')\n"
        "c.execute('INSERT INTO places VALUES (1)'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=300)
    before = {each: each.read_bytes() for each in (path, tmp_path / "places.db-wal")}

    with pytest.raises(BookError, match="not a book; nothing was overwritten"):
        Book.open(path)

    assert {each: each.read_bytes() for each in before} == before


# ---- forks


FORK = """
book = Book.open(path)
store(book, "before")
begun = book.begin(Attempt(key="parent's", provider="p", model="m", started_at=1_795_348_800.0,
    worst_usd=Decimal("0.01"))).result()
if os.fork() == 0:
    assert book.answer("before")
    store(book, "child")
    book.close()
    os._exit(0)
_, status = os.wait()
assert os.waitstatus_to_exitcode(status) == 0, status
assert book.answer("child")
book.finish(begun, Settlement(status="ok", answer=b"x", cost_usd=Decimal("0.002"))).result()
store(book, "parent")
assert book.verify() == [], book.verify()
book.close()
"""


def test_a_forked_child_opens_its_own(tmp_path: Path) -> None:
    """Child and parent go on with the same handle; what had begun is the parent's to finish."""
    path = tmp_path / "lab.db"

    done = run(FORK, path)

    assert (done.returncode, done.stderr) == (0, "")
    with closing(sqlite3.connect(path)) as trail:
        rows = trail.execute("SELECT key, owner, status FROM attempts JOIN outcomes ON attempt=id")
        assert rows.fetchall() == [
            ("before", 1, "ok"), ("parent's", 1, "ok"), ("child", 2, "ok"), ("parent", 1, "ok")
        ]  # fmt: skip
        assert trail.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


LEFT = """
book = Book.open(path)
book.begin(Attempt(key="left", provider="p", model="m", started_at=1_795_348_800.0,
    worst_usd=Decimal("0.01"))).result()
child = os.fork()
if child == 0:
    os.write(1, b"forked\\n")  # by the child: what a fork does in it is done then
    sys.stdin.readline()
    os._exit(0)
signal.pause()
"""


def test_a_child_does_not_keep_a_dead_parent_alive(tmp_path: Path) -> None:
    """What a killed parent had under way is given up, although a child of it lives on."""
    path = tmp_path / "lab.db"
    parent = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SPENDER + LEFT, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert parent.stdout is not None
    assert parent.stdout.readline() == "forked\n"
    parent.kill()
    parent.wait(timeout=300)

    with Book.open(path) as book:
        assert book.account().unknown == Decimal("0.01")
        assert book.account().reserved == 0
    parent.communicate("", timeout=300)


BUSY = """
import threading
book, stop = Book.open(path), threading.Event()
def write(name):
    number = 0
    while not stop.is_set():
        store(book, f"{name}.{number}")
        number += 1
def read():
    while not stop.is_set():
        book.answers([f"w0.{n}" for n in range(500)])
        book.verify()
threads = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(3)]
threads += [threading.Thread(target=read) for _ in range(3)]
for each in threads:
    each.start()
for turn in range(12):
    child = os.fork()
    if child == 0:
        store(book, f"child {turn}")
        book.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
stop.set()
for each in threads:
    each.join()
assert len(book.answers([f"child {turn}" for turn in range(12)])) == 12
assert book.verify() == [], book.verify()
book.close()
"""


def test_forks_amid_writers_and_readers(tmp_path: Path) -> None:
    """A process forks while threads write and read: nothing hangs, nothing is lost."""
    path = tmp_path / "lab.db"

    done = run(BUSY, path)

    assert (done.returncode, done.stderr) == (0, "")
    with closing(sqlite3.connect(path)) as trail:
        assert trail.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


SLOW = """
import threading, time
import llmlab.book.opened as opened
opened._READERS_S = 0.2
book, reading, turns = Book.open(path), threading.Event(), []
def count(connection):
    reading.set()
    turns.append(1)
    ends = 10**9 if len(turns) == 1 else 10
    return connection.execute("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
        "LIMIT ?) SELECT count(*) FROM c", (ends,)).fetchone()
found = []
reader = threading.Thread(target=lambda: found.append(book._read(count)))
reader.start()
reading.wait()
if os.fork() == 0:
    store(book, "child")
    os._exit(0)
_, status = os.wait()
assert status == 0, status
reader.join()
assert found == [(10,)], found
"""


def test_a_long_read_is_asked_again_after_a_fork(tmp_path: Path) -> None:
    """A reader that does not end in time is interrupted, and gets its answer after the fork."""
    done = run(SLOW, tmp_path / "lab.db")

    assert (done.returncode, done.stderr) == (0, "")


HELD = """
import llmlab.book.opened as opened
opened._GROUP_S = 0.2
book = Book.open(path)
store(book, "before")
with book._opened.gate:
    child = os.fork()
    if child == 0:
        for use in (lambda: book.answer("before"), lambda: Book.open(path)):
            try: use()
            except Exception as error: assert "spawn" in str(error), error
            else: os._exit(1)
        os._exit(7)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
store(book, "after")
book.close()
"""


def test_a_fork_that_could_not_wait(tmp_path: Path) -> None:
    """Where a write does not end, the child is told to be spawned; it never touches the file."""
    done = run(HELD, tmp_path / "lab.db")

    assert (done.returncode, done.stderr) == (0, "")


MEMORY = """
book = Book.open(None)
store(book, "before")
if os.fork() == 0:
    assert book.answer("before")
    assert str(book.spent()) == "0.002000000000", book.spent()
    store(book, "child")
    os._exit(0)
_, status = os.wait()
assert status == 0, status
assert book.answer("child") is None
store(book, "parent")
"""


def test_a_book_in_memory_goes_on_from_a_copy(tmp_path: Path) -> None:
    """A forked child knows what was spent before the fork, so its limits do not start anew."""
    done = run(MEMORY, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


LAB = """
from llmlab import Lab
folder = path.parent
lab = Lab(book=path, config=folder, mode="stand-in", env={"LLMLAB_LOCAL_MODEL": str(folder)})
lab.ask("Say one.", "gpt", max_tokens=10)
if os.fork() == 0:
    lab.ask("Say two.", "gpt", max_tokens=10)
    lab.close()
    os._exit(0)
_, status = os.wait()
assert status == 0, status
lab.ask("Say three.", "gpt", max_tokens=10)
assert lab.book.verify() == []
print(len(lab.book.spend(by=("model",))), lab.book.spend(by=("model",))[0]["answered"])
lab.close()
"""


def test_a_lab_in_a_forked_child(tmp_path: Path) -> None:
    """A lab asks in a forked child and in its parent; neither takes the other's connections."""
    done = run(LAB, tmp_path / "lab.db")

    assert (done.returncode, done.stdout, done.stderr) == (0, "1 3\n", "")


def test_every_part_of_one_process_is_made_anew_after_a_fork() -> None:
    """A child waits, sends and counts by parts of its own, never by those of its parent."""
    with Lab(book=":memory:", env={}) as lab:
        parts = lab._services
        names = [name for name in _OF_A_PROCESS if name != "asker"]
        before = [getattr(parts, name) for name in names]
        parts.begin_anew()
        assert all(getattr(parts, name) is not old for name, old in zip(names, before, strict=True))


def stores(path: Path, key: str) -> None:
    """Be the child of a pool: open the book anew."""
    with Book.open(path) as book:
        store(book, key)


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_multiprocessing(tmp_path: Path, method: str) -> None:
    """Processes of every start method open the book that their parent has open."""
    path = tmp_path / "lab.db"
    context: Any = multiprocessing.get_context(method)
    with Book.open(path) as book:
        store(book, "parent")
        children = [
            context.Process(target=stores, args=(path, f"child {number}")) for number in range(3)
        ]
        for each in children:
            each.start()
        for each in children:
            each.join(60)

        assert [each.exitcode for each in children] == [0] * 3
        assert len(book.answers([f"child {number}" for number in range(3)])) == 3
        assert book.verify() == []
