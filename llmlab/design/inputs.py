"""
Read a frame of inputs: ids, slots, targets, clusters, dates, and the score of its targets.

In: a DataFrame and the names of its columns. Out: `Input`s, and targets, clusters and dates by
input; the first fault is one line with its fix.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmlab.checks.plain import NARROW, plain
from llmlab.design.design import AnyScore, Design
from llmlab.design.grid import Input
from llmlab.design.guards import dates_of
from llmlab.design.score_range import bound_of
from llmlab.errors import UsageError, suggest
from llmlab.scores import Judge, Scorer, score_of, try_out
from llmlab.scores.scorer import missing

if TYPE_CHECKING:
    import pandas as pd


def frame_of(on: object) -> "pd.DataFrame | None":
    """
    Check the frame of inputs, and return it unchanged.

    Raises:
        UsageError: It is no DataFrame, or two of its columns have one name.
    """
    import pandas as pd

    if on is None:
        return None
    if not isinstance(on, pd.DataFrame):
        raise UsageError(
            f"on must be a DataFrame, not a {type(on).__name__}: pandas.DataFrame(...) makes one"
        )
    names = [str(each) for each in on.columns]
    twice = [name for at, name in enumerate(names) if name in names[:at]]
    if twice:
        raise UsageError(
            f"the frame has two columns called {twice[0]!r}, and a slot could mean either: "
            "rename one, or drop it"
        )
    return on


def series_of(
    on: "pd.DataFrame | None", target: object
) -> "tuple[str | None, pd.Series[Any] | None]":
    """
    Return the name of the target's column, and the targets where they are not of the frame.

    A Series is aligned with the frame by its index; a list or an array goes by position.

    Raises:
        UsageError: It is neither a name nor targets, or does not fit the frame.
    """
    import pandas as pd

    if target is None or isinstance(target, str):
        return (None if target is None else str(target)), None
    listed = target if isinstance(target, pd.Series) else _listed(target)
    if on is None or listed is None:
        what = f"a {type(target).__name__}" if listed is None else "given without a frame"
        raise UsageError(f"target must be a column's name or a Series, and is {what}")
    if not isinstance(listed, pd.Series):
        if len(listed) != len(on):
            raise UsageError(f"target has {len(listed):,} values for {len(on):,} inputs")
        return "target", pd.Series(listed, index=on.index, dtype=object)
    if not listed.index.is_unique or not on.index.isin(listed.index).any():
        what = "has duplicates" if not listed.index.is_unique else "names other inputs only"
        raise UsageError(f"target is aligned by its index, which {what}: use the frame's index")
    name = "target" if listed.name is None else str(listed.name)
    return name, listed.astype(object).reindex(on.index)


def _listed(target: object) -> list[Any] | None:
    found = plain(target)
    return found if isinstance(found, list) else None


def target_of(on: "pd.DataFrame | None", score: AnyScore | None, target: str | None) -> str | None:
    """Return the column of targets: the one named, else one called as the score, or `target`."""
    if on is None:
        if score is not None and not _is_judge(score) and score_of(score).needs_target:  # type: ignore[arg-type]  # no judge
            raise UsageError("a score needs inputs with a target: give a frame with on=")
        return None
    if not len(on):
        raise UsageError("the frame of inputs is empty: there is nothing to ask about")
    if target is None and isinstance(score, str) and score in on.columns:
        return score
    if target is None and score is not None:
        return _default_target(on, score)
    if target is not None:
        _require(on, target, "the target")
    return target


def _default_target(on: "pd.DataFrame", score: AnyScore) -> str | None:
    """Take a column called `target`; a score may do without one."""
    if "target" in on.columns:
        return "target"
    if _is_judge(score) or not score_of(score).needs_target:  # type: ignore[arg-type]  # no judge
        return None
    named = score if isinstance(score, str) else getattr(score, "name", "score")
    raise UsageError(
        f"score {named!r} needs a target: name its column with target= (--target); "
        f"the frame has {', '.join(map(str, on.columns))}"
    )


def _is_judge(score: AnyScore) -> bool:
    if isinstance(score, str):
        return score.partition(":")[0] == "judge"
    return isinstance(score, Judge)


def scorer_or_judge(
    score: AnyScore | None, inputs: Sequence[Input], *, sequential: bool
) -> tuple[Scorer | None, Judge | None]:
    """Make the scorer or the judge; refuse what early stopping cannot use."""
    if score is None:
        if sequential:
            raise UsageError("stop_when_clear needs a score, whose means are compared")
        return None, None
    if isinstance(score, Judge) or _is_judge(score):
        if sequential:
            raise UsageError("stop_when_clear cannot wait for a judge: use a score of the answer")
        if isinstance(score, Judge):
            return None, score
        return None, Judge(model=str(score).partition(":")[2] or None)
    found = score_of(score)
    scorer = found.make([each.target for each in inputs])
    if found.sample is not None and inputs:
        one = next((each for each in inputs if each.target is not None), inputs[0])
        try_out(scorer, found.sample, one.target, one.values)
    if sequential:
        bound_of(scorer)
    return scorer, None


def units_by_input(
    inputs: Sequence[Input], clusters: Mapping[str, object] | None
) -> Mapping[str, object]:
    """Return the unit of early stopping by input id: the input itself, or its cluster."""
    return {each.id: each.id for each in inputs} if clusters is None else clusters


def dates_by_input(
    on: "pd.DataFrame | None", as_of: str | None, inputs: Sequence[Input]
) -> Mapping[str, float] | None:
    """Return the date of each input, Unix seconds; UsageError when the column holds no dates."""
    if on is None or as_of is None:
        return None
    _require(on, as_of, "as_of")
    return dates_of(on, as_of, inputs)


def check_horizon(
    design: Design,
    inputs: Sequence[Input],
    *,
    dates: Mapping[str, float] | None,
    clusters: Mapping[str, object] | None,
) -> None:
    """
    Check that inputs have an order in time, and that the design's horizon is one; if it has any.

    Raises:
        UsageError: They have none, or the run is to be watched as it goes.
    """
    horizon = design.horizon
    if horizon is None:
        return
    if design.stop_when_clear:
        raise UsageError(
            "stop_when_clear takes inputs (or clusters) for independent, and dates whose targets "
            "overlap are not: leave out one of stop_when_clear and horizon"
        )
    if dates is None and clusters is None:
        raise UsageError(
            f"horizon={horizon!r} needs the order in time of inputs: name a column of dates with "
            "as_of=, or as the cluster"
        )
    undated = [each.id for each in inputs if dates is not None and each.id not in dates]
    if undated:
        raise UsageError(f"input {undated[0]!r} has no date ({len(undated)} in all)")
    stretches(horizon, dates, clusters)


def stretches(
    horizon: int | str, dates: Mapping[str, float] | None, clusters: Mapping[str, object] | None
) -> int:
    """Return how many times over the dates of a run are as long as targets look ahead."""
    import pandas as pd

    from llmlab.stats.clusters import dated

    at = pd.Series(clusters) if dates is None else pd.to_datetime(pd.Series(dates), unit="s")
    found = dated(at, horizon)
    count = 0 if found.codes is None else int(found.codes.max()) + 1
    return max(1, count // found.steps)


def inputs_of(
    on: "pd.DataFrame | None",
    target: "str | pd.Series[Any] | None",
    values: Mapping[str, object],
) -> tuple[Input, ...]:
    """Return one input a row of the frame; without a frame one input of *values* alone."""
    return (Input(id="0", values=values),) if on is None else _inputs(on, target, values)


def _inputs(
    on: "pd.DataFrame", target: "str | pd.Series[Any] | None", values: Mapping[str, object]
) -> tuple[Input, ...]:
    ids = [str(each) for each in on.index]
    if len(set(ids)) < len(ids):
        raise UsageError("the frame's index has duplicates, and the index names the inputs: "
                         "use frame.reset_index(drop=True)")  # fmt: skip
    records: list[dict[str, Any]] = [
        {str(key): value for key, value in record.items()}
        for record in _widened(on).to_dict("records")
    ]
    if target is None or isinstance(target, str):
        targets = [record.get(target) if target else None for record in records]
    else:
        targets = target.tolist()
    return tuple(
        # A missing value is no target.
        Input(id=each, values={**values, **record}, target=None if missing(value) else value)
        for each, record, value in zip(ids, records, targets, strict=True)
    )


def _widened(on: "pd.DataFrame") -> "pd.DataFrame":
    """Return *on* with its short floats as they print: as a double, 0.1 has noise behind it."""
    narrow = [at for at, kind in enumerate(on.dtypes) if str(kind).lower() in NARROW]
    if not narrow:
        return on
    made = on.copy(deep=False)
    for at in narrow:
        made.isetitem(at, [plain(each) for each in on.iloc[:, at].array])
    return made


def clusters_of(
    on: "pd.DataFrame | None", cluster: str | None, inputs: Sequence[Input]
) -> Mapping[str, object] | None:
    """Return the cluster of each input; UsageError when an input has none."""
    if on is None or cluster is None:
        return None
    _require(on, cluster, "the cluster")
    lost = on.index[on[cluster].isna()]
    if len(lost):
        raise UsageError(f"input {lost[0]!r} has no {cluster} to cluster by ({len(lost)} in all)")
    return dict(zip((each.id for each in inputs), on[cluster], strict=True))


def _require(on: "pd.DataFrame", column: str, role: str) -> None:
    if not isinstance(column, str):
        raise UsageError(f"{role} is named by its column, not by a {type(column).__name__}")
    if column in on.columns:
        return
    raise UsageError(f"no column is called {column!r} ({role}); {suggest(column, on.columns)}")
