"""What a user asked to compare, checked in full before anything is sent."""

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from llmlab.catalogue import Arm, Catalogue
from llmlab.errors import TemplateError, UsageError
from llmlab.records import Parameters
from llmlab.runs.early import bound_of
from llmlab.runs.guards import dates_of, guard_notes, look_ahead_notes
from llmlab.runs.plan import Cell, Input, grid
from llmlab.scores import Judge, Score, ScoreFunction, Scorer, score_of
from llmlab.scores.scorer import missing
from llmlab.templates import Library, Template, parse

if TYPE_CHECKING:
    import pandas as pd


AnyScore: TypeAlias = str | Score | Judge | ScoreFunction
"""A name, settings, a judge, or a function of (text, target) or (answer, row)."""

AGAIN: Final = " again"
"""What an A/A test puts after the name of a prompt that is asked a second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Prompts × models × inputs × repeats, and how answers are scored."""

    name: str
    templates: tuple[Template, ...]
    arms: tuple[Arm, ...]
    inputs: tuple[Input, ...]
    scorer: Scorer | None
    cells: tuple[Cell, ...]
    clusters: Mapping[str, object] | None = None
    judge: Judge | None = None
    """Scores in the place of `scorer`, after all answers are there."""
    dates: Mapping[str, float] | None = None
    """Unix seconds of each input, where `as_of` named a column."""
    stop_when_clear: bool = False
    aa: bool = False
    notes: tuple[str, ...] = ()
    """What the guards found in the design."""

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """The arms: (prompt, label), the first prompt with the first model first."""
        return tuple((t.name, arm.label) for t in self.templates for arm in self.arms)

    @property
    def order(self) -> tuple[str, ...]:
        """The inputs' ids in the order in which they are first asked about."""
        return tuple(dict.fromkeys(cell.input.id for cell in self.cells))

    @property
    def score_name(self) -> str:
        """What the score is called; empty without one."""
        if self.judge is not None:
            return self.judge.name
        return "" if self.scorer is None else self.scorer.name

    @property
    def bound(self) -> float | None:
        """The largest difference of two scores, where the run is looked at as it goes."""
        return bound_of(self.scorer) if self.stop_when_clear and self.scorer is not None else None

    @property
    def targets(self) -> dict[str, object]:
        """What each input should have been answered with, by input id."""
        return {each.id: each.target for each in self.inputs}


