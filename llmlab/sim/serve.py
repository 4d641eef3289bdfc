"""Run a simulator as a process of its own, until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from llmlab.sim.authors.author import Author
from llmlab.sim.authors.rule import RuleAuthor
from llmlab.sim.server.faults import Faults
from llmlab.sim.server.routes import VARIABLES
from llmlab.sim.server.server import Simulator


def environment(simulator: Simulator) -> dict[str, str]:
    """Return the variables that point the five providers' clients at a running simulator."""
    return {name: simulator.base_url(provider) for provider, name in VARIABLES.items()}


async def serve(
    port: int = 0,
    faults: Iterable[str] = (),
    author: Author | None = None,
    report: Callable[[str], None] = print,
    *,
    host: str = "127.0.0.1",
    seed: int = 0,
) -> None:
    """
    Serve until SIGINT or SIGTERM; report the five environment lines first.

    Raises:
        UsageError: A fault is unknown, or the port is in use.
    """
    simulator = Simulator(author=author or RuleAuthor(seed), faults=Faults.parse(faults, seed=seed))
    await simulator.start(host, port)
    try:
        with _stop_signal() as stop:  # before the report, or who reads it may signal too early
            for name, value in environment(simulator).items():
                report(f"{name}={value}")
            await stop.wait()
    finally:
        await simulator.close()


@contextmanager
def _stop_signal() -> Iterator[asyncio.Event]:
    """
    Turn SIGINT and SIGTERM into an event.

    Windows' loops take no signal handlers; Ctrl-C then cancels the task, and `finally` closes.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = () if sys.platform == "win32" else (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
