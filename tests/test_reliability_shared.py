"""One book under labs, threads, forks, processes, other programs and kills, all at once."""

import os
from pathlib import Path

import pytest

from tests.losing import AT_ONCE, lost
from tests.sharing import shared


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("labs", [1, 2, 5])
def test_a_shared_book_holds(tmp_path: Path, labs: int) -> None:
    """The provider bills no more than the limit, no answer that was handed on is lost."""
    done = shared(tmp_path, labs=labs, calls=40, limit=0.3, seed=labs)

    assert done.billed <= done.limit
    assert done.settled + done.unknown <= done.limit
    assert (done.lost, done.sent_again) == (0, 0)
    assert done.problems == ()
    assert done.errors == {}
    assert done.handed_on > 20


def test_a_run_whose_book_is_deleted_ends(tmp_path: Path) -> None:
    """Nothing is sent beyond what was under way; every answer is in the book that was saved."""
    done = lost(tmp_path, calls=200)

    assert done.after <= 2 * AT_ONCE
    assert "it was deleted or moved away while it was in use" in done.said
    assert done.missing == 0
    assert done.handed_on == done.before + done.after
    assert done.problems == ()