def experiment_of(  # noqa: PLR0913 - everything that a cell can say
    prompts: Mapping[str, str] | Sequence[str],
    models: str | Sequence[str],
    *,
    catalogue: Catalogue,
    library: Library,
    on: "pd.DataFrame | None" = None,
    score: AnyScore | None = None,
    target: str | None = None,
    cluster: str | None = None,
    as_of: str | None = None,
    values: Mapping[str, object] | None = None,
    repeats: int = 1,
    parameters: Parameters | None = None,
    stream: bool = False,
    seed: int = 0,
    name: str | None = None,
    stop_when_clear: bool = False,
    aa: bool = False,
) -> Experiment:
    """
    Check the whole design; the first fault is one line with its fix.

    Raises:
        UsageError: An empty frame, a missing column, a slot without a value, an unknown
            prompt, model or score.
    """
    templates = templates_of(prompts, library)
    arms = catalogue.arms(models)
    if aa:
        templates = (*templates, *(replace(t, name=t.name + AGAIN) for t in templates))
    target = _target_of(on, score, target)
    inputs = _inputs_of(on, target, values or {})
    scorer, judge = _scored_by(score, inputs, sequential=stop_when_clear)
    clusters = _clusters(on, cluster, inputs)
    dates = None if on is None or as_of is None else _dates(on, as_of, inputs)
    cells = grid(
        templates,
        arms,
        inputs,
        repeats=repeats,
        parameters=parameters,
        stream=stream,
        seed=seed,
        first_repeat={t.name: repeats for t in templates[len(templates) // 2 :]} if aa else None,
        whole=_whole(inputs, clusters) if stop_when_clear else None,
    )
    if stop_when_clear and len(templates) * len(arms) < _RIVALS:
        raise UsageError("stop_when_clear needs two arms: another prompt or another model")
    return Experiment(
        name=name or _name(templates, cells),
        templates=templates,
        arms=arms,
        inputs=inputs,
        scorer=scorer,
        cells=cells,
        clusters=clusters,
        judge=judge,
        dates=dates,
        stop_when_clear=stop_when_clear,
        aa=aa,
        notes=(
            *guard_notes(templates, inputs, cells, target),
            *look_ahead_notes(arms, dates),
        ),
    )


_RIVALS: Final = 2


def templates_of(
    prompts: Mapping[str, str] | Sequence[str], library: Library
) -> tuple[Template, ...]:
    """Make templates of `{"A": text}`, or fetch them by name from the library."""
    if isinstance(prompts, str):
        prompts = [prompts]
    if isinstance(prompts, Mapping):
        made = [parse(text, name=name) for name, text in prompts.items()]
    else:
        made = [library[name] for name in prompts]
    if not made:
        raise TemplateError("no prompt was given: write one after a line `--- name`")
    return tuple(made)


def _target_of(on: "pd.DataFrame | None", score: AnyScore | None, target: str | None) -> str | None:
    """Return the column of targets: the one named, else one called as the score, or `target`."""
    if on is None:
        if score is not None and not isinstance(score, Judge) and target is None:
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


def _scored_by(
    score: AnyScore | None, inputs: Sequence[Input], *, sequential: bool
) -> tuple[Scorer | None, Judge | None]:
    """Make the scorer, or the judge, and refuse what cannot be looked at as it goes."""
    if score is None:
        if sequential:
            raise UsageError("stop_when_clear needs a score: what should be clear is its mean")
        return None, None
    if isinstance(score, Judge) or _is_judge(score):
        if sequential:
            raise UsageError("stop_when_clear cannot wait for a judge: use a score of the answer")
        if isinstance(score, Judge):
            return None, score
        return None, Judge(model=str(score).partition(":")[2] or None)
    scorer = score_of(score).make([each.target for each in inputs])
    if sequential:
        bound_of(scorer)
    return scorer, None


def _whole(inputs: Sequence[Input], clusters: Mapping[str, object] | None) -> Mapping[str, object]:
    return {each.id: each.id for each in inputs} if clusters is None else clusters


def _dates(on: "pd.DataFrame", as_of: str, inputs: Sequence[Input]) -> Mapping[str, float]:
    _require(on, as_of, "as_of")
    return dates_of(on, as_of, inputs)


def _inputs_of(
    on: "pd.DataFrame | None", target: str | None, values: Mapping[str, object]
) -> tuple[Input, ...]:
    return (Input(id="0", values=values),) if on is None else _inputs(on, target, values)


def _inputs(
    on: "pd.DataFrame", target: str | None, values: Mapping[str, object]
) -> tuple[Input, ...]:
    ids = [str(each) for each in on.index]
    if len(set(ids)) < len(ids):
        raise UsageError("the frame's index has duplicates, and the index names the inputs: "
                         "use frame.reset_index(drop=True)")  # fmt: skip
    records: list[dict[str, Any]] = [
        {str(key): value for key, value in record.items()} for record in on.to_dict("records")
    ]
    return tuple(
        Input(id=each, values={**values, **record}, target=_target(record, target))
        for each, record in zip(ids, records, strict=True)
    )


def _target(record: Mapping[str, Any], name: str | None) -> object:
    """Return the target, None where the frame has a gap."""
    value = record.get(name) if name else None
    return None if missing(value) else value


def _clusters(
    on: "pd.DataFrame | None", cluster: str | None, inputs: Sequence[Input]
) -> Mapping[str, object] | None:
    if on is None or cluster is None:
        return None
    _require(on, cluster, "the cluster")
    return dict(zip((each.id for each in inputs), on[cluster], strict=True))


def _require(on: "pd.DataFrame", column: str, role: str) -> None:
    if column in on.columns:
        return
    names = [str(each) for each in on.columns]
    near = difflib.get_close_matches(column, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"
    raise UsageError(f"no column is called {column!r} ({role}){hint}")


def _name(templates: Sequence[Template], cells: Sequence[Cell]) -> str:
    """Name a run by what it asks, so that the same cell run again is the same run."""
    digest = hashlib.sha256()
    for line in sorted({f"{c.request.label}\0{c.request.prompt.user}" for c in cells}):
        digest.update(line.encode())
    words = "-".join(template.name for template in templates[:2])
    return f"{words}-{digest.hexdigest()[:8]}"
