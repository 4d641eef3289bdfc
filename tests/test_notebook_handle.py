"""A handle tells where a run stands, whoever asks from whichever thread."""

import asyncio
import threading

import pytest

from llmlab.errors import UsageError
from llmlab.records import Plan, Progress
from llmlab.runs.handle import Handle, started


def progress(done: int, total: int = 4) -> Progress:
    """Return a run's progress, as far as a handle looks at it."""
    return Progress(
        total=total, done=done, from_book=0, failed=0, spent_usd=0.0, limit_usd=None, elapsed_s=1.0
    )


class Run:
    """A run that goes as far as it is told."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, handle: Handle[str]) -> str:
        """Plan four calls, then end when told."""
        handle.planned(Plan(name="four", calls=4, from_book=0))
        self.go.wait(300)
        done = 4 if asyncio.run(handle.passes()) else 1
        handle.ended(progress(done))
        return f"{done} rows"


def test_a_run_goes_through_its_states() -> None:
    """Running, paused, running, done; the result is what the work returned."""
    run = Run()

    handle = started(run)

    states = [handle.state]
    handle.pause()
    states.append(handle.state)
    handle.resume()
    states.append(handle.state)
    run.go.set()
    assert handle.result(10) == "4 rows"
    assert [*states, handle.state] == ["running", "paused", "running", "done"]


def test_a_stopped_run_keeps_what_has_landed() -> None:
    """Stop lets the work end with what it has, and says so."""
    run = Run()
    handle = started(run)

    handle.stop()
    run.go.set()

    assert handle.result(10) == "1 rows"
    assert handle.state == "stopped"


def test_what_has_ended_cannot_be_stopped() -> None:
    """A button that comes too late is told so."""
    run = Run()
    handle = started(run)
    run.go.set()
    handle.result(10)

    with pytest.raises(UsageError, match=r"has ended \(done\)"):
        handle.stop()


def test_a_bad_design_is_raised_where_it_was_asked_for() -> None:
    """What is wrong before anything is sent comes out of the call that starts the run."""

    def bad(handle: Handle[str]) -> str:
        raise UsageError("no such column")

    with pytest.raises(UsageError, match="no such column"):
        started(bad)


def test_watchers_hear_of_every_move_and_of_the_end() -> None:
    """A watcher is called when the run moves, and a late one at once."""
    run, heard = Run(), []
    handle = started(run)
    handle.on_change(lambda each: heard.append(each.state))

    handle.pause()
    handle.resume()
    run.go.set()
    handle.result(10)
    late: list[str] = []
    handle.on_change(lambda each: late.append(each.state))

    assert heard[:2] == ["paused", "running"]
    assert late == ["done"]


def test_a_stop_that_cannot_wait_pulls_the_brake_of_the_run() -> None:
    """`stop(now=True)` cancels what is under way; what has landed is the result."""
    run = Run()
    handle = started(run)

    handle.stop(now=True)

    assert handle.control.brake.is_pulled()
    run.go.set()
    assert handle.result(10) == "1 rows"
    assert handle.state == "stopped"
