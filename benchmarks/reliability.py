"""
The proofs that take minutes: faults, kills, limits, a shared and a lost book, rates, attacks.

    python -m benchmarks.reliability [table] [kill] [batches] [limit] [shared] [lost] [rate]
                                     [flight] [attacks]

Without a word everything is run. `table` and `batches` write their tables into
docs/reliability.md.
Every server is a process on this machine; its own log of what it served is the judge.
"""

import argparse
import asyncio
import resource
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil

from benchmarks.attacks import attacks
from benchmarks.harness import served
from benchmarks.server import Manner
from benchmarks.ways.pipeline import InFile, ran_of
from tests import batch_proof
from tests.chaos import table
from tests.killing import killed
from tests.losing import AT_ONCE, lost
from tests.sharing import shared
from tests.spending import spent

DOC = Path(__file__).parent.parent / "docs" / "reliability.md"
_FAULTS = "<!-- table: written by benchmarks/reliability.py -->\n"
_BATCHES = "<!-- batches: written by benchmarks/reliability.py -->\n"
_END = "<!-- end -->"


def write_table() -> None:
    """Measure every fault and renew the table in the docs."""
    _write(_FAULTS, asyncio.run(table()))


def write_batches() -> None:
    """Let kernels die, be interrupted and run at once while they hand in; renew the table."""
    _write(_BATCHES, asyncio.run(batch_proof.table()))


def _write(begin: str, measured: str) -> None:
    """Put a table between its marks in the docs."""
    text = DOC.read_text(encoding="utf-8")
    head, found, rest = text.partition(begin)
    assert found, f"docs/reliability.md has no line {begin!r}"
    tail = rest.partition(_END)[2]
    DOC.write_text(f"{head}{begin}{measured}{_END}{tail}", encoding="utf-8")
    print(measured)


def kill() -> None:
    """Kill a run of 500 calls 20 times."""
    with tempfile.TemporaryDirectory() as folder:
        done = killed(Path(folder), kills=20, calls=500, seed=20, longest=0.25)
    print(
        f"kill: {done.kills} SIGKILLs, {done.answered} of {done.calls} calls answered, "
        f"{done.served} requests served\n"
        f"  sent again after their answer was handed on: {done.sent_after_handing_on}\n"
        f"  sent twice: {done.sent_twice}; attempts the book calls unknown: {done.unknown}; "
        f"sent twice and not unknown: {done.undeclared}\n"
        f"  settled ${done.settled:.6f}, by the provider's log for these answers "
        f"${done.billed_known:.6f}; unknown ${done.unknown_usd:.6f} at worst price; "
        f"the provider wrote ${done.billed:.6f} in all; book problems: {list(done.problems)}"
    )
    assert done.answered == done.calls
    assert done.sent_after_handing_on == done.undeclared == 0
    assert done.settled == done.billed_known


def limit() -> None:
    """Let 200 workers in 4 processes loose on one dollar, three times."""
    for seed in range(3):
        with tempfile.TemporaryDirectory() as folder:
            done = spent(Path(folder), limit=1.0, calls=150, seed=seed)
        account = done.account
        print(
            f"limit $1.00, 4 x 50 workers, seed {seed}: billed ${done.billed:.5f}; book "
            f"${account.settled:.5f} settled + ${account.unknown:.5f} unknown; "
            f"{done.answered} answered, {done.served} served, refused and failed: {done.errors}"
        )
        assert done.billed <= done.limit
        assert account.spent >= 0.95 * float(done.limit)


