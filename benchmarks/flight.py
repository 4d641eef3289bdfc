"""
10,000 calls in flight in one process: memory a call, and whether a call then takes longer.

The server keeps every call for seconds, so that all are in flight at once; it says whether they
were. Memory is the peak of the process over what it held before, less the bodies of request and
answer, by the number in flight. Time is CPU a call, at 10,000 beside 1,000, in turn.
"""

import argparse
from typing import Final

from benchmarks.calls import RUN
from benchmarks.command import command
from benchmarks.figures import Result, ratios, spread, table
from benchmarks.harness import REFERENCE, Shape, Way, Worker, served, workers
from benchmarks.server import Manner, reply
from benchmarks.ways.awaited import body_of
from benchmarks.worker import Block

FEW, MANY = 1_000, 10_000
_WAVES: Final = 3
"""Calls of a block with few in flight, by that number: it should not outlast idle connections."""
WAYS: Final = (
    Way(name=REFERENCE, target="benchmarks.ways.plain:Reference"),
    Way(name=RUN, target="benchmarks.ways.pipeline:InFile"),
)
_HOLD: Final = 0.0005
"""Seconds of delay for each call in flight: more than any of the clients needs to send one."""


def shape(in_flight: int, calls: int) -> Shape:
    """Return a shape whose server waits until all may be there."""
    return Shape(calls=calls, in_flight=in_flight, manner=Manner(delay=_HOLD * in_flight))


def measure(options: argparse.Namespace) -> Result:
    """Return memory, time and what was in flight, by client."""
    few, many = (20, 200) if options.quick else (FEW, MANY)
    rounds = 1 if options.quick else options.rounds
    ways = {}
    for way in WAYS:
        # One client at a time: 10,000 idle connections of another would be in its way.
        with served() as server, workers([way], server) as (worker,):
            ways[way.name] = _way(worker, few, many, rounds)
    return {"few": few, "many": many, "rounds": rounds, "ways": ways}


def _way(worker: Worker, few: int, many: int, rounds: int) -> Result:
    worker.block(shape(few // 10, few // 10))
    first = worker.block(shape(many, many), warm=False)
    small, large = [], []
    for _ in range(rounds):
        small.append(worker.block(shape(few, _WAVES * few), warm=False))
        large.append(worker.block(shape(many, many), warm=False))
    blocks = [first, *small, *large]
    return {
        "kb": (first.peak - first.held) / 1e3 / many - bodies_kb(),
        "ratio": spread(ratios([each.us for each in large], [each.us for each in small])),
        "us_few": spread([each.us for each in small]).middle,
        "us_many": spread([each.us for each in large]).middle,
        "most": max(each.most for each in (first, *large)),
        "errors": sum(each.errors for each in blocks),
        "error": _error(blocks),
    }


def _error(blocks: list[Block]) -> str:
    return next((each.error for each in blocks if each.error), "")


def bodies_kb() -> float:
    """Return the kilobytes of a request's body and an answer's."""
    import msgspec

    return (len(msgspec.json.encode(body_of(1))) + len(reply().partition(b"\r\n\r\n")[2])) / 1e3


def show(result: Result) -> str:
    """Return one line a client."""
    head = ["client", "kB a call over its body", f"CPU µs at {result['few']:,}",
            f"at {result['many']:,}", "ratio", "really in flight", "errors"]  # fmt: skip
    rows = [
        [
            name,
            f"{way['kb']:.1f}",
            f"{way['us_few']:.0f}",
            f"{way['us_many']:.0f}",
            f"{way['ratio'][1]:.2f} [{way['ratio'][0]:.2f}–{way['ratio'][2]:.2f}]",
            f"{way['most']:,}",
            f"{way['errors']} {way['error']}".strip(),
        ]
        for name, way in result["ways"].items()
    ]
    return table(head, rows)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=2)


if __name__ == "__main__":
    command("flight", __doc__, measure, show, _options)
