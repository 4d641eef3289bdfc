"""The same question at the same moment is paid once: over tasks, threads, labs and kernels."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.errors import CallError, Refused, TimedOut
from llmlab.records import Answer
from tests.fleet import _ROOT
from tests.loopback import PATIENCE, Came, Loopback, Said

MODEL: Final = "openai/gpt-6-luna"
CHOICE: Final = {"index": 0, "message": {"content": "Late."}, "finish_reason": "stop"}
ANSWER: Final = json.dumps(
    {
        "id": "c1",
        "model": "gpt-6-luna",
        "choices": [CHOICE],
        "usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16},
    }
).encode()
REFUSED: Final = b'{"error": {"message": "No.", "type": "invalid_request_error"}}'


class Desk:
    """A provider that answers when it is let; the first requests get what `first` says."""

    def __init__(self, *first: Said) -> None:
        self.first = list(first)
        self.open = threading.Event()
        self.server = Loopback(self._reply)

    def _reply(self, _: Came) -> Said:
        said = self.first.pop(0) if self.first else Said(body=ANSWER)
        self.open.wait(PATIENCE)
        return said

    @property
    def served(self) -> int:
        return len(self.server.log)

    def lab(self, book: Path | None = None, **options: Any) -> Lab:
        settings: dict[str, Any] = {"attempts": 1, **options}
        return Lab(book=book, env=self.server.env, config="/", **settings)

    @contextmanager
    def serving(self) -> Iterator["Desk"]:
        with self.server:
            try:
                yield self
            finally:
                self.open.set()


def paid(answers: list[Answer]) -> int:
    """Count those who paid for their answer."""
    return sum(not each.from_book for each in answers)


async def until_waiting(lab: Lab, count: int) -> None:
    """Wait until *count* callers wait for another one's answer."""
    flights = lab.book.flights
    while sum(len(each.waiting) for each in flights._flights.values()) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.005)


async def test_twenty_at_once_are_one_request() -> None:
    """One is sent and paid; twenty have its answer. # R-22."""
    with Desk().serving() as desk:
        async with desk.lab() as lab:
            tasks = [asyncio.create_task(lab.ask_async("Spring?", MODEL)) for _ in range(20)]
            await until_waiting(lab, 19)
            desk.open.set()
            answers = await asyncio.gather(*tasks)
            account = lab.book.account()
    assert desk.served == 1
    assert {each.text for each in answers} == {"Late."}
    assert paid(answers) == 1
    assert account.settled == next(each.cost for each in answers if not each.from_book)
    assert account.unknown == account.reserved == 0


def test_threads_loops_and_two_labs_on_one_book_are_one_request(tmp_path: Path) -> None:
    """Whoever shares the book shares the answer."""
    answers: list[Answer] = []

    def ask(lab: Lab) -> None:
        answers.append(lab.ask("Spring?", MODEL))

    def ask_on_a_loop(lab: Lab) -> None:
        answers.append(asyncio.run(lab.ask_async("Spring?", MODEL)))

    path = tmp_path / "b.db"
    with Desk().serving() as desk, desk.lab(path) as one, desk.lab(path) as two:
        ways = [(how, lab) for how in (ask, ask_on_a_loop) for lab in (one, two)]
        threads = [threading.Thread(target=how, args=(lab,)) for how, lab in ways * 3]
        for each in threads:
            each.start()
        desk.server.until(1)
        assert desk.server.stays_at(1)
        desk.open.set()
        for each in threads:
            each.join()
    assert desk.served == 1
    assert len(answers) == 12
    assert paid(answers) == 1


_ASK: Final = """
import sys
from llmlab import Lab
from llmlab.calls import attempt_loop

answer_from = attempt_loop.answer_from

async def told(*args, **options):
    print("waiting", flush=True)
    return await answer_from(*args, **options)

attempt_loop.answer_from = told
env = {"OPENAI_API_KEY": "sk-planted-0000000000000000000000", "OPENAI_BASE_URL": sys.argv[2]}
with Lab(book=sys.argv[1], env=env, config="/") as lab:
    lab.book
    print("ready", flush=True)
    sys.stdin.readline()
    answer = lab.ask("Spring?", "openai/gpt-6-luna")
    print("paid" if not answer.from_book else "shared")
"""


