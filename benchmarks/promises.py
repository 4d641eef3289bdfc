"""What was promised of llmlab's cost, each with its measure, its target and its command."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from benchmarks import calls, imports, peers, streaming
from benchmarks.figures import Result

Results: TypeAlias = Mapping[str, Result | None]
"""By the benchmark's name; None where it was not run."""

HELD: Final = (100, 1_000)
"""Numbers in flight at which a call's cost was promised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One line of the table: *value* reads what *by* found."""

    words: str
    by: str
    value: Callable[[Result], float]
    target: float
    sense: Literal["most", "least"] = "most"
    form: str = "{:.2f}"

    def found(self, results: Results) -> float | None:
        """Return what was measured, None where it was not."""
        result = results.get(self.by)
        if result is None:
            return None
        try:
            return self.value(result)
        except (KeyError, StopIteration, ValueError):
            # Measured in part only: another shape, or a peer that is not installed.
            return None

    def kept(self, value: float) -> bool:
        """Say whether *value* is within the target."""
        return value <= self.target if self.sense == "most" else value >= self.target

    def line(self, results: Results) -> list[str]:
        """Return the row: what, target, measured, reached, command."""
        value = self.found(results)
        sign = "≤" if self.sense == "most" else "≥"
        measured = "not measured" if value is None else self.form.format(value)
        reached = "–" if value is None else "yes" if self.kept(value) else "**no**"
        command = f"`python -m benchmarks.{self.by}`"
        return [self.words, f"{sign} {self.form.format(self.target)}", measured, reached, command]


# ---- how to read a figure out of a result


def shape_of(result: Result, in_flight: int, **like: float) -> Mapping[str, Any]:
    """Return the shape with so many in flight, the one with a delay where there are two."""
    found = [
        each
        for each in result["shapes"]
        if each["in_flight"] == in_flight and all(each[name] == it for name, it in like.items())
    ]
    return max(found, key=lambda each: float(each["delay"]))


def ratio(way: str, in_flight: int) -> Callable[[Result], float]:
    """Read the median ratio of a way."""
    return lambda result: float(shape_of(result, in_flight)["ways"][way]["ratio"][1])


def in_flight(result: Result) -> float:
    """Return the smallest share of what was asked for that was in flight, over llmlab's ways."""
    least: float = min(
        way["most_in_flight"] / shape["in_flight"]
        for shape in result["shapes"]
        for way in _ours(shape["ways"])
    )
    return least


def opened(result: Result) -> float:
    """Return the connections that llmlab's ways made in all warm blocks."""
    return sum(float(way["opened"]) for shape in result["shapes"] for way in _ours(shape["ways"]))


