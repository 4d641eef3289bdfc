"""
How fast and how lean a run becomes a DataFrame, against pandas from columns that are ready.

    python -m benchmarks.frames [--rows 1000000]

The baseline is given every column as a Python list and makes the same dtypes of them; llmlab is
given the records of a run and must read them out first. Both run in turn, A B A B, the garbage
collector off for both; time is that of the process. Memory is the peak of what the process holds
above what it held before (Linux: VmHWM, set back by /proc/self/clear_refs), in a pass of its own.
"""

import argparse
import gc
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, Final

import pandas as pd

from llmlab.frames import COLUMNS, to_frame
from llmlab.frames.lists import Lists
from llmlab.records import Answer, Failure, Outcome, Prompt, Request, Row, Usage

ROUNDS: Final = 3
MODELS: Final = [f"model-{at}" for at in range(6)]
"""Requests of an arm share its names; answers come with strings of their own."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure how rows become a DataFrame.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    most = parser.parse_args().rows
    print("| rows | llmlab, s | pandas from ready lists, s | ratio | frame, MB | peak / frame |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    size = 10_000
    while size <= most:
        print(_line(size), flush=True)
        size *= 10


def _line(size: int) -> str:
    rows, beside = rows_of(size), beside_of(size)
    # First of all, while there is no freed memory about that could be used again unseen.
    peak = _peak(lambda: to_frame(rows, beside))
    ready = {column.name: column.take(Lists(rows, beside)) for column in COLUMNS}
    gc.collect()
    gc.disable()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_timed(lambda: to_frame(rows, beside)))
        theirs.append(_timed(lambda: from_ready(ready)))
    gc.enable()
    held = float(to_frame(rows, beside).memory_usage(deep=True).sum())
    one, other = median(ours), median(theirs)
    return (
        f"| {size:,} | {one:.2f} | {other:.2f} | {one / other:.2f} | {held / 1e6:,.0f} | "
        f"{peak / held:.2f} |"
    )


def from_ready(ready: dict[str, list[Any]]) -> pd.DataFrame:
    """Make the frame as a person would who has the columns already."""
    return pd.DataFrame(
        {
            column.name: pd.to_datetime(ready[column.name], unit="s", utc=True)
            if column.dtype.startswith("datetime")
            else pd.Series(ready[column.name], dtype=column.dtype)
            for column in COLUMNS
        }
    )


def rows_of(size: int) -> Sequence[Row]:
    """Return rows as a run leaves them: 12 arms, an answer of some words, one call in 50 failed."""
    prompts = [Prompt(name=name, user="u", version="3f9a01bc") for name in ("terse", "analyst")]
    return [_row(at, prompts[at % 2]) for at in range(size)]


def _row(at: int, prompt: Prompt) -> Row:
    model = f"model-{at % 12 // 2}"
    outcome: Outcome = Answer(
        text=f"The label of headline {at} is positive.",
        usage=Usage(input=120, cached=0, output=12, reasoning=None),
        finish="stop", model=model, provider="openai", cost=Decimal("0.000123"),
        price_basis="genai-prices 0.2.3 (2026-11-09)", latency=0.4, started_at=1.76e9 + at,
        request_id=f"req_{at}",
    )  # fmt: skip
    if at % 50 == 0:
        outcome = Failure(kind="Throttled", message="too many requests", attempts=4)
    request = Request(
        provider="openai", model=MODELS[at % 12 // 2], label=MODELS[at % 12 // 2], prompt=prompt
    )
    return Row(
        run="run", request=request, request_hash=f"{at:064x}", input_id=str(at // 12),
        outcome=outcome, score=None if at % 50 == 0 else 1.0,
    )  # fmt: skip


def beside_of(size: int) -> dict[str, list[Any]]:
    """Return what is known of the inputs."""
    return {
        "block": [at // 12 for at in range(size)],
        "target": ["positive"] * size,
        "said": ["positive" if at % 50 else None for at in range(size)],
    }


def _timed(make: Callable[[], object]) -> float:
    start = process_time()
    make()
    return process_time() - start


def _peak(make: Callable[[], object]) -> float:
    """Return the most bytes that the process held above those of before."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    kept = make()
    peak = _status("VmHWM") - before
    del kept
    return peak


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
