"""Outages: a hiccup costs a run time and no rows; a long one is not waited for. # R-27, R-28."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llmlab.book import Book
from llmlab.calls.caller import Caller
from llmlab.errors import Unavailable
from llmlab.records import Answer, Failure, Outcome, Piece
from llmlab.wire import Session
from tests.chaos import FAULTS, NOW, FakeTime, Server, caller_on, prepared_by

DOWN = next(fault for fault in FAULTS if fault.name == "503")
ASKS_TO_WAIT = next(fault for fault in FAULTS if fault.name == "429, retry-after: 7")


@asynccontextmanager
async def _bench(server: Server) -> AsyncIterator[tuple[Caller, FakeTime]]:
    time, session = FakeTime(), Session()
    with Book.open(None, clock=lambda: NOW) as book:
        async with server:
            yield caller_on(book, session, time), time
        await session.close()


async def _ask(
    caller: Caller, server: Server, words: str, *, run: str | None = None, deadline: float = 30.0
) -> Outcome:
    return await caller.outcome(prepared_by(caller, server.url, words), run=run, deadline=deadline)


async def test_a_run_outlives_a_hiccup() -> None:
    """Nine failures in a row open the breaker; the calls of a run wait for it and are answered."""
    server = Server(DOWN, fails=9)
    async with _bench(server) as (caller, time):
        outcomes = [await _ask(caller, server, f"{n}", run="r") for n in range(6)]

    failed = [each for each in outcomes if isinstance(each, Failure)]
    assert [each.kind for each in failed] == ["Unavailable", "Unavailable"]
    assert isinstance(outcomes[2], Answer)
    assert time.waits[-3:] == [5.0, 0.25, 9.75], "5 s; the probe failed, so 10 s, less the retry"


async def test_a_single_question_fails_fast() -> None:
    """While the breaker is open a question costs no request and no time. # R-28."""
    server = Server(DOWN, fails=None)
    async with _bench(server) as (caller, time):
        for number in range(2):
            await _ask(caller, server, f"{number}")
        asked, waited = server.requests, len(time.waits)
        outcome = await _ask(caller, server, "third")

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.attempts) == ("BreakerOpen", 0)
    assert (server.requests, len(time.waits)) == (asked, waited) == (8, 6)


async def test_a_long_outage_is_not_waited_for() -> None:
    """A provider that stays down fails the rest of a run after about one deadline, not each."""
    server = Server(DOWN, fails=None)
    async with _bench(server) as (caller, time):
        outcomes = [await _ask(caller, server, f"{n}", run="r") for n in range(40)]

    assert all(isinstance(each, Failure) for each in outcomes)
    assert time.now < 45
    assert server.requests < 16


async def test_waits_count_against_the_deadline() -> None:
    """Two waits of 7 s fit into 20 s, a third does not: it fails with the provider's words."""
    server = Server(ASKS_TO_WAIT, fails=None)
    async with _bench(server) as (caller, time):
        outcome = await _ask(caller, server, "x", deadline=20.0)

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.attempts) == ("Throttled", 3)
    assert time.waits == [7.0, 7.0]
    assert "the server asked for 7 s; the deadline leaves 6 s" in outcome.message


async def test_words_that_were_shown_are_not_shown_twice() -> None:
    """Who watches a stream sees its pieces once: one that broke is not begun again. # R-10."""
    cut = next(fault for fault in FAULTS if fault.name == "stream cut in the middle")
    server = Server(cut, fails=1)
    pieces: list[Piece] = []
    async with _bench(server) as (caller, _):
        prepared = prepared_by(caller, server.url, "x", stream=True)
        outcome = await caller.outcome(prepared, on_piece=pieces.append)

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.attempts, outcome.partial) == ("CutOff", 1, "Spring is")
    assert "".join(piece.text for piece in pieces) == "Spring is"


async def test_retries_are_rationed() -> None:
    """With the retry budget used up a failure is final, and the line says why."""
    server = Server(DOWN, fails=None)
    async with _bench(server) as (caller, time):
        gate = caller.context.gates["openai"]
        while gate.retries.spend():
            pass
        outcome = await _ask(caller, server, "x")

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.attempts) == (Unavailable.__name__, 1)
    assert outcome.message.endswith("not retried: too many retries at openai just now")
    assert time.waits == []
