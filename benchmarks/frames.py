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
from statistics import median
from time import process_time
from typing import Any, Final

import pandas as pd

from benchmarks.command import command
from benchmarks.figures import Result, ratios, spread, table
from benchmarks.machine import Memory, pin
from llmlab.frames import COLUMNS, to_frame
from llmlab.frames.lists import Lists
from llmlab.records import Answer, Failure, Outcome, Prompt, Request, Row, Usage

ROUNDS: Final = 3
MODELS: Final = [f"model-{at}" for at in range(6)]
"""Requests of an arm share its names; answers come with strings of their own."""


def measure(options: argparse.Namespace) -> Result:
    """Return seconds and bytes by size, from 10,000 rows up."""
    pin(0)
    sizes, size = [], 10_000
    while size <= (10_000 if options.quick else options.rows):
        sizes.append(_size(size))
        size *= 10
    return {"rounds": ROUNDS, "sizes": sizes}


def _size(size: int) -> Result:
    rows, beside = rows_of(size), extra_columns_of(size)
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
    return {
        "rows": size,
        "s": median(ours),
        "ready_s": median(theirs),
        "ratio": spread(ratios(ours, theirs)),
        "frame_mb": held / 1e6,
        "peak": peak / held,
    }


def show(result: Result) -> str:
    """Return one line a size."""
    head = ["rows", "llmlab, s", "pandas from ready lists, s", "ratio", "frame, MB", "peak / frame"]
    rows = [
        [
            f"{each['rows']:,}",
            f"{each['s']:.2f}",
            f"{each['ready_s']:.2f}",
            f"{each['ratio'][1]:.2f} [{each['ratio'][0]:.2f}–{each['ratio'][2]:.2f}]",
            f"{each['frame_mb']:,.0f}",
            f"{each['peak']:.2f}",
        ]
        for each in result["sizes"]
    ]
    return table(head, rows)


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


def extra_columns_of(size: int) -> dict[str, list[Any]]:
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
    memory = Memory()
    before = memory.reset()
    kept = make()
    peak = memory.peak() - before
    del kept
    return float(peak)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000, help="most rows")


if __name__ == "__main__":
    command("frames", __doc__, measure, show, _options)
