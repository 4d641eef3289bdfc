"""
Whether a run ten times as long costs ten times as much: 100 to 100,000 calls, a million if asked.

Each size is a `lab.abtest` in a fresh process on core 0, with the book in a file and 100 calls in
flight: from the plan to the frame. Memory is the peak over that before the run, book is the file
once it is closed. On log-log axes a cost that stays the same per call is a line of slope 1.
"""

import argparse
import json
import subprocess
import sys
import time
from typing import Any, Final

from benchmarks.command import command
from benchmarks.figures import ROOT, Result, normal, slope, table
from benchmarks.harness import served
from benchmarks.machine import Memory, pace, pin

SIZES: Final = (100, 1_000, 10_000, 100_000)
IN_FLIGHT: Final = 100
ONE: Final = "--one"
_WARM: Final = 100


def one(calls: int, url: str) -> Result:
    """Make a run of *calls* in this process and measure it."""
    from benchmarks.ways.labs import Compared

    pin(0)
    warm = Compared(url)
    warm.run(_WARM, IN_FLIGHT)
    warm.close()
    memory, client = Memory(), Compared(url)
    before, slow = memory.reset(), pace()
    start, cpu = time.perf_counter(), time.process_time()
    ran = client.run(calls, IN_FLIGHT)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = memory.peak()
    book = client.labs.closed()
    client.close()
    return {
        "calls": calls,
        "s": took,
        "us": 1e6 * normal(cpu, slow) / calls,
        "kb": (peak - before) / 1e3 / calls,
        "book_kb": book / 1e3 / calls,
        "errors": ran.errors,
        "error": ran.error,
    }


def measure(options: argparse.Namespace) -> Result:
    """Return time, memory and book by size, and the slopes over the last three."""
    sizes: tuple[int, ...] = (100, 1_000) if options.quick else SIZES
    sizes += (1_000_000,) if options.million else ()
    found = []
    for size in sizes:
        with served() as server:
            found.append(_fresh(size, server.url))
    last = found[-3:]
    calls = [each["calls"] for each in last]
    return {
        "in_flight": IN_FLIGHT,
        "sizes": found,
        "slopes": {
            name: slope(calls, [each[name] * each["calls"] for each in last])
            for name in ("us", "kb", "book_kb")
        },
    }


def _fresh(size: int, url: str) -> Any:
    run = [sys.executable, "-m", "benchmarks.scale", ONE, str(size), url]
    done = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)  # noqa: S603 - ours
    return json.loads(done.stdout.splitlines()[-1])


def show(result: Result) -> str:
    """Return one line a size."""
    head = ["calls", "seconds", "CPU µs a call", "peak kB a call", "book kB a call", "errors"]
    rows = [
        [
            f"{each['calls']:,}",
            f"{each['s']:.1f}",
            f"{each['us']:.0f}",
            f"{each['kb']:.1f}",
            f"{each['book_kb']:.1f}",
            f"{each['errors']} {each['error']}".strip(),
        ]
        for each in result["sizes"]
    ]
    slopes = result["slopes"]
    said = f"{slopes['us']:.2f} for CPU, {slopes['kb']:.2f} for memory, {slopes['book_kb']:.2f}"
    return f"{table(head, rows)}\n\nSlopes over the last three: {said} for the book."


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--million", action="store_true", help="a million calls as well")


if __name__ == "__main__":
    if sys.argv[1:2] == [ONE]:
        print(json.dumps(one(int(sys.argv[2]), sys.argv[3])))
    else:
        command("scale", __doc__, measure, show, _options)
