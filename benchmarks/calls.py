"""
What a call costs in CPU, and how many are really in flight: llmlab beside aiohttp + orjson.

Each client is a process on core 0, the server one on core 1; they take turns. "In flight" is what
the server held at once of a first wave that it kept waiting for a second; "new connections" are
those it saw made in all measured blocks together, which come after that wave.
"""

import argparse
from typing import Final

from benchmarks.command import command
from benchmarks.figures import Result, Spread, table
from benchmarks.harness import REFERENCE, Shape, Way, compare
from benchmarks.server import Manner

RUN, OFF, ASKED, COMPARED = (
    "llmlab run, everything on",
    "llmlab run, book off",
    "llmlab, awaited one by one",
    "llmlab abtest, frame and all",
)
WAYS: Final = (
    Way(name=REFERENCE, target="benchmarks.ways.plain:Reference"),
    Way(name=RUN, target="benchmarks.ways.pipeline:InFile"),
    Way(name=OFF, target="benchmarks.ways.pipeline:Off"),
    Way(name=ASKED, target="benchmarks.ways.labs:Asked"),
    Way(name=COMPARED, target="benchmarks.ways.labs:Compared"),
)
CALLS: Final = {1: 400, 100: 1_500, 500: 1_500, 1_000: 3_000}
"""Calls of a block, by how many are in flight."""
SHAPES: Final = ((1, 0.0), (100, 0.0), (100, 0.05), (500, 0.05), (1_000, 0.0), (1_000, 0.05))


def measure(options: argparse.Namespace) -> Result:
    """Return the shapes, each with its ways."""
    wanted = SHAPES if not options.in_flight else [
        each for each in SHAPES if each[0] in options.in_flight
    ]  # fmt: skip
    shapes = [
        Shape(calls=CALLS[in_flight], in_flight=in_flight, manner=Manner(delay=delay))
        for in_flight, delay in wanted
    ]
    if options.quick:
        shapes = [Shape(calls=60, in_flight=10, manner=Manner(delay=0.005))]
    ways = WAYS[:1] + tuple(each for each in WAYS[1:] if _is_wanted(each, options.only))
    return {"shapes": compare(ways, shapes, 1 if options.quick else options.rounds)}


def _is_wanted(way: Way, words: str) -> bool:
    return words in way.name


def show(result: Result) -> str:
    """Return a table for each shape."""
    return "\n\n".join(f"{title(each)}\n\n{lines(each)}" for each in result["shapes"])


def title(shape: Result) -> str:
    """Say how many were in flight at what server."""
    delay = shape["delay"]
    waits = f"{1e3 * delay:g} ms" if delay else "no"
    return f"**{shape['in_flight']:,} in flight, {waits} delay**, {shape['rounds']} rounds"


def lines(shape: Result) -> str:
    """Return the ways of a shape as a table."""
    head = ["client", "x reference", "CPU µs a call", "calls/s", "p50 ms", "p99 ms", "in flight",
            "new connections", "peak MB", "errors"]  # fmt: skip
    rows = []
    for name, way in shape["ways"].items():
        rows.append(
            [
                name,
                str(Spread(*way["ratio"])),
                f"{way['us'][1]:.0f}",
                f"{way['calls_per_s']:,.0f}",
                f"{way['p50_ms']:.1f}",
                f"{way['p99_ms']:.1f}",
                f"{way['most_in_flight']:,}",
                f"{way['opened']}",
                f"{way['peak_mb']:.0f}",
                f"{way['errors']} {way['error']}".strip(),
            ]
        )
    rows += [[name, *["–"] * (len(head) - 2), words] for name, words in shape["lost"].items()]
    return table(head, rows)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of the name of the ways to measure")
    parser.add_argument("--in-flight", type=int, nargs="*", choices=sorted(CALLS), default=[])


if __name__ == "__main__":
    command("calls", __doc__, measure, show, _options)
