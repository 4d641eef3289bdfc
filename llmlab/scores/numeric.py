"""The score of a number: its absolute error, or whether it is within a tolerance."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from llmlab.errors import UsageError
from llmlab.records import Answer
from llmlab.scores.digits import Mark, common
from llmlab.scores.fields import stated
from llmlab.scores.numbers import only_number, prepared, read_number, shown_mark
from llmlab.scores.scorer import Score, Scorer, as_float, known_targets, real
from llmlab.scores.scorer import numeric as checked
from llmlab.scores.units import Unit
from llmlab.scores.unread import Read, Unread


def number_of(text: str) -> float | None:
    """Return the number that *text* says, a percentage as a hundredth; None when it is unread."""
    said = read_number(text)
    return None if isinstance(said, Unread) else said


def value_of(digits: str) -> float:
    """
    Read a number in settings, such as `5%`.

    Raises:
        ValueError: They are no single number.
    """
    said = read_number(digits)
    if isinstance(said, Unread):
        raise ValueError(said.why)  # noqa: TRY004 - it is a text, and no number
    return said


def by_decimal(make: Callable[[Mark | None], Scorer], decimal: Mark | None) -> Scorer:
    """Make a score of numbers; without *decimal* the arm's other answers may show the mark."""
    if decimal not in {None, ".", ","}:
        raise UsageError(f"decimal must be '.' or ',', not {decimal!r}")
    made = make(decimal)

    def informed(texts: Sequence[str]) -> Scorer | None:
        mark = common(map(shown_mark, texts))
        return None if mark is None else make(mark)

    return made if decimal is not None else replace(made, informed=informed)


def numbers_of(field: str | None, unit: Unit, mark: Mark | None) -> Callable[[Answer], Read[float]]:
    """Return a reader of an answer's number, from *field* of its JSON where one is named."""
    read = partial(read_number, mark=mark, unit=unit)

    def taken(value: Any) -> float | None:
        if isinstance(value, str):
            said = only_number(prepared(value), mark=mark, unit=unit)
            return said if isinstance(said, float) else None
        return (
            float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        )

    return partial(stated, field=field, read=read, taken=taken)


def number(
    tolerance: float | None = None,
    *,
    relative: bool = False,
    unit: Unit = "1",
    decimal: Mark | None = None,
    field: str | None = None,
) -> Score:
    """
    Score the answer's number against the target; docs/scores.md says how it is read.

    Without *tolerance* the score is minus the absolute error; with it 1 when the error is at most
    *tolerance*, or *tolerance* times the target where *relative*, else 0. An answer without a
    number that can be read has no score.

    Args:
        tolerance: As above.
        relative: Whether it is a share of the target.
        unit: What a target of 1 is: "1", so that `3 %` is 0.03; "%", so that it is 3; or "bp".
        decimal: "." or ","; by what each answer, or the arm's others, show when None.
        field: Path of the number in a JSON answer; the only number of the document when None.
    """
    tolerance = None if tolerance is None else real(tolerance, "tolerance")
    if tolerance is not None and not 0.0 <= tolerance < math.inf:
        raise UsageError(f"tolerance must not be negative, got {tolerance!r}")
    if unit not in {"1", "%", "bp"}:
        raise UsageError(f"unit must be '1', '%' or 'bp', not {unit!r}")
    scorer = partial(_scorer, tolerance=tolerance, relative=relative, unit=unit, field=field)

    def make(targets: Sequence[object]) -> Scorer:
        checked("number", known_targets(targets))
        return by_decimal(scorer, decimal)

    return Score(name="number", make=make)


def _scorer(
    mark: Mark | None, *, tolerance: float | None, relative: bool, unit: Unit, field: str | None
) -> Scorer:
    near = partial(_near, tolerance=tolerance or 0.0, relative=relative)
    return Scorer(
        name="number",
        value=_error if tolerance is None else near,
        read=numbers_of(field, unit, mark),
        written=repr,
        low=-math.inf if tolerance is None else 0.0,
        high=0.0 if tolerance is None else 1.0,
    )


def _error(said: float, target: object) -> float:
    return -abs(said - as_float(target))


def _near(said: float, target: object, *, tolerance: float, relative: bool) -> float:
    right = as_float(target)
    allowed = tolerance * (abs(right) if relative else 1.0)
    # One part in 10^12 for the rounding of decimals: 0.3 is within 0.1 of 0.2.
    slack = 1e-12 * max(abs(right), allowed)
    return float(abs(said - right) <= allowed + slack)
