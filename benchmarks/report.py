"""
Run every benchmark, each in a process of its own and bounded in time; write docs/performance.md.

    python -m benchmarks.report             all but the peers, some ten minutes on two cores
    python -m benchmarks.report --page      only write the page again, from what is kept
    python -m benchmarks.report --quick     does each of them work at all; writes nothing

The other clients have their own environment: `make bench-peers`.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from benchmarks.figures import ROOT, load
from benchmarks.page import SHOW, page
from benchmarks.pictures import calls_picture, scale_picture

PAGE: Final = ROOT / "docs" / "performance.md"
LONGEST: Final = 600
"""Seconds that one benchmark may take."""
_APART: Final = "peers"


def run(names: Sequence[str], *, quick: bool) -> list[str]:
    """Run the benchmarks *names* one after another; return those that failed."""
    failed = []
    for name in names:
        start = time.monotonic()
        print(f"\n## {name}\n", flush=True)
        options = ["--quick", "--no-save"] if quick else []
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        code: int | str
        try:
            code = subprocess.run(command, cwd=ROOT, timeout=LONGEST, check=False).returncode  # noqa: S603 - ours
        except subprocess.TimeoutExpired:
            code = f"not done after {LONGEST} s"
        if code:
            failed.append(f"{name} ({code})")
        print(f"\n{name}: {time.monotonic() - start:.0f} s", flush=True)
    return failed


def write() -> None:
    """Write the page and its pictures from what is kept."""
    results = {name: load(name) for name in SHOW}
    if not any(results.values()):
        sys.exit("nothing was measured yet: run `python -m benchmarks.report`")
    if calls := results["calls"]:
        calls_picture(calls, results["peers"])
    if scale := results["scale"]:
        scale_picture(scale)
    PAGE.write_text(page(results), encoding="utf-8")
    print(f"\nwritten: {PAGE.relative_to(ROOT)}")


def main() -> int:
    """Run and write as asked; return 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", action="store_true", help="write the page from what is kept")
    parser.add_argument("--quick", action="store_true", help="few and small, nothing is written")
    parser.add_argument("--only", nargs="*", choices=list(SHOW), default=[])
    options = parser.parse_args()
    names = options.only or [name for name in SHOW if name != _APART]
    failed = [] if options.page else run(names, quick=options.quick)
    if not options.quick:
        write()
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
