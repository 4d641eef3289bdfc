"""What a user asked to compare, checked in full before anything is sent."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmlab.catalogue import Catalogue, ModelVariant
from llmlab.design.design import Design
from llmlab.design.gaps import checked_gaps, gaps_of, kept_rows
from llmlab.design.grid import Cell, Filler, Input, grid
from llmlab.design.guards import guard_notes, look_ahead_notes
from llmlab.design.inputs import (
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
from llmlab.design.names import prompt_words
from llmlab.design.schemas import knowing, with_schemas
from llmlab.design.score_range import bound_of
from llmlab.design.systems import with_systems
from llmlab.errors import UsageError
from llmlab.records import AGAIN, Prompt
from llmlab.scores import Judge, Scorer
from llmlab.templates import Library, Template, parse

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Prompts × models × inputs × repeats, and how answers are scored."""

    design: Design
    """What was asked for, checked."""
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
        """The largest difference of two scores, where the run may stop early; else None."""
        if self.scorer is None or not self.design.stop_when_clear:
            return None
        return bound_of(self.scorer)

    @property
    def targets(self) -> dict[str, object]:
        """What each input should have been answered with, by input id."""
        return {each.id: each.target for each in self.inputs}


def experiment_of(
    design: Design, *, catalogue: Catalogue, library: Library, filled: Filler | None = None
) -> Experiment:
    """
    Check the whole design; the first fault is one line with its fix.

    Raises:
        UsageError: An empty frame, a missing column, a slot without a value, no or an unknown
            prompt, model or score.
    """
    design = design.checked()
    templates = _asked(design, library)
    arms = catalogue.arms(design.models or ())
    table = _table(design, templates)
    scorer, judge = scorer_or_judge(design.score, table.inputs, sequential=design.stop_when_clear)
    _require_rivals(design, judge, templates, arms)
    _require_what_is_read(design, scorer)
    clusters = clusters_of(table.on, design.cluster, table.inputs)
    dates = dates_by_input(table.on, design.as_of, table.inputs)
    check_horizon(design, table.inputs, dates=dates, clusters=clusters)
    whole = units_by_input(table.inputs, clusters) if design.stop_when_clear else None
    asked = grid(design, templates, arms, table.inputs, whole=whole, filled=filled)
    cells = with_schemas(asked, templates)
    return Experiment(
        design=design,
        name=design.name or _name(templates, cells, system=design.system is not None),
        templates=templates,
        arms=arms,
        inputs=table.inputs,
        scorer=knowing(scorer, templates),
        cells=cells,
        clusters=clusters,
        judge=judge,
        dates=dates,
        notes=(
            *table.notes,
            *guard_notes(templates, table.inputs, cells, table.target),
            *look_ahead_notes(arms, dates),
        ),
    )


_RIVALS: Final = 2


def _require_rivals(
    design: Design,
    judge: Judge | None,
    templates: Sequence[Template],
    arms: Sequence[ModelVariant],
) -> None:
    """Check that there is what early stopping, a judge or a baseline is compared with."""
    count = len(templates) * len(arms)
    if design.stop_when_clear and count < _RIVALS:
        raise UsageError("stop_when_clear needs two arms: another prompt or another model")
    if judge is not None and count < _RIVALS:
        raise UsageError("a judge compares answers: give two prompts or two models")
    if design.against is not None:
        from llmlab.stats.against import places_of

        places_of([(each.name, arm.label) for each in templates for arm in arms], design.against)


def _require_what_is_read(design: Design, scorer: Scorer | None) -> None:
    """Check that the answers are asked to have what the score reads beside their text."""
    if scorer is None:
        return
    asked, extra = design.parameters, design.extra or ()
    if scorer.reads_calls and not asked.tools and "tools" not in extra:
        raise UsageError(
            f"score {scorer.name!r} reads calls of tools: offer some with tools=[...] (--tools)"
        )
    if scorer.probability is not None and asked.logprobs is None and "logprobs" not in extra:
        raise UsageError(
            f"score {scorer.name!r} reads log-probabilities: ask for them with logprobs=5 "
            "(--logprobs 5)"
        )


def _asked(design: Design, library: Library) -> tuple[Template, ...]:
    """Return the prompts of the run: an A/A test asks each a second time, under another name."""
    templates = with_systems(templates_of(design.prompts, library), design.system)
    again = (replace(each, name=each.name + AGAIN) for each in templates)
    return (*templates, *again) if design.aa else templates


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The frame without the inputs that are left out, read."""

    on: "pd.DataFrame | None"
    inputs: tuple[Input, ...]
    target: str | None
    notes: tuple[str, ...]


def _table(design: Design, templates: Sequence[Template]) -> _Table:
    """Read the frame, or the values alone, and see to what is missing."""
    on = frame_of(design.on)
    named, listed = series_of(on, design.target)
    target = target_of(on, design.score, named) if listed is None else named
    inputs = inputs_of(on, target if listed is None else listed, design.values or {})  # noqa: PD011 - no frame
    left_out, notes = checked_gaps(gaps_of(templates, inputs), design.missing)
    if left_out and on is not None:
        on = kept_rows(on, inputs, left_out)
        inputs = tuple(each for each in inputs if each.id not in left_out)
    return _Table(on=on, inputs=inputs, target=target, notes=notes)


def templates_of(
    prompts: Mapping[str, str] | Sequence[str], library: Library
) -> tuple[Template, ...]:
    """Make templates of `{"A": text}`, or fetch them by name from the library."""
    given = prompt_words(prompts)
    if isinstance(given, Mapping):
        return tuple(parse(text, name=name) for name, text in given.items())
    return tuple(library[name] for name in given)


def _said(prompt: Prompt, *, system: bool) -> str:
    """Return the words of the messages, and what stands for the files that go with them."""
    earlier = (f"{turn.role}\0{turn.text}" for turn in prompt.turns)
    files = (each.digest for each in prompt.attachments)
    return "\0".join([prompt.user, *earlier, *files, *([prompt.system or ""] if system else ())])


def _name(templates: Sequence[Template], cells: Sequence[Cell], *, system: bool) -> str:
    """
    Name a run by what it asks, so that the same cell run again is the same run.

    The system prompt counts where *system* says so: where the caller gave it apart.
    """
    digest = hashlib.sha256()
    said = {f"{c.request.label}\0{_said(c.request.prompt, system=system)}" for c in cells}
    for line in sorted(said):
        digest.update(line.encode())
    words = "-".join(template.name for template in templates[:2])
    return f"{words}-{digest.hexdigest()[:8]}"