def _kernel(book: Path, desk: Desk) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", _ASK, str(book), f"{desk.server.url}/v1"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _says(process, "ready")
    return process


def _says(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"


def _go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_three_kernels_are_one_request(tmp_path: Path) -> None:
    """Kernels that share a book do not pay for what another one has under way."""
    with Desk().serving() as desk, ExitStack() as stack:
        kernels = [stack.enter_context(_kernel(tmp_path / "b.db", desk)) for _ in range(3)]
        _go(kernels[0])
        desk.server.until(1)
        for each in kernels[1:]:
            _go(each)
            _says(each, "waiting")
        desk.open.set()
        said = sorted(each.communicate(timeout=PATIENCE)[0].strip() for each in kernels)
    assert said == ["paid", "shared", "shared"]
    assert desk.served == 1


def test_a_kernel_that_dies_leaves_its_question_to_the_next(tmp_path: Path) -> None:
    """Who waited for it sends; what the dead one sent counts as unknown."""
    with Desk().serving() as desk, ExitStack() as stack:
        first = stack.enter_context(_kernel(tmp_path / "b.db", desk))
        _go(first)
        desk.server.until(1)
        second = stack.enter_context(_kernel(tmp_path / "b.db", desk))
        _go(second)
        _says(second, "waiting")
        first.kill()
        desk.server.until(2)
        desk.open.set()
        assert second.communicate(timeout=PATIENCE)[0].strip() == "paid"
    with desk.lab(tmp_path / "b.db") as lab:
        account = lab.book.account()
    assert account.settled > 0
    assert account.unknown > 0
    assert account.reserved == 0


async def test_two_runs_of_one_plan_pay_once() -> None:
    """Two runs side by side send each call once, and both have all rows."""
    frame = pd.DataFrame({"n": [str(n) for n in range(40)]})
    with Desk().serving() as desk:
        desk.open.set()
        async with desk.lab(max_in_flight=8) as lab:
            runs = await asyncio.gather(
                *(
                    lab.abtest_async({"p": "Say {{ n }}."}, MODEL, on=frame, quiet=True, name=name)
                    for name in ("one", "two")
                )
            )
    assert desk.served == 40
    assert [len(each.rows) for each in runs] == [40, 40]
    assert sum((~each.rows["from_book"]).sum() for each in runs) == 40


async def test_equal_inputs_of_one_plan_are_samples_of_their_own() -> None:
    """Two rows with the same words are two calls, whichever is sent when."""
    frame = pd.DataFrame({"n": ["1", "1", "2"]})
    with Desk().serving() as desk:
        desk.open.set()
        async with desk.lab() as lab:
            run = await lab.abtest_async({"p": "Say {{ n }}."}, MODEL, on=frame, quiet=True)
    assert desk.served == 3
    assert not run.rows["from_book"].any()


async def test_a_failure_is_its_own_and_the_next_one_sends() -> None:
    """The error is that of the caller who sent; the others get their own answer, paid once."""
    with Desk(Said(body=REFUSED, status=400)).serving() as desk:
        async with desk.lab() as lab:
            tasks = [asyncio.create_task(lab.ask_async("Spring?", MODEL)) for _ in range(5)]
            await until_waiting(lab, 4)
            desk.open.set()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert desk.served == 2
    assert [type(each) for each in ends].count(Refused) == 1
    assert paid([each for each in ends if isinstance(each, Answer)]) == 1


async def test_who_waits_is_not_cancelled_with_the_one_that_sends() -> None:
    """The next one sends in its place, and all that wait have that answer."""
    with Desk().serving() as desk:
        async with desk.lab() as lab:
            first = asyncio.create_task(lab.ask_async("Spring?", MODEL))
            await asyncio.to_thread(desk.server.until, 1)
            others = [asyncio.create_task(lab.ask_async("Spring?", MODEL)) for _ in range(4)]
            await until_waiting(lab, 4)
            first.cancel()
            await asyncio.to_thread(desk.server.until, 2)
            desk.open.set()
            answers = await asyncio.gather(*others)
            assert first.cancelled()
    assert desk.served == 2
    assert paid(answers) == 1


async def test_a_waiter_that_gives_up_leaves_the_others_alone() -> None:
    """Cancelling one that waits cancels nobody else, and all cancelled leave nothing behind."""
    with Desk().serving() as desk:
        async with desk.lab() as lab:
            tasks = [asyncio.create_task(lab.ask_async("Spring?", MODEL)) for _ in range(4)]
            await until_waiting(lab, 3)
            tasks[-1].cancel()
            desk.open.set()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert lab.book.flights._flights == {}
    assert desk.served == 1
    assert [isinstance(each, Answer) for each in ends] == [True, True, True, False]


async def test_who_waits_keeps_the_own_deadline() -> None:
    """A question with a deadline waits no longer for another one's call, which goes on."""
    with Desk().serving() as desk:
        async with desk.lab() as lab:
            first = asyncio.create_task(lab.ask_async("Spring?", MODEL))
            await asyncio.to_thread(desk.server.until, 1)
            with pytest.raises(TimedOut, match=r"no answer within 0\.1 s; the same question"):
                await lab.ask_async("Spring?", MODEL, deadline=0.1)
            desk.open.set()
            assert (await first).text == "Late."
    assert desk.served == 1


async def test_a_stream_takes_part() -> None:
    """Who streams what is under way has the words as one piece."""
    with Desk().serving() as desk:
        async with desk.lab() as lab:
            asked = asyncio.create_task(lab.ask_async("Spring?", MODEL))
            await asyncio.to_thread(desk.server.until, 1)

            async def streamed() -> list[Any]:
                return [piece async for piece in lab.stream("Spring?", MODEL)]

            reading = asyncio.create_task(streamed())
            await until_waiting(lab, 1)
            desk.open.set()
            pieces, answer = await reading, await asked
    assert desk.served == 1
    assert [each.text for each in pieces] == ["Late.", ""]
    assert pieces[-1].answer.from_book
    assert not answer.from_book


async def test_repeats_and_questions_one_after_the_other_are_asked_again() -> None:
    """Only what is simultaneous is joined; `repeat` is the way to ask for another sample."""
    with Desk().serving() as desk:
        desk.open.set()
        async with desk.lab() as lab:
            together = [lab.ask_async("Spring?", MODEL, repeat=n) for n in range(3)]
            answers = await asyncio.gather(*together)
            answers += [await lab.ask_async("Spring?", MODEL) for _ in range(2)]
    assert desk.served == 5
    assert paid(answers) == 5


async def test_all_fail_when_the_provider_fails_all() -> None:
    """Nobody waits for ever: each is told its own failure."""
    refusals = [Said(body=REFUSED, status=400) for _ in range(5)]
    with Desk(*refusals).serving() as desk:
        async with desk.lab() as lab:
            tasks = [asyncio.create_task(lab.ask_async("Spring?", MODEL)) for _ in range(5)]
            await until_waiting(lab, 4)
            desk.open.set()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert desk.served == 5
    assert all(isinstance(each, CallError) for each in ends)


@pytest.mark.parametrize("deadline", [0.2])
async def test_a_time_out_is_shared_when_the_own_deadline_is_over(deadline: float) -> None:
    """Twenty that find a silent provider wait twice their deadline at most, not twenty times."""
    with Desk().serving() as desk:
        async with desk.lab() as lab:
            ask = [lab.ask_async("Spring?", MODEL, deadline=deadline) for _ in range(20)]
            ends = await asyncio.gather(*ask, return_exceptions=True)
    assert desk.served <= 2
    assert all(isinstance(each, CallError) for each in ends)
