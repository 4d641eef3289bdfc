"""
Clients side by side: each in a process of its own, taking turns in rounds, A B A B.

A round's ratio divides what two clients took within that round, each scaled by the pace of the
core around its block: on a machine that others use, only such ratios can be trusted.
"""

import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from typing import Any, Final, Self

import msgspec

from benchmarks.figures import ROOT, Result, ratios, spread
from benchmarks.server import Manner
from benchmarks.worker import Block, Order

REFERENCE: Final = "aiohttp + orjson"
PATIENCE: Final = 180.0
"""Seconds that a block may take: some clients were seen to hang."""
_IDLE: Final = 4.0
"""Seconds after which connections are warmed: httpx lets them go after 5, aiohttp after 15."""
_WAVE: Final = 1.0
"""Seconds for which the server holds the first wave: that is when all should be in flight."""


class WorkerError(RuntimeError):
    """A client broke or hung; the last lines it wrote are in the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A client to measure: what the table calls it, and where it is."""

    name: str
    target: str
    python: str = sys.executable


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How many calls, how many at a time, at what kind of server."""

    calls: int
    in_flight: int
    manner: Manner = field(default_factory=Manner)


class Server:
    """The benchmarks' server, in a process of its own on core 1."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.url = f"http://127.0.0.1:{port}/v1"

    def ask(self, manner: Manner | None = None) -> dict[str, int]:
        """Return its counts; with a *manner*, have it answer so from now on and count anew."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            body = json.dumps(asdict(manner)).encode() if manner else b""
            connection.request("POST", "/control", body=body)
            told: dict[str, int] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return told


@contextmanager
def served() -> Iterator[Server]:
    """Run a server for as long as the block lasts."""
    with serving("benchmarks.server") as process:
        assert process.stdout is not None
        yield Server(int(process.stdout.readline()))


@contextmanager
def serving(module: str, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """Run a module that serves; it ends with the block, or when this process ends."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(  # noqa: S603 - ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


