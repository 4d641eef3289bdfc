"""What a user asked to compare, checked in full before anything is sent."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from llmlab.catalogue import Catalogue, ModelVariant
from llmlab.checks.amounts import NUMBERED, REPEATS
from llmlab.checks.plain import plain
from llmlab.design.gaps import Missing, checked_gaps, gaps_of, kept_rows
from llmlab.design.grid import Cell, Filler, Input, grid
from llmlab.design.guards import guard_notes, look_ahead_notes
from llmlab.design.inputs import (
    AnyScore,
    check_horizon,
    clusters_of,
    dates_by_input,
    frame_of,
    inputs_of,
    scorer_or_judge,
    series_of,
    target_of,
    units_by_input,
)
from llmlab.design.names import model_names, prompt_words
from llmlab.design.schemas import knowing, with_schemas
from llmlab.design.score_range import bound_of
from llmlab.errors import UsageError
from llmlab.records import Parameters
from llmlab.scores import Judge, Scorer
from llmlab.templates import Library, Template, parse

if TYPE_CHECKING:
    import pandas as pd


AGAIN: Final = " again"
"""What an A/A test puts after the name of a prompt that is asked a second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Prompts × models × inputs × repeats, and how answers are scored."""

    name: str
    templates: tuple[Template, ...]
    arms: tuple[ModelVariant, ...]
    inputs: tuple[Input, ...]
    scorer: Scorer | None
    cells: tuple[Cell, ...]
    clusters: Mapping[str, object] | None = None
    judge: Judge | None = None
    """Scores in the place of `scorer`, after all answers are there."""
    dates: Mapping[str, float] | None = None
    """Unix seconds of each input, where `as_of` named a column."""
    horizon: int | str | None = None
    """How far targets look ahead, in dates of the run or as a span of time."""
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
    target: "str | pd.Series[Any] | None" = None,
    cluster: str | None = None,
    as_of: str | None = None,
    horizon: int | str | None = None,
    values: Mapping[str, object] | None = None,
    repeats: int = 1,
    parameters: Parameters | None = None,
    stream: bool = False,
    seed: int = 0,
    name: str | None = None,
    stop_when_clear: bool = False,
    aa: bool = False,
    missing: Missing | None = None,
    filled: Filler | None = None,
) -> Experiment:
    """
    Check the whole design; the first fault is one line with its fix.

    Raises:
        UsageError: An empty frame, a missing column, a slot without a value, no or an unknown
            prompt, model or score.
    """
    templates = templates_of(prompts, library)
    arms = catalogue.arms(model_names(models))
    if aa:
        templates = (*templates, *(replace(t, name=t.name + AGAIN) for t in templates))
    on = frame_of(on)
    named, listed = series_of(on, target)
    named = target_of(on, score, named) if listed is None else named
    inputs = inputs_of(on, named if listed is None else listed, values or {})
    left_out, gap_notes = checked_gaps(gaps_of(templates, inputs), missing)
    if left_out and on is not None:
        on = kept_rows(on, inputs, left_out)
        inputs = tuple(each for each in inputs if each.id not in left_out)
    scorer, judge = scorer_or_judge(score, inputs, sequential=stop_when_clear)
    scorer = knowing(scorer, templates)
    clusters = clusters_of(on, cluster, inputs)
    dates = None if on is None or as_of is None else dates_by_input(on, as_of, inputs)
    if horizon is not None:
        check_horizon(horizon, inputs, dates=dates, clusters=clusters, watched=stop_when_clear)
    repeats = int(REPEATS.read(repeats, "repeats"))
    cells = grid(
        templates,
        arms,
        inputs,
        repeats=repeats,
        parameters=parameters,
        stream=stream,
        seed=int(NUMBERED.read(seed, "order_seed")),
        first_repeat={t.name: repeats for t in templates[len(templates) // 2 :]} if aa else None,
        whole=units_by_input(inputs, clusters) if stop_when_clear else None,
        filled=filled,
    )
    cells = with_schemas(cells, templates)
    if stop_when_clear and len(templates) * len(arms) < _RIVALS:
        raise UsageError("stop_when_clear needs two arms: another prompt or another model")
    return Experiment(
        name=plain(name) or _name(templates, cells),
        templates=templates,
        arms=arms,
        inputs=inputs,
        scorer=scorer,
        cells=cells,
        clusters=clusters,
        judge=judge,
        dates=dates,
        horizon=horizon,
        stop_when_clear=stop_when_clear,
        aa=aa,
        notes=(
            *gap_notes,
            *guard_notes(templates, inputs, cells, named),
            *look_ahead_notes(arms, dates),
        ),
    )


_RIVALS: Final = 2


def templates_of(
    prompts: Mapping[str, str] | Sequence[str], library: Library
) -> tuple[Template, ...]:
    """Make templates of `{"A": text}`, or fetch them by name from the library."""
    given = prompt_words(prompts)
    if isinstance(given, Mapping):
        return tuple(parse(text, name=name) for name, text in given.items())
    return tuple(library[name] for name in given)


def _name(templates: Sequence[Template], cells: Sequence[Cell]) -> str:
    """Name a run by what it asks, so that the same cell run again is the same run."""
    digest = hashlib.sha256()
    for line in sorted({f"{c.request.label}\0{c.request.prompt.user}" for c in cells}):
        digest.update(line.encode())
    words = "-".join(template.name for template in templates[:2])
    return f"{words}-{digest.hexdigest()[:8]}"
