"""
One client in a process of its own, for as long as a benchmark lasts, pinned to core 0.

    python -m benchmarks.worker benchmarks.ways.plain:Reference http://127.0.0.1:PORT/v1

In: lines `{"calls": 1000, "in_flight": 100}`. Out: a `Block` as one line of JSON each. The CPU is
that of the whole process, all its threads included; the garbage of before is collected first.
"""

import gc
import importlib
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

import msgspec

from benchmarks.figures import normal, percentile
from benchmarks.machine import Memory, more_files, pace, pin


@dataclass(slots=True)
class Ran:
    """What a client says of a block."""

    latencies: list[float] = field(default_factory=list)
    """Seconds of each call, as its user waits for it."""
    firsts: list[float] = field(default_factory=list)
    """Seconds to the first words, of streamed calls."""
    errors: int = 0
    error: str = ""
    """The first error, in words."""


class Client(Protocol):
    """A way to make calls: made once with the server's address, asked for many blocks."""

    def run(self, calls: int, in_flight: int) -> Ran:
        """Make *calls* calls, *in_flight* at a time."""

    def close(self) -> None:
        """Let go of everything."""


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What a worker is asked to do."""

    calls: int
    in_flight: int


class Block(msgspec.Struct):
    """What a worker measured; seconds and bytes."""

    calls: int
    cpu: float
    wall: float
    pace: float
    """Seconds that the fixed loop took, the mean of just before and just after."""
    held: int
    """Bytes that the process held before the block."""
    peak: int
    """The most bytes it held during the block."""
    p50: float
    p99: float
    first: float
    """Median seconds to the first words; 0 where nothing was streamed."""
    errors: int
    error: str = ""
    opened: int = 0
    """Connections that the server saw made during the block; the harness fills these two in."""
    most: int = 0
    """Most requests that the server held at once."""

    @property
    def us(self) -> float:
        """CPU microseconds a call, scaled by the pace of the core."""
        return 1e6 * normal(self.cpu, self.pace) / self.calls


def measure(client: Client, order: Order) -> Block:
    """Run one block and measure it."""
    gc.collect()
    memory, slow = Memory(), pace()
    held = memory.reset()
    wall, cpu = time.perf_counter(), time.process_time()
    ran = client.run(order.calls, order.in_flight)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak, slow = memory.peak(), (slow + pace()) / 2
    return Block(
        calls=order.calls,
        cpu=cpu,
        wall=wall,
        pace=slow,
        held=held,
        peak=peak,
        p50=percentile(ran.latencies, 0.5),
        p99=percentile(ran.latencies, 0.99),
        first=percentile(ran.firsts, 0.5),
        errors=ran.errors,
        error=ran.error,
    )


def client_of(target: str, url: str) -> Client:
    """Make the client that `module:name` says."""
    module, _, name = target.partition(":")
    made: Client = getattr(importlib.import_module(module), name)(url)
    return made


def obey(client: Client, orders: TextIO, answers: Any) -> None:
    """Do what each line says, until there are no more."""
    for line in orders:
        block = measure(client, msgspec.json.decode(line.encode(), type=Order))
        answers.write(msgspec.json.encode(block) + b"\n")


def main() -> None:
    """Keep standard output for answers: some libraries print."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    pin(0)
    more_files()
    client = client_of(sys.argv[1], sys.argv[2])
    answers.write(b"{}\n")
    try:
        obey(client, sys.stdin, answers)
    finally:
        client.close()


if __name__ == "__main__":
    main()
