"""
A whole experiment, end to end, and the speed of its reading.

    python -m benchmarks.experiment [--inputs 200]

Inputs are real: five days of returns of AAPL, IBM and MSFT (bokeh_sampledata, public domain), and
whether the next five days went up. The models are the simulator's, over loopback.
"""

import argparse
import tempfile
from importlib.resources import files
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import pandas as pd

from benchmarks.stats import KINDS, comparison
from llmlab import Lab

PROMPTS: Final = {
    "terse": "{{ ticker }}'s last five daily returns: {{ returns }}. Next five days: up or down?",
    "analyst": (
        "You are a sell-side analyst. {{ ticker }} returned {{ returns }} over five days. Name the "
        "direction of the next five: up or down?"
    ),
}


def inputs(count: int) -> pd.DataFrame:
    """Return *count* inputs with ticker, date, past returns as words, and the next return."""
    path = str(files("bokeh_sampledata") / "_data" / "stocks.csv.gz")
    prices = pd.read_csv(path, parse_dates=["Date"])
    parts = [_of_ticker(str(name), part) for name, part in prices.groupby("Ticker")]
    both = pd.concat(parts, ignore_index=True)
    return both.sample(count, random_state=0).sort_values("date").reset_index(drop=True)


def _of_ticker(name: str, part: pd.DataFrame) -> pd.DataFrame:
    close = part.sort_values("Date").set_index("Date")["Adj Close"]
    daily = close.pct_change()
    weeks = range(6, len(close) - 6, 5)
    return pd.DataFrame(
        {
            "ticker": name,
            "date": [close.index[at] for at in weeks],
            "returns": [
                ", ".join(f"{each:+.2%}" for each in daily.iloc[at - 4 : at + 1]) for at in weeks
            ],
            "next": [float(close.iloc[at + 5] / close.iloc[at] - 1.0) for at in weeks],
        }
    )


def main() -> None:
    """Run the experiment and print what each step took."""
    parser = argparse.ArgumentParser(description="Run an experiment end to end.")
    parser.add_argument("--inputs", type=int, default=200)
    count = parser.parse_args().inputs
    print("| step | result | seconds |\n| --- | --- | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        _end_to_end(Path(folder), count)
    _speed(12, 100_000)


def _end_to_end(folder: Path, count: int) -> None:
    # Without keys every arm is a stand-in; no embedded model, so the rule answers.
    options: dict[str, Any] = {"book": folder / "lab.db", "env": {}, "config": folder,
                               "local_model": "/nonexistent", "mode": "stand-in"}  # fmt: skip
    given: dict[str, Any] = {"on": inputs(count), "score": "direction", "target": "next",
                             "cluster": "date", "as_of": "date", "quiet": True}  # fmt: skip
    with Lab(**options) as lab:
        start = perf_counter()
        run = lab.abtest(PROMPTS, "six", **given)
        _line(f"{count} inputs × 2 prompts × 6 models", f"{len(run.rows):,} calls", start)
        start = perf_counter()
        more = lab.abtest(PROMPTS, ["six", "openai/gpt-5.4-nano"], **given)
        sent = int((~more.rows["from_book"].fillna(value=False)).sum())
        _line("one more model", f"{sent:,} calls sent, the rest from the book", start)
        start = perf_counter()
        said = more.verdict
        _line(
            "summary, pairs, verdict", f"{len(more.summary)} arms, {len(more.pairs)} pairs", start
        )
        for name in ("run.parquet", "run.csv", "report.html", "frontier.png"):
            start = perf_counter()
            written = more.export(folder / name)
            _line(name, f"{written.stat().st_size:,} bytes", start)
    print(f"\n{said}\n")


def _speed(arms: int, calls: int) -> None:
    """Time the statistics of *arms* × *calls* rows, binary and continuous scores."""
    for kind in KINDS:
        run = comparison(arms, calls, kind)
        start = perf_counter()
        _ = run.summary, run.pairs
        _line(f"summary + pairs, {kind}", f"{arms} arms × {calls:,} rows", start)


def _line(step: str, result: str, start: float) -> None:
    print(f"| {step} | {result} | {perf_counter() - start:.2f} |", flush=True)


if __name__ == "__main__":
    main()
