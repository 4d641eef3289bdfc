"""The benchmarks' own arithmetic and judge: what they print is only worth what these hold."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import calls, promises, streaming
from benchmarks.figures import ROOT, load, normal, percentile, ratios, save, slope, spread, table
from benchmarks.harness import REFERENCE, Server, Shape, Way, WorkerError, compare, served, told
from benchmarks.harness import Worker as Process
from benchmarks.machine import NOMINAL, Memory
from benchmarks.page import SHOW, page
from benchmarks.pictures import calls_picture, scale_picture
from benchmarks.server import WORDS, Manner
from benchmarks.ways.awaited import Awaited, body_of
from benchmarks.worker import Block, Order, Ran, measure

some = st.floats(min_value=1e-3, max_value=1e3)


def _block(cpu: float, pace: float = NOMINAL, **other: Any) -> Block:
    plain = {"wall": 1.0, "held": 0, "peak": 2**20, "p50": 0.0, "p99": 0.0, "first": 0.0}
    return Block(calls=1_000, cpu=cpu, pace=pace, errors=0, **{**plain, **other})


# ---- arithmetic


@given(st.lists(some, min_size=1, max_size=20))
def test_quartiles_are_in_order(values: list[float]) -> None:
    """The median lies between its quartiles, and those within what was measured."""
    found = spread(values)

    assert min(values) <= found.low <= found.middle <= found.high <= max(values) * (1 + 1e-12)


@given(st.lists(st.tuples(some, some), min_size=1, max_size=9), some)
def test_a_slow_round_slows_both(rounds: list[tuple[float, float]], slow: float) -> None:
    """A round that takes longer for everyone leaves its ratio where it was."""
    ours, theirs = zip(*rounds, strict=True)

    slowed = ratios([slow * each for each in ours], [slow * each for each in theirs])

    assert slowed == pytest.approx(ratios(ours, theirs))


def test_a_slow_core_is_taken_out() -> None:
    """CPU that took twice as long while the fixed loop did too counts the same."""
    assert normal(2.0, 2 * NOMINAL) == normal(1.0, NOMINAL) == 1.0
    assert _block(0.4, 2 * NOMINAL).us == pytest.approx(_block(0.2).us) == pytest.approx(200.0)


def test_ratios_are_of_the_same_round() -> None:
    """Each way is divided by the first way of its own round; the median of those is what counts."""
    blocks = {"a": [_block(each) for each in (1, 2, 4)], "b": [_block(each) for each in (3, 4, 4)]}
    waves = {name: _block(1.0, most=7) for name in blocks}

    found = told(waves, blocks)

    assert found["b"]["ratio"].middle == 2.0
    assert found["a"]["ratio"] == (1.0, 1.0, 1.0)
    assert found["b"]["most_in_flight"] == 7


def test_percentiles_and_slopes() -> None:
    """The 99th percentile of 100 values is the highest but none, a constant cost has slope 1."""
    assert percentile(range(100), 0.99) == 99
    assert percentile([], 0.5) == 0.0
    assert slope([10, 100, 1000], [3, 30, 300]) == pytest.approx(1.0)


def test_figures_are_kept(tmp_path: Path) -> None:
    """What was kept is read again, with the machine in words and no path of it."""
    save("x", {"ratio": spread([1.0, 2.0, 3.0])}, tmp_path)

    found = load("x", tmp_path)

    assert found is not None
    assert found["ratio"] == [1.5, 2.0, 2.5]
    assert "Python" in found["machine"]
    assert "/" not in found["machine"]
    assert load("y", tmp_path) is None


# ---- the server


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    with served() as server:
        yield server


async def _chat(server: Server, times: int, **more: object) -> list[str]:
    """Ask *times* times at once, each over a connection of its own."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one(number: int) -> str:
            body = {**body_of(number), **more}
            async with session.post(f"{server.url}/chat/completions", json=body) as response:
                return await response.text()

        return list(await asyncio.gather(*(one(number) for number in range(times))))


async def test_the_server_counts(server: Server) -> None:
    """It says how many connections were made and how many requests it held at once."""
    server.ask(Manner(delay=0.2))

    answers = await _chat(server, 7)

    seen = server.ask()
    assert (seen["most"], seen["served"], seen["held"]) == (7, 7, 0)
    assert seen["opened"] == 8  # one of them asks for the count
    assert {json.loads(each)["choices"][0]["message"]["content"] for each in answers} == {WORDS}


async def test_the_server_streams(server: Server) -> None:
    """A streamed answer has as many chunks of words as asked for, then usage, then its end."""
    server.ask(Manner(chunks=12))

    (answer,) = await _chat(server, 1, stream=True)

    events = [each.removeprefix("data: ") for each in answer.split("\n\n") if each]
    pieces = [json.loads(each) for each in events[:-1]]
    words = [each["choices"][0]["delta"] for each in pieces if each["choices"]]
    assert events[-1] == "[DONE]"
    assert len([each for each in words if "content" in each]) == 12
    assert pieces[-1]["usage"]["completion_tokens"] == 12


async def test_the_server_paces(server: Server) -> None:
    """Chunks come as far apart as asked for, counted from the first one."""
    server.ask(Manner(chunks=5, pace=0.05))
    now = asyncio.get_running_loop().time

    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/chat/completions", json={"stream": True}) as response,
    ):
        came = [now() async for _ in response.content.iter_chunks()]

    assert came[-1] - came[0] >= 4 * 0.05 - 0.04
    assert all(one <= other for one, other in pairwise(came))


# ---- workers


class _Failing(Awaited):
    """A client whose every second call fails."""

    async def open(self) -> None: ...

    async def one(self, number: int) -> float | None:
        if number % 2:
            raise ValueError("no")
        return None

    async def shut(self) -> None: ...


