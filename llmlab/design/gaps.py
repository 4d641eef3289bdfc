"""
Missing values: inputs without a value for a slot, found before anything is sent.

In: the inputs and the names that prompts read. Out: what is missing where, and in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from llmlab.checks.plain import is_blank
from llmlab.design.design import Missing
from llmlab.design.grid import Input
from llmlab.errors import UsageError
from llmlab.templates import Template
from llmlab.templates.reads import spelt
from llmlab.templates.written import is_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """The slots that some inputs have no value for: input ids by name, in order."""

    by_slot: Mapping[str, tuple[str, ...]]
    inputs: int
    """How many inputs there are."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The inputs with a missing value, each once."""
        return tuple(dict.fromkeys(each for ids in self.by_slot.values() for each in ids))

    def __str__(self) -> str:
        """Say how many inputs, of which slots, and which is the first."""
        ids = self.ids
        names = ", ".join(map(spelt, self.by_slot))
        if self.inputs == 1:
            return f"there is no value for {names}"
        some = f"{len(ids):,} of {self.inputs:,} inputs {'has' if len(ids) == 1 else 'have'}"
        return f"{some} no value for {names} (the first: {ids[0]})"


def gaps_of(templates: Sequence[Template], inputs: Sequence[Input]) -> Gaps:
    """Return the missing values of the slots that the prompts read; other columns do not count."""
    slots = sorted({slot for template in templates for slot in template.slots})
    found = {
        slot: tuple(each.id for each in inputs if slot in each.values and is_gap(each.values[slot]))
        for slot in slots
    }
    return Gaps(by_slot={slot: ids for slot, ids in found.items() if ids}, inputs=len(inputs))


def is_gap(value: object) -> bool:
    """Say whether *value* is missing: None, NaN, NaT, `pd.NA`, blank text, an empty table."""
    if isinstance(value, str):
        return is_blank(value)
    if value is None:
        return True
    if is_table(value) and 0 in value.shape:  # type: ignore[attr-defined]  # a table has one
        return True
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))  # type: ignore[call-overload]  # any object


def checked_gaps(gaps: Gaps, missing: object) -> tuple[frozenset[str], tuple[str, ...]]:
    """
    Return the ids of the inputs to leave out, and the note that says so.

    Raises:
        UsageError: Values are missing and *missing* is None, or every input would be left out.
    """
    if missing is not None and missing not in get_args(Missing):
        raise UsageError(f"missing must be 'skip' or 'send', not {missing!r}")
    if not gaps.by_slot:
        return frozenset(), ()
    if missing is None:
        raise UsageError(
            f'{gaps}: missing="skip" leaves such inputs out, missing="send" sends a missing value '
            "as a word such as nan; or fill them in"
        )
    if missing == "send":
        return frozenset(), (f"{_capital(str(gaps))}: sent as words such as nan.",)
    if len(gaps.ids) == gaps.inputs:
        raise UsageError(f'{gaps}: missing="skip" would leave no input to ask about')
    return frozenset(gaps.ids), (f"{_capital(str(gaps))}: left out of every arm.",)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def kept_rows(on: Any, inputs: Sequence[Input], left_out: frozenset[str]) -> Any:
    """Return the frame's rows of the inputs that stay."""
    return on.loc[[each.id not in left_out for each in inputs]]
