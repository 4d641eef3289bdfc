"""
What an experiment's rows say beside the calls themselves, ready to be made into a frame.

In: an experiment and what landed. Out: scored rows, the columns that no row holds, notes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmlab.records import Answer, Row
from llmlab.runs.experiment import Experiment
from llmlab.runs.guards import before_cutoff
from llmlab.runs.judging import judge_rows
from llmlab.runs.server_notes import server_notes
from llmlab.runs.trials import count_trials
from llmlab.scores import said_by, scored

if TYPE_CHECKING:
    from llmlab.runs.conduct import Watch
    from llmlab.runs.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Scored rows, the values beside them (one list a column), and what a Comparison is told."""

    rows: list[Row]
    beside: Mapping[str, list[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of `Comparison`: chance, score_name, cluster, bound, aa, trials."""


def read(
    parts: "Parts",
    experiment: Experiment,
    rows: Sequence[Row],
    *,
    watch: "Watch",
    budget: float | None = None,
    notes: Sequence[str] = (),
) -> Reading:
    """Score *rows*, ask the judge where there is one, and count the trials in the book."""
    listed, said = list(rows), said_by(rows, experiment.scorer)
    more: tuple[str, ...] = ()
    if experiment.judge is not None:
        listed, said, more = judge_rows(parts, experiment, listed, watch=watch, budget=budget)
    elif experiment.scorer is not None:
        listed = scored(
            listed,
            experiment.scorer,
            experiment.targets,
            values={each.id: each.values for each in experiment.inputs},
            groups=experiment.clusters,
        )
    keep = parts.settings.mode != "replay"
    trials = count_trials(parts.book, experiment, keep=keep) if keep and experiment.inputs else None
    return Reading(
        rows=listed,
        beside={**beside_of(experiment, listed), "said": said},
        notes=(
            *notes,
            *experiment.notes,
            *more,
            *_unscored(experiment, listed),
            *server_notes(listed),
        ),
        about=about_of(experiment, listed, trials),
    )


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
        "aa": experiment.aa,
        "trials": trials,
    }


def _held_bound(experiment: Experiment, rows: Sequence[Row]) -> float | None:
    """Return the range of a run that was looked at; None when its scores left the range."""
    bound = experiment.bound
    known = [row.score for row in rows if row.score is not None and not math.isnan(row.score)]
    wide = bool(known) and bound is not None and max(known) - min(known) > bound
    return None if wide else bound


def beside_of(experiment: Experiment, rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return the columns that are known of inputs and not of calls, one value a row."""
    ids = [row.input_id for row in rows]
    block = {name: at for at, name in enumerate(experiment.order)}
    targets, dates, clusters = experiment.targets, experiment.dates or {}, experiment.clusters
    arms = {arm.label: arm for arm in experiment.arms}
    return {
        "block": [block[each] for each in ids],
        "target": [None if targets[each] is None else str(targets[each]) for each in ids],
        "cluster": [None if clusters is None else str(clusters[each]) for each in ids],
        "as_of": [dates.get(each) for each in ids],
        "before_cutoff": [
            before_cutoff(arms[row.request.label], dates.get(row.input_id)) for row in rows
        ],
    }


def _unscored(experiment: Experiment, rows: Sequence[Row]) -> tuple[str, ...]:
    """Say how many answers have no score: what is left out may be what was hard."""
    if not experiment.score_name:
        return ()
    answered = [row for row in rows if isinstance(row.outcome, Answer)]
    silent = [row for row in answered if row.score is None or math.isnan(row.score)]
    if not silent:
        return ()
    arms = {(row.request.prompt.name, row.request.label) for row in silent}
    share = f"{len(silent):,} of {len(answered):,} answers"
    whose = f"{len(arms)} {'arm' if len(arms) == 1 else 'arms'}"
    why = "see the column error; what is left out may be what was hard"
    return (f"{share}, of {whose}, have no score ({why}).",)