def test_errors_are_counted() -> None:
    """A call that fails is an error with its words, and no latency."""
    client = _Failing("http://127.0.0.1:9")

    ran = client.run(10, 3)

    client.close()
    assert (ran.errors, ran.error, len(ran.latencies)) == (5, "ValueError: no", 5)


def test_a_block_is_measured() -> None:
    """CPU, wall and memory of a block are those of the work in it."""

    class Busy:
        def run(self, calls: int, in_flight: int) -> Ran:
            kept = [bytes(1000) for _ in range(20_000)]
            return Ran(latencies=[0.1] * calls * in_flight, firsts=[len(kept) * 1e-6])

        def close(self) -> None: ...

    block = measure(Busy(), Order(calls=3, in_flight=1))

    assert block.cpu > 0
    assert block.p50 == 0.1
    assert block.first == pytest.approx(0.02)
    assert block.peak >= block.held > 0
    assert Memory().now() > 2**20


def test_a_client_that_breaks_is_said(server: Server) -> None:
    """A worker that ends without an answer is an error with its last words, not a hang."""
    worker = Process(Way(name="gone", target="benchmarks.ways.plain:Nobody"), server)

    with pytest.raises(WorkerError, match=r"gone ended: .*Nobody"):
        worker.ready()


def test_ways_side_by_side() -> None:
    """The reference and a run make the same calls, all in flight, on connections that stay."""
    shape = Shape(calls=20, in_flight=5, manner=Manner(delay=0.01))

    (found,) = compare(calls.WAYS[:2], [shape], 1)

    assert set(found["ways"]) == {REFERENCE, calls.RUN}
    for way in found["ways"].values():
        assert (way["errors"], way["most_in_flight"], way["opened"]) == (0, 5, 0)
        assert way["us"][1] > 0
    assert REFERENCE in calls.lines(found)


def test_the_command_line() -> None:
    """`python -m benchmarks.calls --quick` makes its few calls and prints a table."""
    run = [sys.executable, "-m", "benchmarks.calls", "--quick", "--no-save", "--only", "book off"]

    done = subprocess.run(run, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)

    assert done.returncode == 0, done.stderr
    assert calls.OFF in done.stdout


# ---- the page


def _calls(in_flight: int, **ratio: float) -> dict[str, Any]:
    ways = {REFERENCE: 1.0, calls.RUN: 1.3, calls.OFF: 1.25, calls.ASKED: 1.7, **ratio}
    waves = {name: _block(1.0, most=in_flight) for name in ways}
    blocks = {name: [_block(each)] for name, each in ways.items()}
    return {"calls": 1, "in_flight": in_flight, "delay": 0.05, "pace": 0.0, "chunks": 200,
            "rounds": 1, "lost": {}, "ways": told(waves, blocks)}  # fmt: skip


def _kept(tmp_path: Path, name: str, result: dict[str, Any]) -> dict[str, Any]:
    save(name, result, tmp_path)
    found = load(name, tmp_path)
    assert found is not None
    return found


def test_promises_are_judged(tmp_path: Path) -> None:
    """A ratio within its target is reached, one above is not, and what is missing is said."""
    found = _kept(tmp_path, "calls", {"shapes": [_calls(each) for each in (1, 100, 1_000)]})

    lines = {each.words: each.line({"calls": found}) for each in promises.PROMISES}

    assert lines["a run with everything on, 100 in flight, × reference"][3] == "yes"
    assert lines["a run with the book off, 1,000 in flight, × reference"][2:4] == ["1.25", "**no**"]
    assert lines["new connections in warm batches"][2:4] == ["0", "yes"]
    assert lines["pricing an answer, µs"][2:4] == ["not measured", "–"]


def test_a_benchmark_that_was_cut_short_promises_nothing(tmp_path: Path) -> None:
    """Without the shape that a promise is about, its line says that it was not measured."""
    found = _kept(tmp_path, "calls", {"shapes": [_calls(1)]})

    lines = [each.line({"calls": found}) for each in promises.PROMISES if each.by == "calls"]

    assert [each[2] for each in lines][:6] == ["not measured"] * 6


def test_the_page_is_written_from_figures(tmp_path: Path) -> None:
    """The page has every section, says what was not measured, and no path of this machine."""
    found = _kept(tmp_path, "calls", {"shapes": [_calls(each) for each in (1, 100, 1_000)]})

    text = page(dict.fromkeys(SHOW) | {"calls": found})

    assert text.count("\n## ") == 15
    assert f"Not measured: `python -m benchmarks.{'peers'}`" in text
    assert str(ROOT) not in text


def test_pictures(tmp_path: Path) -> None:
    """Ratios with their quartiles and sizes on log axes become SVG files."""
    shapes = [_calls(each, litellm=40.0) for each in (1, 100, 1_000)]
    found = _kept(tmp_path, "calls", {"shapes": shapes})
    sizes = [{"calls": 10**at, "s": 0.1 * 10**at, "kb": 9.0, "book_kb": 3.0} for at in (2, 3, 4)]

    first = calls_picture(found, found, tmp_path)
    second = scale_picture({"sizes": sizes}, tmp_path)

    assert first.read_bytes().startswith(b"<?xml")
    assert second.read_bytes().startswith(b"<?xml")


def test_tables_line_up() -> None:
    """A table's rows have as many cells as its head."""
    lines = table(["a", "b"], [["x", "1"]]).splitlines()

    assert lines == ["| a | b |", "| --- | ---: |", "| x | 1 |"]


def test_streams_name_their_reference_first() -> None:
    """The first way is the one that others are divided by."""
    assert streaming.WAYS[0].name == streaming.REFERENCE
    assert calls.WAYS[0].name == REFERENCE
