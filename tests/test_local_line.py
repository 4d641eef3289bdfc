"""The line before the model on this machine: a wait there costs a call none of its seconds."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import msgspec
import pandas as pd
import pytest
from aiohttp import web

from llmlab import Lab
from llmlab.book import Book
from llmlab.calls import attempt_loop
from llmlab.calls.deadline import Deadline
from llmlab.local import LocalServer
from llmlab.records import Answer
from llmlab.runs.eta import EtaInputs, _through_gates
from llmlab.secrets import Secret, Shy
from llmlab.wire import Endpoint, Session
from tests.chaos import FAULTS, NOW, FakeTime, Server, caller_on, prepared_by

LONG = 1000.0
DOWN = next(fault for fault in FAULTS if fault.name == "503")


class SlowLine:
    """A line in which every call stands for ten deadlines."""

    copies = 1

    def __init__(self, time: FakeTime, deadlines: list[Deadline]) -> None:
        self._time, self._deadlines = time, deadlines
        self.counting: list[bool] = []
        self.asked: list[tuple[str, str]] = []

    @asynccontextmanager
    async def take(self, text: str, at: str = "") -> AsyncIterator[str]:
        self.asked.append((text, at))
        self.counting += [each._timer is not None for each in self._deadlines]
        self._time.now += 10 * LONG
        yield "one"


async def test_the_wait_is_in_no_deadline_and_no_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    """First try and second stand in line for ages, and the answer comes all the same."""
    deadlines: list[Deadline] = []

    class Noted(Deadline):
        def __init__(self) -> None:
            super().__init__()
            deadlines.append(self)

    monkeypatch.setattr(attempt_loop, "Deadline", Noted)
    session, time = Session(), FakeTime()
    line = SlowLine(time, deadlines)
    with Book.open(None, clock=lambda: NOW) as book:
        async with Server(DOWN, fails=1) as server:
            caller = caller_on(book, session, time)
            there = Endpoint(
                provider="openai", base_url=server.url, key=Secret("k"), line=line, line_at="two"
            )
            prepared = msgspec.structs.replace(
                prepared_by(caller, server.url, "How is spring?"), endpoint=there
            )
            outcome = await caller.outcome(prepared, deadline=LONG)
        await session.close()

    assert isinstance(outcome, Answer)
    assert outcome.attempts == 2
    assert outcome.queued == 20 * LONG
    assert outcome.latency is not None
    assert outcome.latency < LONG
    assert line.counting == [False, False]
    assert line.asked == [("\nHow is spring?", "two")] * 2


class Copies:
    """Two servers that speak as llama.cpp does, and note how many they were asked at a time."""

    def __init__(self) -> None:
        self.running: Counter[int] = Counter()
        self.most: Counter[int] = Counter()
        self.addresses: tuple[str, ...] = ()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Copies"]:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        for _ in range(2):
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.addresses = tuple(f"http://127.0.0.1:{port}" for _, port in runner.addresses)
        yield self
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        port = int(str(request.url.port))
        self.running[port] += 1
        self.most[port] = max(self.most[port], self.running[port])
        await asyncio.sleep(0.01)
        self.running[port] -= 1
        choice = {"index": 0, "message": {"role": "assistant", "content": "word"},
                  "finish_reason": "stop"}  # fmt: skip
        usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
        body = {"id": "x", "object": "chat.completion", "created": 1, "model": "smollm2",
                "choices": [choice], "usage": usage}  # fmt: skip
        return web.json_response(body)


async def test_stand_ins_and_the_local_model_share_its_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever plays and whoever is asked by name: each copy answers one call at a time."""
    frame = pd.DataFrame({"text": [f"story {at}" for at in range(8)]})
    async with Copies().serving() as copies:
        server: Any = SimpleNamespace(
            address=copies.addresses[0], addresses=copies.addresses, key=Shy("k"), alive=True,
            stop=lambda: None,
        )  # fmt: skip
        monkeypatch.setattr(LocalServer, "start", lambda _path: server)
        async with asyncio.timeout(60):
            lab = Lab(book=None, env={}, mode="stand-in")
            run = await lab.abtest_async(
                {"a": "Tell {{ text }}", "b": "{{ text }}?"}, ["gpt", "claude", "smollm"],
                on=frame, max_tokens=8,
            )  # fmt: skip
            await asyncio.to_thread(lab.close)

    assert run.rows["status"].eq("ok").all()
    assert set(copies.most.values()) == {1}
    assert len(copies.most) == 2


def test_the_time_of_a_run_counts_the_copies() -> None:
    """Eight answers of a second each at two copies take four seconds, not one."""
    times = [(("", "embedded", 2), 1.0)] * 8

    assert _through_gates(times, EtaInputs(at_once=64)) == 4.0