class Worker:
    """A client's process: ask it for a block and wait for the answer."""

    def __init__(self, way: Way, server: Server) -> None:
        self.way = way
        self._server = server
        self._last = 0.0
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        command = [self.way.python, "-m", "benchmarks.worker", self.way.target, self._server.url]
        return subprocess.Popen(  # noqa: S603 - ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, cwd=ROOT
        )

    def restart(self) -> None:
        """Start it anew after it broke: the next shape may suit it better."""
        self._process = self._started()
        self.ready()

    def ready(self) -> Self:
        """Wait until it has imported what it needs."""
        self._line()
        return self

    def block(self, shape: Shape, *, warm: bool = True) -> Block:
        """Have it make a block, after a *warm* one if it sat idle; add what the server saw."""
        if warm and time.monotonic() - self._last > _IDLE:
            self._order(Shape(calls=shape.in_flight, in_flight=shape.in_flight))
        return self._watched(shape)

    def wave(self, shape: Shape) -> Block:
        """Send the first wave at a server that holds all of it: how much is really in flight."""
        manner = Manner(delay=max(_WAVE, shape.manner.delay), chunks=shape.manner.chunks)
        return self._watched(Shape(calls=shape.in_flight, in_flight=shape.in_flight, manner=manner))

    def _watched(self, shape: Shape) -> Block:
        self._server.ask(shape.manner)
        block = self._order(shape)
        seen = self._server.ask()
        # The control requests are connections too: one is in the count, made to read it.
        block.opened, block.most = seen["opened"] - 1, seen["most"]
        return block

    def _order(self, shape: Shape) -> Block:
        assert self._process.stdin is not None
        order = Order(calls=shape.calls, in_flight=shape.in_flight)
        try:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._broken("ended") from None
        block = msgspec.json.decode(self._line(), type=Block)
        self._last = time.monotonic()
        return block

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        if not ready:
            raise self._broken(f"said nothing for {PATIENCE:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise self._broken("ended")
        return line

    def _broken(self, what: str) -> WorkerError:
        self._process.kill()
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        self.close()
        return WorkerError(f"{self.way.name} {what}: {' / '.join(lines[-3:])}")

    def close(self) -> None:
        """End it: there are no more orders; one that does not listen is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._said.close()


@contextmanager
def workers(ways: Sequence[Way], server: Server) -> Iterator[list[Worker]]:
    """Start all clients, and end them."""
    with ExitStack() as stack:
        started = []
        for way in ways:
            worker = Worker(way, server)
            stack.callback(worker.close)
            started.append(worker.ready())
        yield started


def compare(
    ways: Sequence[Way], shapes: Sequence[Shape], rounds: int, *, streamed: bool = False
) -> list[Result]:
    """
    Measure every way at every shape, against the first way.

    Args:
        ways: The clients; the first one is what the others are divided by.
        shapes: In this order.
        rounds: Measured rounds; before them one wave each warms connections and code.
        streamed: Whether the CPU is that of a chunk, not of a call.
    """
    with served() as server, workers(ways, server) as started:
        return [_shape(started, shape, rounds, streamed=streamed) for shape in shapes]


def _shape(started: Sequence[Worker], shape: Shape, rounds: int, *, streamed: bool) -> Result:
    first = started[0].way.name
    waves, lost = _each(started, shape, Worker.wave, first)
    blocks: dict[str, list[Block]] = {name: [] for name in waves}
    for number in range(rounds):
        there = [each for each in started if each.way.name not in lost]
        # Every other round goes the other way round: nobody always follows the same one.
        found, broken = _each(there if number % 2 == 0 else there[::-1], shape, Worker.block, first)
        lost.update(broken)
        for name, block in found.items():
            blocks[name].append(block)
    whole = {name: mine for name, mine in blocks.items() if name not in lost}
    return {
        "calls": shape.calls,
        "in_flight": shape.in_flight,
        "delay": shape.manner.delay,
        "pace": shape.manner.pace,
        "chunks": shape.manner.chunks,
        "rounds": rounds,
        "lost": lost,
        "ways": told(waves, whole, shape.manner.chunks if streamed else 1),
    }


def _each(
    started: Sequence[Worker], shape: Shape, run: Callable[[Worker, Shape], Block], first: str
) -> tuple[dict[str, Block], dict[str, str]]:
    """Let each run once; a peer that breaks is named with its words, the first may not break."""
    found, lost = {}, {}
    for each in started:
        try:
            found[each.way.name] = run(each, shape)
        except WorkerError as error:
            if each.way.name == first:
                raise
            lost[each.way.name] = str(error)
            each.restart()
    return found, lost


def told(waves: Mapping[str, Block], blocks: Mapping[str, list[Block]], per: int = 1) -> Result:
    """Say what came out for each way, ratios against the first."""
    base = [each.us for each in next(iter(blocks.values()))]
    firsts = [each.first for each in next(iter(blocks.values()))]
    return {name: _way(waves[name], mine, base, firsts, per) for name, mine in blocks.items()}


def _way(
    wave: Block, mine: Sequence[Block], base: Sequence[float], firsts: Sequence[float], per: int
) -> Result:
    last = next((each.error for each in (wave, *mine) if each.error), "")
    added = [one.first - other for one, other in zip(mine, firsts, strict=True)]
    return {
        "us": spread([each.us / per for each in mine]),
        "ratio": spread(ratios([each.us for each in mine], base)),
        "calls_per_s": spread([each.calls / each.wall for each in mine]).middle,
        "p50_ms": 1e3 * spread([each.p50 for each in mine]).middle,
        "p99_ms": 1e3 * spread([each.p99 for each in mine]).middle,
        "first_ms": 1e3 * spread([each.first for each in mine]).middle,
        "added_first_ms": [1e3 * each for each in spread(added)],
        "most_in_flight": wave.most,
        "opened": sum(each.opened for each in mine),
        "peak_mb": max(each.peak for each in mine) / 2**20,
        "errors": wave.errors + sum(each.errors for each in mine),
        "error": last,
    }


def ratio_of(result: Mapping[str, Any], shape: Mapping[str, Any], way: str) -> float | None:
    """Return the median ratio of *way* where *shape* fits, None where it was not measured."""
    for each in result["shapes"]:
        if all(each[name] == value for name, value in shape.items()) and way in each["ways"]:
            return float(each["ways"][way]["ratio"][1])
    return None
