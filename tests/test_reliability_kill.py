"""A run that is killed, interrupted or out of disk loses nothing that was paid. # R-43, R-65."""

import signal
import time
from pathlib import Path

from llmlab.book import Book
from tests.fleet import began, ended, kernel, provider, sent_again, served
from tests.killing import killed


def test_a_killed_run_takes_up_where_it_stopped(tmp_path: Path) -> None:
    """Four SIGKILLs: no answer that was handed on is asked again, and the money is exact."""
    done = killed(tmp_path, kills=4, calls=500, seed=4, longest=0.6)

    assert (done.answered, done.problems) == (500, ())
    assert done.sent_after_handing_on == 0
    assert done.undeclared == 0
    assert done.settled == done.billed_known
    assert done.billed <= done.settled + done.unknown_usd


def test_an_interrupt_keeps_what_is_finished(tmp_path: Path) -> None:
    """After Ctrl-C the finished rows are there, no task is left, the rest is sent next time."""
    with provider(tmp_path, "delay:0.05") as url:
        with kernel(tmp_path, url, 300) as process:
            began(process)
            _wait_for(tmp_path / "handed.log")
            process.send_signal(signal.SIGINT)
            first = ended(process)
        with kernel(tmp_path, url, 300) as process:
            second = ended(process)

    assert 0 < first["rows"] < 300
    assert first["ok"] == first["rows"]
    assert "run the cell again" in first["notes"][0]
    assert first["tasks"] == 0
    assert second["ok"] == 300
    assert not sent_again(tmp_path)


def test_a_full_disk_stops_the_run_in_one_line(tmp_path: Path) -> None:
    """What was stored stays, nothing is sent that cannot be written down, and the book is whole."""
    with provider(tmp_path, "delay:0.01") as url:
        with kernel(tmp_path, url, 300, largest_file=200_000) as process:
            full = ended(process)
        with Book.open(tmp_path / "lab.db") as book:
            problems = book.verify()
        sent = len(served(tmp_path))
        with kernel(tmp_path, url, 300) as process:
            again = ended(process)

    said = full.get("error") or full["first_error"] or full["notes"][0]
    assert "disk" in said
    assert "\n" not in said
    assert full["tasks"] == 0
    assert problems == []
    assert sent < 300
    assert again["ok"] == 300
    assert not sent_again(tmp_path)


def _wait_for(path: Path) -> None:
    """Wait until something was written."""
    until = time.monotonic() + 300
    while time.monotonic() < until and not (path.exists() and path.stat().st_size):
        time.sleep(0.01)
