"""Scores that somebody else has, made the rows of a run: five columns are enough."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from llmlab.errors import UsageError
from llmlab.frames import kinds
from llmlab.frames.arrays import array_of
from llmlab.frames.columns import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

NAMES: Final = {"input": "input_id", "model": "label"}
"""What the short names stand for among the columns of `run.rows`."""
_NEEDED: Final = ("prompt", "label", "input_id", "score")
_KEY: Final = ["prompt", "label", "input_id", "repeat"]
_LEAST: Final = {"attempts": 1, "unsure_attempts": 0, "unsure_usd": 0.0}
"""What is true of a call of which nothing else is known."""


def rows_of_scores(scores: "pd.DataFrame", run: str) -> "pd.DataFrame":
    """
    Return *scores* as rows of a run, every column of `run.rows` there and rightly typed.

    *scores* has one row an answer: `prompt`, `model`, `input`, `score` and, where an input was
    answered more than once, `repeat` (counted in the order of rows when it is absent). A score
    that is missing stays missing. Any other column of `run.rows` is taken as what it says
    there, in its units; columns that llmlab does not know are kept as they are.

    Raises:
        UsageError: A column is absent or holds what it cannot, a name is missing, or an answer
            is there twice.
    """
    import pandas as pd

    frame = _named(scores).reset_index(drop=True)
    known = {column.name: column.dtype for column in COLUMNS}
    if "model" not in frame.columns:
        frame["model"] = frame["label"]
    for name in frame.columns.intersection(list(known)):
        frame[name] = kinds.made(_plain(frame[name]), known[name])
    _check(frame)
    count, filled = len(frame), {**_LEAST, "run": run, **_states(frame)}
    made = {
        name: frame[name] if name in frame else array_of(_listed(filled.get(name), count), dtype)
        for name, dtype in known.items()
    }
    others = [name for name in frame.columns if name not in known]
    return pd.DataFrame({**made, **{name: frame[name] for name in others}}, copy=False)


def _named(scores: "pd.DataFrame") -> "pd.DataFrame":
    """Give the columns their names among rows, and number repeats that have no number."""
    if not hasattr(scores, "columns"):
        raise UsageError("scores must be a DataFrame with prompt, model, input and score")
    frame = scores.copy()
    for short, name in NAMES.items():
        if name not in frame.columns and short in frame.columns:
            frame[name] = frame[short]
    if "input" in frame.columns:
        frame = frame.drop(columns="input")
    lost = [name for name in _NEEDED if name not in frame.columns]
    if lost:
        said = {name: short for short, name in NAMES.items()}
        listed = ", ".join(said.get(name, name) for name in lost)
        raise UsageError(f"the scores lack the column(s) {listed}")
    if not len(frame):
        raise UsageError("there are no scores to compare")
    if "repeat" not in frame.columns:
        frame["repeat"] = frame.groupby(_KEY[:3], observed=True, dropna=False).cumcount()
    return frame


def _plain(column: Any) -> Any:
    """Return a score of True and False as 1 and 0; a file's reader has no such scores."""
    import pandas as pd

    if column.name != "score" or pd.api.types.infer_dtype(column, skipna=True) != "boolean":
        return column
    return column.astype("boolean").astype("Float64").astype("float64")


def _check(frame: "pd.DataFrame") -> None:
    for name in _KEY[:3]:
        if frame[name].isna().any():
            row = int(frame[name].isna().to_numpy().argmax()) + 1
            raise UsageError(f"column {name!r}, row {row}: a value is missing; every row needs one")
    if np.isinf(frame["score"].to_numpy(dtype=float, na_value=np.nan)).any():
        raise UsageError("column 'score' holds an infinite value; scores must be finite")
    twice = frame.duplicated(_KEY)
    if twice.any():
        place = frame.loc[int(twice.to_numpy().argmax()), _KEY]
        said = ", ".join(f"{name} {place[name]!r}" for name in _KEY)
        raise UsageError(f"the answer to {said} is there twice; number its repeats from 0")
    if "status" in frame.columns and not frame["status"].isin(("ok", "error")).all():
        raise UsageError("column 'status' must hold ok or error")


def _states(frame: "pd.DataFrame") -> dict[str, Any]:
    """Say what became of each call, as far as its score tells."""
    scored = frame["score"].notna().to_numpy()
    failed = (
        (frame["status"] == "error").to_numpy() if "status" in frame.columns else ~scored & False
    )
    outcome = np.where(failed, "failed", np.where(scored, "scored", "unscored"))
    made: dict[str, Any] = {"status": np.where(failed, "error", "ok"), "outcome": outcome}
    if "cost_usd" in frame.columns:
        made["cost_is"] = np.where(frame["cost_usd"].notna(), "exact", "unpriced")
    return made


def _listed(value: Any, count: int) -> list[Any]:
    return value.tolist() if isinstance(value, np.ndarray) else [value] * count