def shared_book() -> None:
    """Let labs, threads, forks, processes and other programs at one book, with kills, 20 times."""
    rounds = []
    for seed in range(20):
        with tempfile.TemporaryDirectory() as folder:
            done = shared(Path(folder), labs=(1, 2, 5)[seed % 3], calls=40, limit=0.3, seed=seed)
        rounds.append(done)
        print(f"shared: round {seed}: {done}", flush=True)
    for labs in (1, 2, 5):
        mine = [each for each in rounds if each.labs == labs]
        print(
            f"shared: {labs} labs, {len(mine)} rounds: billed at most "
            f"${max(each.billed for each in mine):.5f} of $0.30, {sum(e.served for e in mine)} "
            f"served, {sum(e.handed_on for e in mine)} handed on, "
            f"{sum(e.lost for e in mine)} lost, {sum(e.sent_again for e in mine)} sent again, "
            f"{sum(len(e.problems) for e in mine)} problems, errors {[e.errors for e in mine]}"
        )
    assert all(each.billed <= each.limit for each in rounds)
    assert not any(each.lost or each.problems or each.errors for each in rounds)


def lost_book() -> None:
    """Delete the book of a kernel with 16 calls under way."""
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            done = lost(Path(folder), calls=400)
        print(f"lost: {done}")
        assert done.after <= 2 * AT_ONCE
        assert (done.missing, done.problems) == (0, ())


def rate() -> None:
    """Send 100 requests a minute for five minutes of real time at a provider that enforces it."""
    asyncio.run(_rate())


async def _rate(minutes: int = 5) -> None:
    import pandas as pd

    from llmlab import Lab
    from llmlab.sim import RuleAuthor, Simulator, environment
    from llmlab.sim.server.limits import Limit

    calls = 100 * (minutes + 1)  # the first window is used up at once
    async with Simulator(author=RuleAuthor(), limits={"openai": Limit(rpm=100)}) as simulator:
        env = {"OPENAI_API_KEY": "sk-x", **environment(simulator)}
        limits = {"openai": {"rpm": 100}}
        async with Lab(book=":memory:", env=env, config="/", limits=limits) as lab:
            frame = pd.DataFrame({"n": list(map(str, range(calls)))})
            start = time.monotonic()
            run = await lab.abtest_async(
                {"p": "Say {{ n }}."}, "gpt", on=frame, quiet=True, max_tokens=20
            )
            took = time.monotonic() - start
        statuses = Counter(each.status for each in simulator.log)
    failed = int((run.rows["status"] != "ok").sum())
    print(
        f"rate: {calls} calls under rpm=100 in {took:.0f} s "
        f"({60 * calls / took:.0f} a minute, the first window's burst included); "
        f"statuses {dict(statuses)}, {failed} failed"
    )
    assert statuses == {200: calls}


def flight() -> None:
    """Hold 1,000 calls in flight at a server that takes 50 ms."""
    process = psutil.Process()
    with served() as server:
        client = InFile(server.url)
        server.ask(Manner(delay=0.05))
        before, files = process.memory_info().rss, process.num_fds()
        with _Peak(process) as peak:
            start = time.monotonic()
            rows = client.rows(10_000, 1_000)
            took = time.monotonic() - start
        failed = ran_of(rows).errors
        client.close()
    print(
        f"flight: {len(rows)} calls, 1,000 in flight, 50 ms server: {took:.1f} s "
        f"({len(rows) / took:.0f} calls/s), {failed} errors; at most "
        f"{peak.files - files} sockets and files more than before, "
        f"{process.num_fds() - files} after; memory {before / 2**20:.0f} MB before, "
        f"{peak.memory / 2**20:.0f} MB at most "
        f"(all {len(rows)} rows of 1.3 kB kept)"
    )


class _Peak:
    """Watch a process's memory and open files from a thread."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.memory = self.files = 0

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.memory = max(self.memory, self._process.memory_info().rss)
            self.files = max(self.files, self._process.num_fds())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()


PROOFS: dict[str, Callable[[], None]] = {
    "table": write_table,
    "kill": kill,
    "batches": write_batches,
    "limit": limit,
    "shared": shared_book,
    "lost": lost_book,
    "rate": rate,
    "flight": flight,
    "attacks": attacks,
}


def main() -> None:
    """Run the proofs that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("proofs", nargs="*", choices=[*PROOFS, []])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    for name in parser.parse_args().proofs or PROOFS:
        PROOFS[name]()


if __name__ == "__main__":
    main()
