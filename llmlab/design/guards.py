"""
Guards: warnings of what may spoil a comparison, found before anything is sent.

In: the templates, inputs and models of an experiment. Out: sentences that stand beside its
verdict; a guard warns, it never forbids.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from llmlab.catalogue import ModelVariant
from llmlab.design.grid import Cell, Input
from llmlab.errors import UsageError
from llmlab.templates import Template

if TYPE_CHECKING:
    import pandas as pd

SHORTEST_QUOTE: Final = 16
"""Characters below which a shared text is a word, not a leaked example."""
_NAMED: Final = 3


def guard_notes(
    templates: Sequence[Template],
    inputs: Sequence[Input],
    cells: Sequence[Cell],
    target: str | None,
) -> tuple[str, ...]:
    """Return warnings about the design; empty when there are none."""
    found = [*_target_slots(templates, target), *_duplicates(cells), *_leaks(templates, inputs)]
    return tuple(found)


def _target_slots(templates: Sequence[Template], target: str | None) -> Iterable[str]:
    """Warn of prompts that show the target."""
    for template in templates:
        if target is not None and target in template.slots:
            yield (
                f"Prompt {template.name!r} shows {{{{ {target} }}}}, the column that it is scored "
                "against: its score says nothing."
            )


def _duplicates(cells: Sequence[Cell]) -> Iterable[str]:
    """Warn of inputs with the same words: one input would count twice."""
    if not cells:
        return
    first = cells[0].request
    same: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for cell in cells:
        asked = cell.request
        if (asked.prompt.name, asked.label, asked.repeat) == (
            first.prompt.name, first.label, first.repeat
        ):  # fmt: skip
            prompt = asked.prompt
            files = tuple(each.digest for each in prompt.attachments)
            same[prompt.system, prompt.turns, prompt.user, files].append(cell.input.id)
    twins = sorted(sorted(ids) for ids in same.values() if len(ids) > 1)
    if twins:
        extra = sum(len(ids) - 1 for ids in twins)
        shown = "; ".join(" = ".join(ids[:_NAMED]) for ids in twins[:_NAMED])
        yield (
            f"{extra} of {len(cells_inputs(cells))} inputs repeat the words of another "
            f"({shown}): the same evidence is counted twice; drop them or name a cluster."
        )


def cells_inputs(cells: Sequence[Cell]) -> set[str]:
    """Return the ids of the inputs that are asked about."""
    return {cell.input.id for cell in cells}


def _leaks(templates: Sequence[Template], inputs: Sequence[Input]) -> Iterable[str]:
    """Warn of inputs that a prompt quotes as its example: they are no test of that prompt."""
    for template in templates:
        words = _plain(template.text)
        leaked = [
            each.id
            for each in inputs
            if any(_quotes(words, dict(each.values).get(slot)) for slot in template.slots)
        ]
        if leaked:
            shown = ", ".join(leaked[:_NAMED]) + (", ..." if len(leaked) > _NAMED else "")
            yield (
                f"Prompt {template.name!r} quotes {len(leaked)} of the inputs ({shown}) in its own "
                "words: its score on them is leaked."
            )


def _quotes(words: str, value: object) -> bool:
    if not isinstance(value, str) or len(value.strip()) < SHORTEST_QUOTE:
        return False
    return _plain(value) in words


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


# ---- look-ahead ---------------------------------------------------------------------------


def dates_of(on: "pd.DataFrame", column: str, inputs: Sequence[Input]) -> dict[str, float]:
    """
    Return the date of each input as Unix seconds, UTC where no zone is given.

    Raises:
        UsageError: A value is no date.
    """
    import pandas as pd

    values = on[column]
    written = pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values)
    if pd.api.types.is_numeric_dtype(values):
        raise UsageError(
            f"as_of={column!r} must hold dates; it holds numbers: use pandas.to_datetime first"
        )
    try:
        dates = pd.to_datetime(values, utc=True, format="ISO8601" if written else None)
    except (ValueError, TypeError) as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"as_of={column!r} must hold dates such as 2026-11-22: {why}") from error
    known = dates[dates.notna()]
    ids = [each.id for each, there in zip(inputs, dates.notna(), strict=True) if there]
    return dict(zip(ids, (at.timestamp() for at in known), strict=True))


def before_cutoff(arm: ModelVariant, at: float | None) -> bool | None:
    """Say whether *at* lies before the model's cut-off; None when either is unknown."""
    if at is None or arm.model.cutoff is None:
        return None
    return at < _midnight(arm.model.cutoff)


def look_ahead_notes(
    arms: Sequence[ModelVariant], dates: Mapping[str, float] | None
) -> tuple[str, ...]:
    """Warn of models whose cut-off lies after inputs, and of models without a published one."""
    if dates is None:
        return ()
    notes = []
    for arm in {arm.model.name: arm for arm in arms}.values():
        early = sum(before_cutoff(arm, at) is True for at in dates.values())
        if early:
            notes.append(
                f"Look-ahead: {early:,} of {len(dates):,} inputs are dated before the knowledge "
                f"cut-off of {arm.label} ({arm.model.cutoff}): it may know what happened next. "
                "run.by_cutoff splits the scores."
            )
    blind = [arm.label for arm in arms if arm.model.cutoff is None]
    if blind:
        names = ", ".join(dict.fromkeys(blind))
        notes.append(f"No knowledge cut-off is published for {names}: look-ahead is not ruled out.")
    return tuple(notes)


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
