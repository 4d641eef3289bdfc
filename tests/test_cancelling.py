"""Cancelling stops the spending, whoever cancels what: what landed is kept, no more is sent."""

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.errors import Closed, LabError
from tests.loopback import PATIENCE, Came, Loopback, Said
from tests.test_one_in_flight import ANSWER, MODEL

CALLS: Final = 60
FIRST: Final = 10
"""Requests that are answered at once; the others hang until the end."""
PROMPTS: Final = {"p": "Say {{ n }}."}


class Slow:
    """A provider that answers the first few requests, and keeps the others waiting."""

    def __init__(self, first: int = FIRST) -> None:
        self._first = first
        self.end = threading.Event()
        self._numbers = itertools.count()
        self.server = Loopback(self._reply)

    def _reply(self, _: Came) -> Said:
        if next(self._numbers) >= self._first:
            self.end.wait(PATIENCE)
        return Said(body=ANSWER)

    def lab(self, book: Path | None = None) -> Lab:
        return Lab(book=book, env=self.server.env, config="/", max_in_flight=4, per_provider=4)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.end.set()
        self.server.__exit__(*exc)

    def stands(self) -> int:
        """Return how many requests have come, once no more come."""
        count = -1
        while count != len(self.server.log):
            count = len(self.server.log)
            time.sleep(0.3)
        return count


def frame() -> pd.DataFrame:
    """Make one input a call."""
    return pd.DataFrame({"n": [str(n) for n in range(CALLS)]})


def _abtest(lab: Lab, **options: Any) -> Any:
    return lab.abtest_async(PROMPTS, MODEL, on=frame(), quiet=True, name="r", **options)


async def _cancel(lab: Lab, slow: Slow) -> None:
    task = asyncio.create_task(_abtest(lab))
    await asyncio.to_thread(slow.server.until, FIRST + 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _time_out(lab: Lab, slow: Slow) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_abtest(lab), 1.0)


async def _group(lab: Lab, slow: Slow) -> None:
    async def fail() -> None:
        await asyncio.to_thread(slow.server.until, FIRST + 2)
        raise ZeroDivisionError

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_abtest(lab))
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        await both()


async def _loop_ends(lab: Lab, slow: Slow) -> None:
    async def cell() -> None:
        task = asyncio.create_task(_abtest(lab))
        await asyncio.to_thread(slow.server.until, FIRST + 2)
        del task  # the notebook's loop ends with the task under way

    await asyncio.to_thread(asyncio.run, cell())


async def _stop(lab: Lab, slow: Slow) -> None:
    handle = await asyncio.to_thread(
        lambda: lab.start(PROMPTS, MODEL, on=frame(), quiet=True, name="r")
    )
    await asyncio.to_thread(slow.server.until, FIRST + 2)
    handle.stop(now=True)
    run = await asyncio.to_thread(handle.result, PATIENCE)
    assert len(run.rows) < CALLS


@pytest.mark.parametrize("how", [_cancel, _time_out, _group, _loop_ends, _stop])
async def test_a_run_that_is_cancelled_sends_no_more_and_keeps_what_landed(
    how: Callable[[Lab, Slow], Any],
) -> None:
    """By a task, a time-out, a group, a loop that ends, a handle: as at Ctrl-C. # R-13."""
    with Slow() as slow:
        async with slow.lab() as lab:
            await how(lab, slow)
            served = len(slow.server.log)
            assert served < FIRST + 10
            kept = await asyncio.to_thread(lab.run, "r")
            assert 0 < (kept.rows["status"] == "ok").sum() < served
            assert "interrupted" in kept.notes[0]
            assert await asyncio.to_thread(slow.stands) == served
            assert lab.book.account().reserved == 0
            assert lab.book.verify() == []


async def test_what_was_cancelled_goes_on_where_it_was() -> None:
    """The same call again sends only what is missing."""
    with Slow() as slow:
        async with slow.lab() as lab:
            await _cancel(lab, slow)
            slow.end.set()
            served = len(slow.server.log)
            run = await _abtest(lab)
    assert (run.rows["status"] == "ok").all()
    assert len(slow.server.log) - served < CALLS


async def test_several_cancelled_at_once_all_stop() -> None:
    """Questions, a stream and two runs, cancelled together."""
    with Slow() as slow:
        async with slow.lab() as lab:
            asked = [lab.ask_async("Spring?", MODEL, repeat=n) for n in range(20)]

            async def stream() -> None:
                async for _ in lab.stream("Summer?", MODEL):
                    pass

            runs = [
                lab.abtest_async({"p": f"{name} {{{{ n }}}}."}, MODEL, on=frame(), quiet=True)
                for name in ("one", "two")
            ]
            together = asyncio.gather(*asked, stream(), *runs)
            await asyncio.to_thread(slow.server.until, FIRST + 2)
            together.cancel()
            with pytest.raises(asyncio.CancelledError):
                await together
            served = await asyncio.to_thread(slow.stands)
            assert served < FIRST + 12
            assert lab.book.account().reserved == 0


@pytest.mark.parametrize("how", ["break", "aclose", "cancel"])
async def test_a_stream_that_is_left_is_cut(how: str) -> None:
    """Breaking out of the loop, closing and cancelling end the request, and nothing is sent."""
    cut = threading.Event()
    piece = b'data: {"model": "m", "choices": [{"index": 0, "delta": {"content": "Late"}}]}\n\n'

    def reply(_: Came) -> Said:
        return Said(body=piece, kind="text/event-stream", more=cut)

    with Loopback(reply) as server:
        async with Lab(book=None, env=server.env, config="/") as lab:
            pieces = lab.stream("Spring?", MODEL)

            async def read() -> None:
                async for each in pieces:
                    assert each.text == "Late"
                    if how != "cancel":
                        break
                    task.cancel()

            task = asyncio.create_task(read())
            with contextlib.suppress(asyncio.CancelledError):
                await task
            if how == "break":
                del pieces
            else:
                await pieces.aclose()
            assert await asyncio.to_thread(cut.wait, PATIENCE)
            assert len(server.log) == 1
            while lab.book.account().reserved:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert lab.book.account().unknown > 0


async def test_a_lab_that_closes_tells_who_waits_in_one_line() -> None:
    """Runs, questions and streams under way end with `Closed`; what landed is kept. # R-20."""
    with Slow(first=0) as slow:
        lab = slow.lab()

        async def stream() -> None:
            async for _ in lab.stream("Summer?", MODEL):
                pass

        work = [_abtest(lab), lab.ask_async("Spring?", MODEL), stream()]
        tasks = [asyncio.create_task(each) for each in work]
        await asyncio.to_thread(slow.server.until, 3)
        await asyncio.to_thread(lab.close)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in ends} == {Closed}
    assert all(isinstance(each, LabError) and "\n" not in str(each) for each in ends)


def test_a_run_whose_lab_is_closed_is_kept(tmp_path: Path) -> None:
    """Whoever waits on another thread is told, and the next lab reads what landed."""
    told: list[BaseException] = []
    with Slow() as slow:
        lab = slow.lab(tmp_path / "b.db")

        def run() -> None:
            try:
                lab.abtest(PROMPTS, MODEL, on=frame(), quiet=True, name="r")
            except LabError as error:
                told.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        slow.server.until(FIRST + 2)
        lab.close()
        thread.join(PATIENCE)
        with slow.lab(tmp_path / "b.db") as again:
            rows = again.run("r").rows
    assert [type(each) for each in told] == [Closed]
    assert "run 'r'" in str(told[0])
    assert 0 < (rows["status"] == "ok").sum() < CALLS
