"""
What happens under attack: endless replies, impossible numbers, cuts, cancels, equal questions.

In: nothing. Out: a line each, by the log of a server that is another process or another thread.
`python -m benchmarks.reliability attacks` prints them.
"""

import asyncio
import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pandas as pd

from llmlab import Lab
from tests.fleet import began, ended, kernel, provider, served
from tests.killing import killed
from tests.loopback import Came, Loopback, Said
from tests.test_impossible_numbers import TEXT, WHOLE, cases_of, ran_over
from tests.test_one_in_flight import ANSWER, MODEL

CALLS: Final = 120


def numbers() -> None:
    """Put what cannot be in the place of every number of seven kinds of reply."""
    rows = unknown = 0
    for name, (model, document) in WHOLE.items():
        cases = cases_of(document)
        options: dict[str, Any] = {"search": True} if "responses" in name else {}
        run, lab = ran_over(cases, model, **options)
        with lab:
            assert set(run.rows["text"]) == {TEXT}
            assert lab.book.verify() == []
        rows += len(run.rows)
        unknown += int((run.rows["cost_usd"].isna()).sum())
    print(
        f"numbers: {rows:,} replies of {len(WHOLE)} kinds with one number each that cannot be: "
        f"every text kept, no run ended, {unknown:,} costs unknown"
    )


def same() -> None:
    """Ask the same at the same moment: tasks of one process, then kernels on one book."""
    print(f"same: 20 identical questions at once: {asyncio.run(_asked())} served")
    for kernels, calls in ((2, 200), (3, 300)):
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            folder = Path(name)
            url = stack.enter_context(provider(folder, "delay:0.05"))
            running = [stack.enter_context(kernel(folder, url, calls)) for _ in range(kernels)]
            for process in running:
                began(process)
            answered = [ended(process)["ok"] for process in running]
            times = Counter(each.user for each in served(folder))
        print(
            f"same: {kernels} kernels run one plan of {calls} calls at once: "
            f"{times.total()} served, {times.total() - len(times)} twice, answered {answered}"
        )
        assert answered == [calls] * kernels


async def _asked() -> int:
    def reply(_: Came) -> Said:
        time.sleep(0.3)
        return Said(body=ANSWER)

    with Loopback(reply) as server:
        async with Lab(book=None, env=server.env, config="/") as lab:
            await asyncio.gather(*(lab.ask_async("Spring?", MODEL) for _ in range(20)))
        return len(server.log)


def cancelled() -> None:
    """Cancel `abtest_async` in the middle and look again ten seconds later."""
    asyncio.run(_cancelled())


async def _cancelled() -> None:
    def reply(_: Came) -> Said:
        time.sleep(0.5)
        return Said(body=ANSWER)

    frame = pd.DataFrame({"n": [str(n) for n in range(CALLS)]})
    with Loopback(reply) as server:
        async with Lab(book=None, env=server.env, config="/", max_in_flight=16) as lab:
            work = lab.abtest_async({"p": "Say {{ n }}."}, MODEL, on=frame, quiet=True, name="r")
            task = asyncio.create_task(work)
            await asyncio.to_thread(server.until, 40)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            at_once = len(server.log)
            await asyncio.sleep(10)
            kept = len((await asyncio.to_thread(lab.run, "r")).rows)
            print(
                f"cancelled: {at_once} of {CALLS} served when it had ended, "
                f"{len(server.log)} ten seconds later; {kept} rows kept"
            )
            assert len(server.log) == at_once


def repeats() -> None:
    """Kill a run 20 times before a gateway that bills a name once."""
    with tempfile.TemporaryDirectory() as folder:
        done = killed(
            Path(folder), kills=20, calls=500, seed=20, longest=0.25, idempotency="Idempotency-Key"
        )
    print(
        f"repeats: {done.kills} SIGKILLs, {done.answered} of {done.calls} calls answered, "
        f"{done.unknown} attempts cut and sent again under their name; the gateway wrote and "
        f"billed {done.served}, {done.sent_twice} of them twice"
    )
    assert done.answered == done.served == done.calls


def size() -> None:
    """Answer with a few hundred kilobytes that unpack to 300 MB."""
    packed = gzip.compress(b'{"padding": "' + b"a" * _UNPACKED + b'"}', mtime=0)
    reply = Said(body=packed, headers={"content-encoding": "gzip"})
    with Loopback(lambda _: reply) as server:
        command = [sys.executable, "-c", _ASK_ONCE]
        done = subprocess.run(  # noqa: S603 - this Python, the words above
            command, env={**os.environ, **server.env}, capture_output=True, text=True, check=True
        )
    print(f"size: {len(packed):,} bytes that unpack to {_UNPACKED:,}: {done.stdout.strip()}")


_UNPACKED: Final = 300_000_000
_ASK_ONCE: Final = """
from pathlib import Path
from llmlab import Lab
from llmlab.errors import CallError

def peak():
    # Not getrusage: its peak begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1000

with Lab(book=None, config="/") as lab:
    lab.catalogue
    before = peak()
    try:
        lab.ask("Spring?", "gpt")
    except CallError as error:
        print(f"{error}; peak memory {before} MB before the call, {peak()} MB after it")
"""


def attacks() -> None:
    """Do all of it."""
    size()
    numbers()
    same()
    cancelled()
    repeats()
