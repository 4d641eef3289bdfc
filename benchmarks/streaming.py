"""
What a streamed chunk costs in CPU, and what llmlab adds to the time to the first words.

50 streams at once, each with 200 chunks in a burst, or with 100 chunks, one every 10 ms; bursts
one after another, where the call itself weighs on its chunks; for the time to the first words,
which is that of the user, from the call, one after another with a chunk every 2 ms. The reference
splits whatever bytes aiohttp hands over and decodes each event with orjson; beside it the same by
aiohttp's lines, as most people would write it.
"""

import argparse
from typing import Final

from benchmarks.command import command
from benchmarks.figures import Result, Spread, table
from benchmarks.harness import Shape, Way, compare
from benchmarks.server import Manner

REFERENCE: Final = "aiohttp bytes + orjson"
LINES: Final = "aiohttp lines + orjson"
CALL: Final = "llmlab call, everything on"
STREAM: Final = "llmlab lab.stream"
WAYS: Final = (
    Way(name=REFERENCE, target="benchmarks.ways.plain:Pieces"),
    Way(name=LINES, target="benchmarks.ways.plain:Lines"),
    Way(name=CALL, target="benchmarks.ways.pipeline:Streamed"),
    Way(name=STREAM, target="benchmarks.ways.labs:Streamed"),
)
BURST: Final = Shape(calls=200, in_flight=50, manner=Manner(chunks=200))
ALONE: Final = Shape(calls=60, in_flight=1, manner=Manner(chunks=200))
PACED: Final = Shape(calls=50, in_flight=50, manner=Manner(chunks=100, pace=0.01))
FIRST: Final = Shape(calls=50, in_flight=1, manner=Manner(chunks=10, pace=0.002))


def measure(options: argparse.Namespace) -> Result:
    """Return the shapes, each with its ways, CPU by the chunk."""
    shapes = [BURST, PACED, ALONE, FIRST]
    if options.quick:
        shapes = [Shape(calls=4, in_flight=1, manner=Manner(chunks=20))]
    rounds = 1 if options.quick else options.rounds
    return {"shapes": compare(WAYS, shapes, rounds, streamed=True)}


def show(result: Result) -> str:
    """Return a table for each shape."""
    return "\n\n".join(f"{title(each)}\n\n{lines(each)}" for each in result["shapes"])


def title(shape: Result) -> str:
    """Say how the chunks came."""
    manner = f"a chunk every {1e3 * shape['pace']:g} ms" if shape["pace"] else "all in a burst"
    one = "one stream at a time" if shape["in_flight"] == 1 else f"{shape['in_flight']} streams"
    return f"**{one}, {shape['chunks']} chunks, {manner}**, {shape['rounds']} rounds"


def lines(shape: Result) -> str:
    """Return the ways of a shape as a table."""
    head = ["client", "x reference", "CPU µs a chunk", "first words ms", "added ms", "errors"]
    rows = []
    for name, way in shape["ways"].items():
        added = Spread(*way["added_first_ms"])
        rows.append(
            [
                name,
                str(Spread(*way["ratio"])),
                f"{way['us'][1]:.1f}",
                f"{way['first_ms']:.2f}",
                str(added),
                f"{way['errors']} {way['error']}".strip(),
            ]
        )
    return table(head, rows)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5)


if __name__ == "__main__":
    command("streaming", __doc__, measure, show, _options)
