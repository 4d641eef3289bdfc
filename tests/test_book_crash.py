"""Nothing paid is lost: kernels are killed in the middle of their work, and the book still fits."""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from llmlab.book import Attempt, Book, Limits
from llmlab.errors import LimitError

NOON = 1_795_348_800.0


def attempt(key: str, worst: str = "0.01") -> Attempt:
    """Make an attempt at noon."""
    return Attempt(key=key, provider="p", model="m", started_at=NOON, worst_usd=Decimal(worst))


WORK = """
import asyncio, os, sys
from decimal import Decimal
from pathlib import Path
from llmlab.book import Attempt, Book, Settled
book = Book.open(Path(sys.argv[1]), timeout=60.0)
async def call(key):
    if book.answer(key) is not None:
        return
    attempt = await book.begin_async(Attempt(key=key, run="r", provider="p", model="m",
        started_at=1_795_348_800.0, worst_usd=Decimal("0.01")))
    os.write(1, f"sent {key} {attempt}\\n".encode())
    await asyncio.sleep(0.001)
    await book.finish_async(attempt, Settled(status="ok", answer=key.encode() * 50,
        cost_usd=Decimal("0.003")))
    os.write(1, f"told {key} {attempt}\\n".encode())
async def main():
    left = iter(range(int(sys.argv[2])))
    async def worker():
        for number in left:
            await call(f"k{number}")
    await asyncio.gather(*(worker() for _ in range(16)))
asyncio.run(main())
if len(sys.argv) > 3:
    book.begin(Attempt(key="open", provider="p", model="m", started_at=1_795_348_800.0,
        worst_usd=Decimal("0.01"))).result()
    os.write(1, b"waiting\\n")
    sys.stdin.readline()
book.close()
os.write(1, b"done\\n")
"""


def start(path: Path, calls: int, *more: str) -> subprocess.Popen[str]:
    """Start a kernel that answers `calls` calls and says each step on its standard output."""
    return subprocess.Popen(
        [sys.executable, "-c", WORK, str(path), str(calls), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_and_kill(kernel: subprocess.Popen[str], after: int) -> Sequence[tuple[str, ...]]:
    """Kill a kernel once it has said `after` lines; return all it had said by then."""
    assert kernel.stdout is not None
    lines = []
    for line in kernel.stdout:
        lines.append(line)
        if len(lines) == after:
            kernel.kill()
    kernel.wait(timeout=300)
    kernel.stdout.close()
    assert kernel.stdin is not None
    kernel.stdin.close()
    return [tuple(line.split()) for line in lines if line.endswith("\n")]


def test_kill_nine_at_any_moment(tmp_path: Path) -> None:
    """After SIGKILL all answers handed on are there, none is asked again, unknowns count."""
    path, draw = tmp_path / "lab.db", random.Random(20261122)  # noqa: S311 - moments, not secrets
    said: list[tuple[str, ...]] = []
    kills = 0

    while ("done",) not in said:
        before = len(said)
        said += read_and_kill(start(path, 300), after=draw.randrange(1, 150))
        kills += 1
        with Book.open(path) as book:
            for word, *names in said[before:]:
                key = names[0] if names else ""
                assert word != "told" or book.answer(key) == key.encode() * 50
            assert book.verify() == []
            assert book.account().reserved == 0
        assert kills < 100

    trail = sqlite3.connect(path)
    statuses = dict(trail.execute("SELECT id, status FROM calls"))
    answered = trail.execute("SELECT key, count(*) FROM calls WHERE status = 'ok' GROUP BY key")
    counts = dict(answered.fetchall())
    trail.close()
    unknown = sum(status == "unknown" for status in statuses.values())
    with Book.open(path) as book:
        account = book.account()
    assert kills > 4
    assert counts == {f"k{number}": 1 for number in range(300)}
    assert {int(line[2]) for line in said if line[0] == "sent"} <= set(statuses)
    assert unknown > 0
    assert account.unknown == Decimal("0.01") * unknown
    assert account.settled == Decimal("0.003") * 300


def test_the_living_are_left_alone(tmp_path: Path) -> None:
    """A kernel that opens the book gives up the attempts of the dead, never those of the living."""
    path = tmp_path / "lab.db"
    living = start(path, 0, "wait")
    assert living.stdout is not None
    assert living.stdout.readline() == "waiting\n"

    with Book.open(path) as book:
        assert book.recover() == []
        assert book.account().reserved == Decimal("0.01")
        living.kill()
        living.communicate(timeout=300)

        assert book.recover() == [1]
        assert book.recover() == []

        account = book.account()
        assert (account.unknown, account.reserved) == (Decimal("0.01"), Decimal(0))
        with pytest.raises(LimitError, match="worst price"):
            book.begin(attempt("a", "0.995"), Limits(total=Decimal(1))).result()


def test_closing_gives_up_what_is_under_way(tmp_path: Path) -> None:
    """An attempt that nobody will settle any more counts at its worst, also after a clean close."""
    path = tmp_path / "lab.db"
    with Book.open(path) as book:
        book.begin(attempt("a")).result()

    trail = sqlite3.connect(path)
    endings = trail.execute("SELECT status, ending FROM calls, owners").fetchall()
    trail.close()
    with Book.open(path) as book:
        account = book.account()

        assert endings == [("unknown", "closed")]
        assert (account.unknown, account.reserved) == (Decimal("0.01"), Decimal(0))
        assert [row["unknown"] for row in book.spend(by=("model",))] == [1]
    assert list((tmp_path / "lab.db.owners").iterdir()) == []


SLEEPER = """
import sys
from decimal import Decimal
from pathlib import Path
from llmlab.book import Attempt, Book, Settled
with Book.open(Path(sys.argv[1])) as book:
    sent = book.begin(Attempt(key="a", provider="p", model="m", started_at=1_795_348_800.0,
        worst_usd=Decimal("0.01"))).result()
    print("sent", flush=True)
    sys.stdin.readline()
    book.finish(sent, Settled(status="ok", answer=b"late", cost_usd=Decimal("0.004"))).result()
"""


def test_late_facts_replace_unknown(tmp_path: Path) -> None:
    """When the one thought dead comes back with the answer, the facts count and not the worst."""
    path = tmp_path / "lab.db"
    sleeper = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert sleeper.stdout is not None
    assert sleeper.stdout.readline() == "sent\n"
    for lock in (tmp_path / "lab.db.owners").iterdir():
        lock.unlink()  # as if the file had come from another machine

    with Book.open(path) as other:
        assert other.account().unknown == Decimal("0.01")
        sleeper.communicate("wake up\n", timeout=300)

        account = other.account()
        assert sleeper.returncode == 0
        assert (account.settled, account.unknown) == (Decimal("0.004"), Decimal(0))
        assert account.reserved == 0
        assert other.answer("a") == b"late"
        assert other.verify() == []
