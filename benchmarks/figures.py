"""The arithmetic of all benchmarks, and where their figures are kept."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from benchmarks.machine import NOMINAL, described

Result: TypeAlias = dict[str, Any]
"""What a benchmark found, ready for JSON."""

ROOT: Final = Path(__file__).parent.parent
KEPT: Final = ROOT / "out" / "bench"


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    middle: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} [{self.low:.2f}–{self.high:.2f}]"


def spread(values: Sequence[float]) -> Spread:
    """Return quartiles and median; of one value, that value thrice."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide round by round, so that what slowed a round slowed both."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def normal(seconds: float, pace: float) -> float:
    """Scale CPU seconds by how long the fixed loop took just before them."""
    return seconds * NOMINAL / pace


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which *share* of them lie, the nearest one; 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the slope of the straight line on log-log axes: 1 is a cost that stays per call."""
    import math

    return statistics.linear_regression([*map(math.log, x)], [*map(math.log, y)]).slope


def save(name: str, result: Result, folder: Path = KEPT) -> Path:
    """Keep *result* as JSON, with what it was measured on."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    whole = {**result, "machine": described()}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
    return path


def load(name: str, folder: Path = KEPT) -> Result | None:
    """Return what was kept under *name*, or None."""
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table: the first column is words, the others are figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
