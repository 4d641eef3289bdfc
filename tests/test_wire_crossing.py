"""Work crosses from any loop to the engine's and back: its result, its error, its end."""

import asyncio
import contextvars
from collections.abc import Iterator

import pytest

from llmlab.errors import Closed
from llmlab.wire import Engine
from llmlab.wire.loop_bridge import LoopBridge

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine that is stopped at the end."""
    made = Engine()
    yield made
    made.close()


async def test_a_thousand_crossings_bring_each_its_own_result(engine: Engine) -> None:
    """Many calls for one wake-up: no result goes to the wrong one, and none is lost."""

    async def square(number: int) -> int:
        await asyncio.sleep(0.001 * (number % 7))
        return number * number

    found = await asyncio.gather(*(engine.bridge(square(number)) for number in range(1000)))

    assert found == [number * number for number in range(1000)]


async def test_an_error_crosses_back_as_it_was(engine: Engine) -> None:
    """What the work raises is what the waiter gets."""

    async def fail() -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await engine.bridge(fail())


async def test_cancelling_the_wait_cancels_the_work(engine: Engine) -> None:
    """A cell that is interrupted leaves nothing running on the engine."""
    begun, ended = asyncio.Event(), asyncio.Event()
    here = asyncio.get_running_loop()

    async def wait() -> None:
        here.call_soon_threadsafe(begun.set)
        try:
            await asyncio.sleep(60)
        finally:
            here.call_soon_threadsafe(ended.set)

    waiting = asyncio.create_task(engine.bridge(wait()))
    await begun.wait()
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5):
        await ended.wait()


async def test_work_runs_in_the_context_of_who_asked(engine: Engine) -> None:
    """A trace or any other context variable crosses with the work."""

    async def name() -> str:
        return NAME.get()

    async def ask_as(who: str) -> str:
        NAME.set(who)
        return await engine.bridge(name())

    tasks = [asyncio.create_task(ask_as(who)) for who in ("ada", "bob")]

    assert await asyncio.gather(*tasks) == ["ada", "bob"]


async def test_an_engine_that_stops_lets_its_waiters_go(engine: Engine) -> None:
    """Closing the engine cancels what is under way; nobody waits forever."""
    begun = asyncio.Event()
    here = asyncio.get_running_loop()

    async def wait() -> None:
        here.call_soon_threadsafe(begun.set)
        await asyncio.sleep(60)

    waiting = asyncio.create_task(engine.bridge(wait()))
    await begun.wait()
    await asyncio.to_thread(engine.close)

    with pytest.raises(Closed, match="the lab was closed"):
        await waiting


async def test_a_loop_that_closes_harms_no_other(engine: Engine) -> None:
    """Work whose asker's loop is gone ends by itself, and the next loop is served."""

    async def short() -> str:
        await asyncio.sleep(0.01)
        return "done"

    def leave() -> None:
        async def abandon() -> None:
            task = asyncio.create_task(engine.bridge(short()))
            await asyncio.sleep(0)
            task.cancel()

        asyncio.run(abandon())

    await asyncio.to_thread(leave)

    assert await engine.bridge(short()) == "done"


async def test_an_engine_that_stops_lets_a_crowd_go(engine: Engine) -> None:
    """Results that wait for company on the way back are not left behind by a loop that ends."""

    async def wait() -> None:
        await asyncio.sleep(60)

    waiting = [asyncio.create_task(engine.bridge(wait())) for _ in range(20)]
    await engine.bridge(asyncio.sleep(0))
    await asyncio.to_thread(engine.close)

    async with asyncio.timeout(5):
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in ended} == {Closed}


async def test_work_that_comes_too_late_is_let_go(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that closes between the look at it and the knock leaves nobody at the door."""
    ferry = engine._bridge

    def closing(here: asyncio.AbstractEventLoop, there: asyncio.AbstractEventLoop) -> LoopBridge:
        found = ferry(here, there)
        engine.close()
        return found

    monkeypatch.setattr(engine, "_bridge", closing)

    with pytest.raises(Closed):
        async with asyncio.timeout(5):
            await engine.bridge(asyncio.sleep(0, "done"))
    monkeypatch.undo()
    assert await engine.bridge(asyncio.sleep(0, "done")) == "done"


def test_loops_that_are_closed_are_forgotten(engine: Engine) -> None:
    """A program that calls `asyncio.run` for each question does not grow."""
    for _ in range(10):
        asyncio.run(engine.bridge(asyncio.sleep(0)))

    assert len(engine._bridges) == 1
