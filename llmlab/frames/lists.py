"""Rows turned into lists, record by record, so that a column is one pass in C over one of them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Final

from msgspec.structs import fields

from llmlab.errors import UsageError
from llmlab.records import Answer, Row, Usage

_NO_USAGE: Final = SimpleNamespace(**dict.fromkeys(field.name for field in fields(Usage)))
_NO_ANSWER: Final = SimpleNamespace(
    **{**dict.fromkeys(field.name for field in fields(Answer)), "usage": _NO_USAGE}
)
"""What a failed call has for an answer: the same names, and None under each."""


class Lists:
    """The records that rows are made of, each kind in a list of its own."""

    def __init__(self, rows: Sequence[Row], extra_columns: Mapping[str, Sequence[object]]) -> None:
        self.row = rows
        self._beside = extra_columns
        for name, values in extra_columns.items():
            if len(values) != len(rows):
                raise UsageError(
                    f"{name!r} has {len(values)} values for {len(rows)} rows: give one a row"
                )

    def take(self, place: str, attribute: str) -> list[Any]:
        """Return one attribute of one kind of record; what is not given beside is missing."""
        if place == "beside":
            return list(self._beside.get(attribute, [None] * len(self.row)))
        return list(map(attrgetter(attribute), getattr(self, place)))

    @cached_property
    def request(self) -> list[Any]:
        """The requests."""
        return list(map(attrgetter("request"), self.row))

    @cached_property
    def prompt(self) -> list[Any]:
        """The prompts."""
        return list(map(attrgetter("prompt"), self.request))

    @cached_property
    def outcomes(self) -> list[Any]:
        """The answers and failures."""
        return list(map(attrgetter("outcome"), self.row))

    @property
    def outcome(self) -> list[Any]:
        """The same, under the name that a column gives."""
        return self.outcomes

    @cached_property
    def answered(self) -> list[bool]:
        """Whether each call was answered."""
        return [type(each) is Answer for each in self.outcomes]

    @cached_property
    def failed(self) -> list[int]:
        """The places of the calls that were not."""
        return [place for place, ok in enumerate(self.answered) if not ok]

    @cached_property
    def answer(self) -> list[Any]:
        """The answers; a failure has one that says None to everything."""
        if not self.failed:
            return self.outcomes
        pairs = zip(self.outcomes, self.answered, strict=True)
        return [each if ok else _NO_ANSWER for each, ok in pairs]

    @cached_property
    def usage(self) -> list[Any]:
        """The token counts."""
        return list(map(attrgetter("usage"), self.answer))
