"""A deadline cuts what takes too long, and nothing else: not what came, not what others cancel."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import pytest

from llmlab.book import Book
from llmlab.calls import attempt_loop
from llmlab.calls.deadline import Deadline
from llmlab.records import Answer
from llmlab.wire import Session
from tests.chaos import FAULTS, NOW, FakeTime, Server, caller_on, prepared_by

LONG = 1000.0
SILENT = next(fault for fault in FAULTS if fault.name == "no answer at all")
DOWN = next(fault for fault in FAULTS if fault.name == "503")


async def _within(
    deadline: Deadline, seconds: float, work: Callable[[], Awaitable[object]]
) -> object:
    """Use a deadline as a call does."""
    deadline.begin(seconds)
    try:
        return await work()
    except asyncio.CancelledError:
        if not deadline.end():
            raise
        return "late"
    finally:
        deadline.end()


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_it_cuts_what_takes_too_long() -> None:
    """The work is cancelled, the deadline says that it was it, and the task goes on unharmed."""
    deadline = Deadline()

    async with asyncio.timeout(5):
        said = await _within(deadline, 0.001, _forever)

    task = asyncio.current_task()
    assert said == "late"
    assert deadline.cut
    assert task is not None
    assert task.cancelling() == 0


async def test_work_that_ends_in_time_is_left_alone() -> None:
    """Afterwards no timer is left that could cut what comes next."""
    deadline = Deadline()

    said = await _within(deadline, 0.001, lambda: asyncio.sleep(0, "done"))
    await asyncio.sleep(0.01)

    assert said == "done"
    assert not deadline.cut


async def test_cancelled_from_outside_is_cancelled() -> None:
    """Whoever cancels the task is obeyed; the deadline does not take it for its own."""
    deadline = Deadline()
    task = asyncio.create_task(_within(deadline, LONG, _forever))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert not deadline.cut


@pytest.mark.parametrize("outside_first", [True, False])
async def test_cancelled_by_both_at_once_is_cancelled(*, outside_first: bool) -> None:
    """In whichever order they come within one round of the loop, who asks from outside wins."""
    deadline = Deadline()
    task = asyncio.create_task(_within(deadline, LONG, _forever))
    await asyncio.sleep(0)

    for cancel in (task.cancel, deadline._over) if outside_first else (deadline._over, task.cancel):
        cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_takes_back_one_cancellation_only() -> None:
    """`end` may be called again; it never takes back what somebody else asked for."""
    deadline = Deadline()
    task = asyncio.current_task()
    assert task is not None
    deadline.begin(0.0)
    with pytest.raises(asyncio.CancelledError):
        await _forever()

    first = deadline.end()
    task.cancel()
    second = deadline.end()

    assert (first, second) == (True, False)
    assert task.cancelling() == 1
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    task.uncancel()


async def test_one_that_never_began_cuts_nothing() -> None:
    """A call that was refused before its first attempt has no deadline to end."""
    assert not Deadline().end()


async def test_an_answer_that_came_is_not_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is paid for: a deadline that is over while the book writes it no longer matters."""
    deadlines: list[Deadline] = []
    finish = Book.finish_async

    class Noted(Deadline):
        def __init__(self) -> None:
            super().__init__()
            deadlines.append(self)

    async def slow(book: Book, *settled: Any) -> None:
        timer = deadlines[0]._timer
        if timer is not None and not timer.cancelled():
            deadlines[0]._over()
        await finish(book, *settled)

    monkeypatch.setattr(attempt_loop, "Deadline", Noted)
    monkeypatch.setattr(Book, "finish_async", slow)
    session, time = Session(), FakeTime()
    with Book.open(None, clock=lambda: NOW) as book:
        async with Server(DOWN, fails=0) as server:
            caller = caller_on(book, session, time)
            outcome = await caller.outcome(prepared_by(caller, server.url, "x"), deadline=LONG)
        await session.close()

    assert len(deadlines) == 1
    assert isinstance(outcome, Answer)


async def test_a_settlement_outlives_who_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut by the deadline and then cancelled: the attempt is settled all the same."""
    settling: list[Future[None]] = []

    def finish(_book: Book, *_settled: Any) -> "Future[None]":
        settling.append(Future())
        return settling[0]

    monkeypatch.setattr(Book, "finish", finish)
    session, time = Session(), FakeTime()
    with Book.open(None, clock=lambda: NOW) as book:
        async with Server(SILENT, fails=None) as server, asyncio.timeout(5):
            caller = caller_on(book, session, time)
            prepared = prepared_by(caller, server.url, "x")
            task = asyncio.create_task(caller.outcome(prepared, deadline=0.05))
            while not settling:  # noqa: ASYNC110 - a real deadline has no event to wait for
                await asyncio.sleep(0.01)
            await asyncio.sleep(0)
            task.cancel()
            ended = await asyncio.gather(task, return_exceptions=True)
        await session.close()

    assert isinstance(ended[0], asyncio.CancelledError)
    assert not settling[0].cancelled()
