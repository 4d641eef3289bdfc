"""Outcomes that came after a run: read from what a user gives, and told beside the verdict."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmlab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.comparison.comparison import Comparison


def outcomes_by_input(outcomes: "pd.DataFrame | pd.Series[Any]", target: str) -> dict[str, object]:
    """
    Return the outcomes by input id, which is the index as text.

    Raises:
        UsageError: It is neither frame nor Series, lacks the column, or has an input twice.
    """
    import pandas as pd

    if isinstance(outcomes, pd.DataFrame):
        if target not in outcomes.columns:
            raise UsageError(
                f"the outcomes have no column {target!r}: name it with target=; there are "
                f"{', '.join(map(str, outcomes.columns))}"
            )
        outcomes = outcomes[target]
    if not isinstance(outcomes, pd.Series):
        raise UsageError("outcomes must be a DataFrame or a Series, indexed by input id")
    ids = outcomes.index.map(str)
    if ids.has_duplicates:
        twice = ids[ids.duplicated()]
        raise UsageError(f"{len(twice):,} inputs are there twice, the first is {twice[0]!r}")
    return dict(zip(ids, outcomes.tolist(), strict=True))


def check_kept(run: "Comparison", kept: Collection[str]) -> None:
    """
    Refuse a run that is not the one the book keeps under its name, whose calls have keys *kept*.

    Raises:
        UsageError: Another run of this name was made since, or this one went on.
    """
    if set(run.rows["request_hash"]) != set(kept):
        raise UsageError(
            f"the book keeps another run called {run.name!r} by now: lab.run({run.name!r}) has it"
        )


def resolution_table(resolved: "Sequence[Mapping[str, Any]]") -> "pd.DataFrame":
    """Return one row an input and turn: `input_id`, `at` (UTC), `turn` from 1."""
    import pandas as pd

    lines = [
        (key, datetime.fromtimestamp(each["at"], UTC), turn)
        for turn, each in enumerate(resolved, start=1)
        for key in each["inputs"]
    ]
    return pd.DataFrame(lines, columns=["input_id", "at", "turn"])


def resolution_notes(resolved: "Sequence[Mapping[str, Any]]") -> "Iterator[str]":
    """Say how many targets came after the run, when, and which of them replaced others."""
    if not resolved:
        return
    days = [datetime.fromtimestamp(each["at"], UTC).date().isoformat() for each in resolved]
    span = " to ".join(dict.fromkeys((min(days), max(days))))
    count = sum(len(each["inputs"]) for each in resolved)
    over = sum(each["replaced"] for each in resolved)
    more = f"; {over:,} of them replaced others" if over else ""
    yield f"{count:,} targets were added after the run ({span}){more}: see run.resolutions."
