"""A bare 429 narrows how many calls of a model are in at once, and answers widen it again."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.book import Book
from llmlab.calls.caller import Caller
from llmlab.catalogue import Catalogue
from llmlab.errors import Throttled, Unavailable
from llmlab.records import Answer, Prompt, Request
from llmlab.secrets import Secret
from llmlab.settings import RateLimit
from llmlab.wire import Endpoint, Session
from llmlab.wire.gate import Gate
from llmlab.wire.permits import Widths
from tests.chaos import FakeTime, caller_on
from tests.conftest import Clock
from tests.loopback import Came, Loopback, Said

BARE = Throttled("429", provider="p")


def gate_of(clock: Clock, permits: int = 8) -> Gate:
    """Return a gate of *permits*."""
    total = asyncio.Semaphore(64)
    return Gate(
        "p",
        permits=permits,
        total=total,
        limit=RateLimit(),
        clock=clock,
        call_later=asyncio.get_running_loop().call_later,
    )


async def enters(gate: Gate, model: str) -> bool:
    """Say whether a call of *model* is let in now; it stays in."""
    task = asyncio.create_task(gate.enter(0.0, model))
    for _ in range(20):
        await asyncio.sleep(0)
    if task.done():
        return True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return False


def test_it_narrows_to_those_that_were_in() -> None:
    """Of 32 in flight 28 are refused, one after the other: 4 fit."""
    widths = Widths(32)
    width = widths["m"]
    width.held = width.flying = 32
    for _ in range(28):
        width.refused()
        width.land(flown=True)
    assert widths.narrow == {"m": 4}
    assert width.held == width.now
    assert widths["other"].now == 32


def test_it_never_narrows_to_none() -> None:
    """The last one that is refused alone is let in alone."""
    widths = Widths(8)
    widths["m"].held = widths["m"].flying = 1
    widths["m"].refused()
    assert widths.narrow == {"m": 1}


def test_answers_widen_it_until_it_is_forgotten() -> None:
    """Eight answers for each of the first steps: 2 to 8 permits in 48."""
    widths = Widths(8)
    widths["m"].held = widths["m"].flying = 3
    widths["m"].refused()
    seen = []
    while widths.narrow:
        seen.append(widths.narrow["m"])
        widths["m"].answered()
    assert seen == [each for each in range(2, 8) for _ in range(8)]


async def test_other_models_of_the_provider_go_on(clock: Clock) -> None:
    """Who waits for room in a width holds no permit."""
    gate = gate_of(clock, permits=4)
    assert await enters(gate, "slow")
    assert await enters(gate, "slow")
    gate.failed(BARE, "slow")
    waiting = [asyncio.create_task(gate.enter(0.0, "slow")) for _ in range(6)]
    assert await enters(gate, "quick")
    assert await enters(gate, "quick")
    assert dict(gate.state.narrow) == {"slow": 1}
    gate.leave("slow")
    gate.leave("slow")
    for done in range(1, 7):
        await asyncio.sleep(0.01)
        assert sum(task.done() for task in waiting) == done
        gate.leave("slow")


@pytest.mark.parametrize(
    "error",
    [
        Throttled("429", provider="p", retry_after=2.0),
        Throttled("429", provider="p", retryable=False),
        Unavailable("503", provider="p"),
    ],
    ids=["a-wait", "permanent", "an-outage"],
)
async def test_only_a_bare_429_narrows(clock: Clock, error: Any) -> None:
    """A wait holds everyone already, and an outage is the breaker's."""
    gate = gate_of(clock)
    assert await enters(gate, "m")
    gate.failed(error, "m")
    assert gate.state.narrow == ()


async def test_a_waiter_that_is_cancelled_leaves_no_hole(clock: Clock) -> None:
    """Its turn goes to the next."""
    gate = gate_of(clock)
    assert await enters(gate, "m")
    gate.failed(BARE, "m")
    first, second = (asyncio.create_task(gate.enter(0.0, "m")) for _ in range(2))
    await asyncio.sleep(0.01)
    gate.leave("m")
    first.cancel()
    await asyncio.wait_for(asyncio.gather(second), 30)
    assert first.cancelled() or first.done()


@contextmanager
def crowded(at_once: int) -> Iterator[tuple[Loopback, list[int]]]:
    """Serve *at_once* calls at a time, each as long as it takes others to come; refuse the rest."""
    lock, inside, refused = threading.Lock(), [0], [0]

    def reply(came: Came) -> Said:
        with lock:
            if inside[0] >= at_once:
                refused[0] += 1
                error = {"message": "Concurrency limit reached", "type": "rate_limit_error"}
                return Said(body=json.dumps({"error": error}).encode(), status=429)
            inside[0] += 1
        threading.Event().wait(0.03)
        with lock:
            inside[0] -= 1
        choice = {"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
        model = json.loads(came.body)["model"]
        said = {"id": "c", "model": model, "choices": [choice], "usage": usage}
        return Said(body=json.dumps(said).encode())

    with Loopback(reply) as server:
        yield server, refused


def test_a_provider_that_lets_in_four_at_once_answers_every_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """120 rows, 32 permits, every refusal a bare 429: none of the rows fails."""
    with crowded(4) as (server, refused):
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        with Lab(book=":memory:", deadline=300, attempts=8) as lab:
            frame = pd.DataFrame({"x": [str(each) for each in range(120)]})
            run = lab.abtest({"A": "{{ x }}"}, ["deepseek"], on=frame)
            (gate,) = lab.gates()

    assert set(run.rows["status"]) == {"ok"}
    assert 0 < refused[0] < 120
    assert dict(gate.narrow).keys() <= {"deepseek-flash"}


@pytest.mark.parametrize(
    ("run", "attempts", "answered"), [("r", 4, True), ("r", 1, False), (None, 4, False)]
)
async def test_in_a_run_a_call_that_was_not_let_in_has_spent_no_attempt(
    run: str | None, attempts: int, *, answered: bool
) -> None:
    """Six refusals, and then room: another kernel's answers were in; a single question fails."""
    left = [6]

    def reply(_came: Came) -> Said:
        if left[0]:
            left[0] -= 1
            return Said(body=b'{"error": {"message": "full", "code": 429}}', status=429)
        choice = {"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
        said = {"id": "c", "model": "gpt-6-luna", "choices": [choice], "usage": usage}
        return Said(body=json.dumps(said).encode())

    time, model = FakeTime(), Catalogue.load(None).arms("gpt")[0].model
    prompt = Prompt(name="p", user="hello")
    request = Request(provider="openai", model=model.id, prompt=prompt)
    with Loopback(reply) as server, Book.open(None) as book:
        session = Session()
        context = replace(caller_on(book, session, time).context, attempts=attempts)
        caller = Caller(context=context)
        endpoint = Endpoint(provider="openai", base_url=f"{server.url}/v1", key=Secret("k"))
        outcome = await caller.outcome(caller.prepare(request, model, endpoint), run=run)
        await session.close()

    assert isinstance(outcome, Answer) is answered
    assert outcome.attempts == len(server.log) == (7 if answered else attempts)
