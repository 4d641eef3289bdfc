"""
How many calls `llmlab.sim` answers a second, and what one costs it.

The reference client on core 0 asks the simulator on core 1, 64 at a time; the simulator's author
is the seeded rule. Its CPU is what its process took during a block, scaled by the client's pace.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psutil

from benchmarks.command import command
from benchmarks.figures import Result, normal, spread, table
from benchmarks.harness import Server, Shape, Way, Worker, serving
from benchmarks.machine import end_with_parent, pin

SERVE: Final = "--serve"
CALLS, IN_FLIGHT, _ROUNDS = 1_500, 64, 5


async def serve() -> None:
    """Run a simulator of OpenAI until this is ended; print its address."""
    from llmlab.sim import RuleAuthor, Simulator

    end_with_parent()
    pin(1)
    async with Simulator(author=RuleAuthor()) as simulator:
        print(simulator.base_url("openai"), flush=True)
        await asyncio.Event().wait()


class At(Server):
    """A server that has an address and no control route."""

    def __init__(self, url: str) -> None:
        super().__init__(0)
        self.url = url

    def ask(self, _: object = None) -> dict[str, int]:
        """Count nothing."""
        return {"opened": 1, "most": 0}


@contextmanager
def simulated() -> Iterator[tuple[Server, psutil.Process]]:
    """Run a simulator for as long as the block lasts."""
    with serving("benchmarks.simulator", SERVE) as process:
        assert process.stdout is not None
        yield At(process.stdout.readline().strip()), psutil.Process(process.pid)


def measure(options: argparse.Namespace) -> Result:
    """Return calls a second and CPU a call."""
    shape = Shape(calls=100 if options.quick else CALLS, in_flight=IN_FLIGHT)
    rates, us, errors = [], [], 0
    with simulated() as (server, process):
        worker = Worker(Way(name="client", target="benchmarks.ways.plain:Reference"), server)
        worker.ready()
        try:
            for number in range(2 if options.quick else _ROUNDS + 1):
                before = _cpu(process)
                block = worker.block(shape)
                if number:  # the first one opens connections and warms the code
                    rates.append(block.calls / block.wall)
                    us.append(1e6 * normal(_cpu(process) - before, block.pace) / block.calls)
                errors += block.errors
        finally:
            worker.close()
    return {"in_flight": IN_FLIGHT, "per_s": spread(rates), "us": spread(us), "errors": errors}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def show(result: Result) -> str:
    """Return the table."""
    row = [
        f"chat completions, {result['in_flight']} in flight",
        f"{result['per_s'][1]:,.0f}",
        f"{result['us'][1]:.0f}",
        f"{result['errors']}",
    ]
    return table(["llmlab.sim", "calls/s", "CPU µs a call", "errors"], [row])


if __name__ == "__main__":
    if sys.argv[1:] == [SERVE]:
        asyncio.run(serve())
    else:
        command("simulator", __doc__, measure, show)
