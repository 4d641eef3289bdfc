"""
Inputs that have nothing to put into a slot: found before anything is sent, never sent unasked.

In: the inputs and the names that prompts read. Out: what is missing where, and in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from llmlab.design.grid import Input
from llmlab.errors import UsageError
from llmlab.templates import Template
from llmlab.templates.reads import spelt

Missing: TypeAlias = Literal["skip", "send"]
"""What becomes of an input with a gap: it is left out, or the gap is sent as a word (`nan`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """The slots that some inputs have nothing for: input ids by name, in order."""

    by_slot: Mapping[str, tuple[str, ...]]
    inputs: int
    """How many inputs there are."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The inputs with a gap, each once."""
        return tuple(dict.fromkeys(each for ids in self.by_slot.values() for each in ids))

    def __str__(self) -> str:
        """Say how many inputs, of which slots, and which is the first."""
        ids = self.ids
        names = ", ".join(map(spelt, self.by_slot))
        if self.inputs == 1:
            return f"there is nothing to put into {names}"
        some = f"{len(ids):,} of {self.inputs:,} inputs {'has' if len(ids) == 1 else 'have'}"
        return f"{some} nothing to put into {names} (the first: {ids[0]})"


def gaps_of(templates: Sequence[Template], inputs: Sequence[Input]) -> Gaps:
    """Return the gaps in what the prompts read; other columns may have as many as they like."""
    slots = sorted({slot for template in templates for slot in template.slots})
    found = {
        slot: tuple(each.id for each in inputs if slot in each.values and is_gap(each.values[slot]))
        for slot in slots
    }
    return Gaps(by_slot={slot: ids for slot, ids in found.items() if ids}, inputs=len(inputs))


def is_gap(value: object) -> bool:
    """Say whether *value* is nothing: None, NaN, NaT, `pd.NA`, empty or blank text."""
    if isinstance(value, str):
        return not value.strip()
    if value is None:
        return True
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))  # type: ignore[call-overload]  # any object


def checked_gaps(gaps: Gaps, missing: object) -> tuple[frozenset[str], tuple[str, ...]]:
    """
    Return the ids of the inputs to leave out, and the note that says so.

    Raises:
        UsageError: There are gaps and *missing* does not say what to do, or all would go.
    """
    if missing is not None and missing not in get_args(Missing):
        raise UsageError(f"missing must be 'skip' or 'send', not {missing!r}")
    if not gaps.by_slot:
        return frozenset(), ()
    if missing is None:
        raise UsageError(
            f'{gaps}: missing="skip" leaves such inputs out and missing="send" sends a gap as a '
            "word, such as nan; or fill them in"
        )
    if missing == "send":
        return frozenset(), (f"{_capital(str(gaps))}: sent as words such as nan.",)
    if len(gaps.ids) == gaps.inputs:
        raise UsageError(f'{gaps}: missing="skip" would leave none to ask about')
    return frozenset(gaps.ids), (f"{_capital(str(gaps))}: left out of every arm.",)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def kept_rows(on: Any, inputs: Sequence[Input], left_out: frozenset[str]) -> Any:
    """Return the frame's rows of the inputs that stay."""
    return on.loc[[each.id not in left_out for each in inputs]]
