"""
How long the reading of a large run takes: summary and pairs of 12 arms × 100,000 rows each.

    python -m benchmarks.stats [--rows 100000]
"""

import argparse
from time import perf_counter
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.command import command
from benchmarks.figures import Result, table
from benchmarks.machine import Memory, pin
from llmlab.comparison import Comparison

ARMS: Final = 12
KINDS: Final = ("binary", "continuous")


def frame(arms: int, calls: int) -> dict[str, Any]:
    """Return the columns that the statistics read, of *arms* × *calls* rows."""
    rng = np.random.default_rng(0)
    size, models = arms * calls, [f"m{at}" for at in range(arms // 2)]
    inputs = pd.array(np.tile(np.arange(calls).astype(str), arms).astype(object), dtype="string")
    return {
        "prompt": pd.Categorical(np.array(["p", "q"])[np.repeat(np.arange(arms) % 2, calls)]),
        "label": pd.Categorical(np.array(models)[np.repeat(np.arange(arms) // 2, calls)]),
        "input_id": inputs,
        "status": pd.Categorical(["ok"]).take(np.zeros(size, dtype=int)),
        "cost_usd": rng.random(size),
        "latency_s": rng.random(size),
        "ttft_s": np.full(size, np.nan),
        "input_tokens": np.full(size, 100.0),
        "output_tokens": np.full(size, 10.0),
        "price_basis": pd.Categorical(["x"]).take(np.zeros(size, dtype=int)),
        **{name: pd.Categorical(["x"]).take(np.zeros(size, dtype=int))
           for name in ("model", "provider", "backend", "answered_by")},
    }  # fmt: skip


def comparison(arms: int, calls: int, kind: str) -> Comparison:
    """Return a comparison whose scores are of *kind*."""
    rng = np.random.default_rng(1)
    size = arms * calls
    scores = (rng.random(size) < 0.6).astype(float) if kind == "binary" else rng.normal(size=size)
    return Comparison("speed", pd.DataFrame({**frame(arms, calls), "score": scores}))


def measure(options: argparse.Namespace) -> Result:
    """Return seconds and peak memory by kind of score."""
    pin(0)
    calls = 1_000 if options.quick else options.rows
    kinds = {}
    for kind in KINDS:
        run, memory = comparison(ARMS, calls, kind), Memory()
        before = memory.reset()
        start = perf_counter()
        _ = run.summary, run.pairs
        took = perf_counter() - start
        kinds[kind] = {"s": took, "extra_mb": (memory.peak() - before) / 2**20}
    return {"arms": ARMS, "rows": calls, "kinds": kinds}


def show(result: Result) -> str:
    """Return one line a kind of score."""
    size = f"{result['arms']} arms × {result['rows']:,} rows"
    rows = [
        [f"summary and pairs, {kind} scores", f"{each['s']:.1f}", f"{each['extra_mb']:,.0f}"]
        for kind, each in result["kinds"].items()
    ]
    return table([size, "seconds", "extra peak MB"], rows)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=100_000, help="rows of an arm")


if __name__ == "__main__":
    command("stats", __doc__, measure, show, _options)
