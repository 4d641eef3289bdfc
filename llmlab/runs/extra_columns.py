"""
Scores and columns of a run that are not part of its calls, ready for a frame.

In: an experiment and its finished calls. Out: scored rows, the columns that no row holds, notes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmlab.archive.trials import count_trials
from llmlab.design.experiment import Experiment
from llmlab.design.guards import before_cutoff
from llmlab.design.schemas import schema_notes
from llmlab.records import Row
from llmlab.runs.judging import judge_rows
from llmlab.runs.server_notes import server_notes
from llmlab.runs.tested import tested
from llmlab.scores import Scorer, scored
from llmlab.scores.apply import heard, probabilities_of, words_of
from llmlab.scores.targets import written

if TYPE_CHECKING:
    from llmlab.runs.conduct import RunObserver
    from llmlab.runs.control import Control
    from llmlab.runs.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """Scored rows, the values beside them (one list a column), and what a Comparison is told."""

    rows: list[Row]
    extra_columns: Mapping[str, list[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of `Comparison`: chance, score_name, cluster, bound, aa, and so on."""


def read(
    services: "Services",
    experiment: Experiment,
    rows: Sequence[Row],
    *,
    watch: "RunObserver",
    control: "Control",
    notes: Sequence[str] = (),
) -> ScoredRun:
    """Score *rows*, ask the judge where there is one, and count the trials in the book."""
    listed: list[Row] = list(rows)
    said: list[str | None] = [None] * len(listed)
    chances: list[float | None] = [None] * len(listed)
    more: tuple[str, ...] = ()
    if experiment.judge is not None:
        listed, said, more = judge_rows(
            services, experiment, experiment.judge, listed, watch=watch, control=control
        )
    elif experiment.scorer is not None:
        listed, said, chances, more = _scored(experiment, experiment.scorer, listed)
    keep = services.settings.mode != "replay"
    trials = (
        count_trials(services.book, experiment, keep=keep) if keep and experiment.inputs else None
    )
    return ScoredRun(
        rows=listed,
        extra_columns={
            **extra_columns_of(experiment, listed),
            "said": said,
            **({} if chances.count(None) == len(chances) else {"probability": chances}),
        },
        notes=(
            *notes,
            *experiment.notes,
            *more,
            *schema_notes(listed, experiment.templates),
            *server_notes(listed),
        ),
        about=about_of(experiment, listed, trials),
    )


def _scored(
    experiment: Experiment, scorer: Scorer, rows: list[Row]
) -> tuple[list[Row], list[str | None], list[float | None], tuple[str, ...]]:
    """Read and score *rows*; with early stopping each answer alone, as it was during the run."""
    found = heard(rows, scorer, alone=experiment.design.stop_when_clear)
    listed = scored(
        rows,
        scorer,
        experiment.targets,
        values={each.id: each.values for each in experiment.inputs},
        groups=experiment.clusters,
        said=found.said,
    )
    notes = [
        f"{count:,} numbers of {prompt} \u00b7 {label} such as 1,234 were read by the decimal mark "
        "that the other answers show."
        for (prompt, label), count in sorted(found.settled.items())
        if count
    ]
    said, chances = words_of(found.said, scorer), probabilities_of(found.said, scorer)
    return listed, said, chances, tuple(notes)


def about_of(
    experiment: Experiment, rows: Sequence[Row], trials: int | None = None
) -> dict[str, Any]:
    """Return what a Comparison must know of the design."""
    scorer = experiment.scorer
    return {
        "chance": None if scorer is None else scorer.chance,
        "score_name": experiment.score_name,
        "cluster": experiment.clusters,
        "bound": _held_bound(experiment, rows),
        "aa": experiment.design.aa,
        "trials": trials,
        "tested": tested(experiment, rows),
        "horizon": experiment.design.horizon,
        "against": experiment.design.against,
        "scored_by": experiment.design.score if isinstance(experiment.design.score, str) else "",
    }


def _held_bound(experiment: Experiment, rows: Sequence[Row]) -> float | None:
    """
    Return the score range of a run with early stopping; None when two arms lie further apart.

    As in `Early`: a run in which that happens is not stopped, so it is one of fixed size.
    """
    bound = experiment.bound
    if bound is None:
        return None
    scores: dict[str, dict[tuple[str, str], list[float]]] = {}
    for row in rows:
        if row.score is not None and not math.isnan(row.score):
            arm = (row.request.prompt.name, row.request.label)
            scores.setdefault(row.input_id, {}).setdefault(arm, []).append(row.score)
    for by_arm in scores.values():
        means = [sum(each) / len(each) for each in by_arm.values()]
        if max(means) - min(means) > bound * (1.0 + 1e-9):
            return None
    return bound


def extra_columns_of(experiment: Experiment, rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return the columns that describe inputs rather than calls, one value a row."""
    ids = [row.input_id for row in rows]
    block = {name: at for at, name in enumerate(experiment.order)}
    targets, dates, clusters = experiment.targets, experiment.dates or {}, experiment.clusters
    arms = {arm.label: arm for arm in experiment.arms}
    return {
        "block": [block[each] for each in ids],
        "target": [None if targets[each] is None else written(targets[each]) for each in ids],
        "cluster": [None if clusters is None else str(clusters[each]) for each in ids],
        "as_of": [dates.get(each) for each in ids],
        "before_cutoff": [
            before_cutoff(arms[row.request.label], dates.get(row.input_id)) for row in rows
        ],
    }