def _ours(ways: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [way for name, way in ways.items() if name.startswith("llmlab")]


def against(names: Iterable[str]) -> Callable[[Result], float]:
    """Read how many times more the cheapest of *names* costs than a run, where that is least."""

    def times(result: Result) -> float:
        least: float = min(
            min(shape["ways"][name]["ratio"][1] for name in names if name in shape["ways"])
            / shape["ways"][calls.RUN]["ratio"][1]
            for shape in (shape_of(result, each) for each in HELD)
        )
        return least

    return times


def chunk(way: str, shape: Any) -> Callable[[Result], float]:
    """Read the CPU ratio of a streamed chunk."""
    return lambda result: float(_stream(result, shape)["ways"][way]["ratio"][1])


def added(way: str) -> Callable[[Result], float]:
    """Read the milliseconds that a way adds to the first words."""
    return lambda result: float(_stream(result, streaming.FIRST)["ways"][way]["added_first_ms"][1])


def _stream(result: Result, shape: Any) -> Mapping[str, Any]:
    return shape_of(result, shape.in_flight, chunks=shape.manner.chunks, pace=shape.manner.pace)


def million(name: str) -> Callable[[Result], float]:
    """Read a figure of the largest frame, if it has a million rows."""

    def value(result: Result) -> float:
        last = result["sizes"][-1]
        if last["rows"] < 1_000_000:
            raise ValueError(name)
        return float(last[name][1] if name == "ratio" else last[name])

    return value


def case(name: str, figure: str) -> Callable[[Result], float]:
    """Read a figure of an import."""

    def value(result: Result) -> float:
        found = result["cases"][name][figure]
        return float(found[1] if figure == "ratio" else found)

    return value


def share(name: str) -> Callable[[Result], float]:
    """Read what a repetition costs of the first time."""
    return lambda result: float(result["ms"][name][1] / result["ms"]["first"][1])


def slope_of(name: str) -> Callable[[Result], float]:
    """Read the slope of a figure over the number of calls."""
    return lambda result: float(result["slopes"][name])


PROMISES: Final = (
    *(
        Promise(words=f"{words}, {each:,} in flight, × reference", by="calls",
                value=ratio(way, each), target=target)
        for words, way, target in (
            ("a run with everything on", calls.RUN, 1.4),
            ("a run with the book off", calls.OFF, 1.2),
            ("calls awaited one by one", calls.ASKED, 1.8),
        )
        for each in HELD
    ),
    Promise(words="share of the calls asked for that was in flight, least", by="calls",
            value=in_flight, target=1.0, sense="least", form="{:.0%}"),
    Promise(words="new connections in warm batches", by="calls", value=opened, target=0,
            form="{:.0f}"),
    Promise(words="pricing an answer, µs", by="pricing",
            value=lambda found: max(each["us"] for each in found["models"].values()), target=2),
    Promise(words="the best other client, times llmlab's run", by="peers",
            value=against(peers.PEERS), target=5, sense="least", form="{:.1f}"),
    Promise(words="litellm, times llmlab's run", by="peers", value=against([peers.LITELLM]),
            target=15, sense="least", form="{:.1f}"),
    *(
        Promise(words=f"{words}, CPU a chunk, {manner}, × reference", by="streaming",
                value=chunk(way, shape), target=1.5)
        for words, way in (
            ("a call in pieces", streaming.CALL), ("`lab.stream`", streaming.STREAM)
        )
        for manner, shape in (
            ("50 bursts", streaming.BURST), ("50 paced streams", streaming.PACED)
        )
    ),
    *(
        Promise(words=f"{words}, added time to the first words, ms", by="streaming",
                value=added(way), target=1.0)
        for words, way in (
            ("a call in pieces", streaming.CALL), ("`lab.stream`", streaming.STREAM)
        )
    ),
    Promise(words="`import llmlab`, × `import aiohttp`", by="imports",
            value=case(imports.LLMLAB, "ratio"), target=0.5),
    Promise(words="`import llmlab`, MB over bare Python", by="imports",
            value=case(imports.LLMLAB, "over_bare_mb"), target=15, form="{:.1f}"),
    Promise(words="`%load_ext llmlab`, × `import aiohttp`", by="imports",
            value=case(imports.EXTENSION, "ratio"), target=1.3),
    Promise(words="10,000 in flight, kB a call over its body", by="flight",
            value=lambda found: float(found["ways"][calls.RUN]["kb"]), target=12, form="{:.1f}"),
    Promise(words="a call at 10,000 in flight, × at 1,000", by="flight",
            value=lambda found: float(found["ways"][calls.RUN]["ratio"][1]), target=1.3),
    Promise(words="a million rows to a frame, × pandas from ready columns", by="frames",
            value=million("ratio"), target=1.3),
    Promise(words="peak memory meanwhile, × the frame", by="frames", value=million("peak"),
            target=2.5),
    Promise(words="the book, CPU µs a call, 100 in flight as fast as it goes", by="book",
            value=lambda found: float(found["full_us"][1]), target=25, form="{:.1f}"),
    Promise(words="the same of calls that take 25 to 75 ms", by="book",
            value=lambda found: float(found["us"][1]), target=25, form="{:.1f}"),
    Promise(words="wait of a hand-over for the book, p99 ms", by="book",
            value=lambda found: float(found["finish_ms"][1]), target=10, form="{:.1f}"),
    Promise(words="packing 50 blocks again, of the first time", by="tokens",
            value=share("same_content"), target=0.02, form="{:.1%}"),
    Promise(words="the same with one block changed", by="tokens", value=share("one_changed"),
            target=0.04, form="{:.1%}"),
    *(
        Promise(words=f"{words} by the number of calls, slope on log-log axes", by="scale",
                value=slope_of(name), target=1.1)
        for words, name in (("CPU", "us"), ("memory", "kb"), ("the book's size", "book_kb"))
    ),
)  # fmt: skip
HEAD: Final = ("what", "target", "measured", "reached", "command")
