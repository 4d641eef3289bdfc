"""
What starting costs: `import llmlab` and `%load_ext llmlab` beside `import aiohttp`.

Each is measured in fresh processes that take turns, so that a slow minute of the machine slows
all alike. `%load_ext` is measured in an IPython that runs. Memory is what is resident afterwards,
over a Python that imported nothing (Linux only).
"""

import argparse
import os
import statistics
import subprocess
import sys
from typing import Final

from benchmarks.command import command
from benchmarks.figures import Result, ratios, spread, table
from benchmarks.machine import pin

BARE, AIOHTTP, LLMLAB, LAB, EXTENSION = (
    "bare Python",
    "import aiohttp",
    "import llmlab",
    "from llmlab import Lab",
    "%load_ext llmlab",
)
_TIMED: Final = (
    "import time; at = time.perf_counter(); {what}; took = time.perf_counter() - at; import os; "
    "pages = int(open('/proc/self/statm').read().split()[1]) if os.path.exists('/proc') else 0; "
    "print('took', took, pages * os.sysconf('SC_PAGE_SIZE'))"
)
_SHELL: Final = (
    "from IPython.core.interactiveshell import InteractiveShell; "
    "shell = InteractiveShell.instance(); "
)
CASES: Final = {
    BARE: _TIMED.format(what="pass"),
    AIOHTTP: _TIMED.format(what="import aiohttp"),
    LLMLAB: _TIMED.format(what="import llmlab"),
    LAB: _TIMED.format(what="from llmlab import Lab"),
    EXTENSION: _SHELL + _TIMED.format(what="shell.run_line_magic('load_ext', 'llmlab')"),
}


def once(code: str) -> tuple[float, float]:
    """Run *code* in a fresh interpreter; return the seconds and the MB it says it took."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if "KEY" not in name},
    )
    seconds, held = done.stdout.rpartition("took")[2].split()
    return float(seconds), float(held) / 2**20


def measure(options: argparse.Namespace) -> Result:
    """Return seconds and MB of each case."""
    pin(0)
    rounds = 2 if options.quick else options.rounds
    took: dict[str, list[float]] = {name: [] for name in CASES}
    held: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(rounds + 1):
        for name, code in CASES.items():
            seconds, memory = once(code)
            if number:  # the first round fills the disk's cache and writes .pyc files
                took[name].append(seconds)
                held[name].append(memory)
    base = statistics.median(held[BARE])
    return {
        "rounds": rounds,
        "cases": {
            name: {
                "min_ms": 1e3 * min(took[name]),
                "ms": 1e3 * statistics.median(took[name]),
                "ratio": spread(ratios(took[name], took[AIOHTTP])),
                "min_ratio": min(took[name]) / min(took[AIOHTTP]),
                "over_bare_mb": statistics.median(held[name]) - base,
            }
            for name in CASES
        },
    }


def show(result: Result) -> str:
    """Return the table."""
    head = ["fresh process", "min ms", "median ms", "x aiohttp, medians", "x aiohttp, minima",
            "MB over bare Python"]  # fmt: skip
    rows = [
        [
            f"`{name}`",
            f"{case['min_ms']:.0f}",
            f"{case['ms']:.0f}",
            f"{case['ratio'][1]:.2f} [{case['ratio'][0]:.2f}–{case['ratio'][2]:.2f}]",
            f"{case['min_ratio']:.2f}",
            f"{case['over_bare_mb']:.1f}",
        ]
        for name, case in result["cases"].items()
        if name != BARE
    ]
    return f"{result['rounds']} rounds\n\n{table(head, rows)}"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=15)


if __name__ == "__main__":
    command("imports", __doc__, measure, show, _options)
