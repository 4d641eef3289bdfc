"""
What starting costs: `import llmlab` and `%load_ext llmlab` beside `import aiohttp`.

Each is measured in fresh processes that take turns, so that a slow minute of the machine slows
all alike; medians and ratios are printed. `%load_ext` is measured in an IPython that runs.
"""

import argparse
import os
import statistics
import subprocess
import sys

TIMED = "import time; at = time.perf_counter(); {what}; print('took', time.perf_counter() - at)"
SHELL = (
    "from IPython.core.interactiveshell import InteractiveShell; "
    "shell = InteractiveShell.instance(); "
)
CASES = {
    "import aiohttp": TIMED.format(what="import aiohttp"),
    "import llmlab": TIMED.format(what="import llmlab"),
    "%load_ext llmlab": SHELL + TIMED.format(what="shell.run_line_magic('load_ext', 'llmlab')"),
}
LIMITS = {"import llmlab": 0.5, "%load_ext llmlab": 1.3}
"""Most that each may take, as a share of `import aiohttp`."""


def seconds(code: str) -> float:
    """Run *code* in a fresh interpreter and return the seconds it says it took."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if "KEY" not in name},
    )
    return float(done.stdout.rpartition("took")[2])


def main() -> int:
    """Print medians and ratios; return 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    took: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(rounds + 1):
        for name, code in CASES.items():
            once = seconds(code)
            if number:  # the first round fills the disk's cache and writes .pyc files
                took[name].append(once)
    base = statistics.median(took["import aiohttp"])
    missed = False
    for name, times in took.items():
        middle = statistics.median(times)
        limit = LIMITS.get(name)
        told = "" if limit is None else f"  (at most {limit})"
        print(f"{name:<18} {1000 * middle:7.1f} ms   {middle / base:5.2f} x aiohttp{told}")
        missed = missed or (limit is not None and middle / base > limit)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
