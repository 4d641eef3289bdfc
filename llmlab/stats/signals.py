"""Answers taken for signals: the position of each answer, and what came, by date and asset."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from llmlab.errors import UsageError
from llmlab.scores.returns import direction_of
from llmlab.stats.checks import Flags, Floats, Ints
from llmlab.stats.clusters import Dated, Named, grouped, require_column
from llmlab.stats.intervals import numbered
from llmlab.stats.matrix import Matrix, Name, matrix, numbers

if TYPE_CHECKING:
    import pandas as pd

_ROUNDING: Final = 1e-12

Positions: TypeAlias = "Mapping[str, float] | str | None"
"""From what an answer says to a position; a column of numbers; None: directions and signs."""

Returns: TypeAlias = "str | Mapping[Any, float] | pd.Series[Any]"
"""A column of the rows, or numbers by input id: 0.01 is 1 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Positions and what came, as dates x assets; an asset that is absent weighs nothing."""

    names: tuple[Name, ...]
    days: "npt.NDArray[np.datetime64]"
    steps: int
    """Dates for which a position is held."""
    weights: Floats
    """Share of the capital that each asset of a date has; dates x assets."""
    returns: Floats
    """From the date on, over the horizon; dates x assets."""
    positions: Floats
    """1 is long, -1 short, 0 flat; arms x dates x assets."""
    netted: bool
    """Whether assets are known, so that a position that stays is not traded again."""
    cost_usd: Floats
    """What the calls of a date cost; arms x dates; NaN where one has no price."""
    inputs: int
    unread: Ints
    """Answers of each arm that failed, or say no position: flat."""
    missing: int
    """Pairs of an arm and an input without any row: flat."""
    unresolved: int
    """Inputs whose return is not known (yet)."""

    def every(self, step: int) -> "Signals":
        """Return every so many dates alone: positions that do not overlap."""
        return replace(
            self,
            days=self.days[::step],
            steps=1,
            weights=self.weights[::step],
            returns=self.returns[::step],
            positions=self.positions[:, ::step],
            cost_usd=self.cost_usd[:, ::step],
        )


def signals(
    rows: "pd.DataFrame",
    dates: Dated,
    *,
    returns: Returns = "target",
    positions: Positions = None,
    asset: "Named | None" = None,
) -> Signals:
    """
    Return the positions of each arm (repeats averaged, flat where unread), and what they met.

    Raises:
        UsageError: No answer says a position, or returns are none or do not suit.
    """
    table = matrix(rows, cluster=dates)
    came = _returns(rows, table, returns)  # NaN: the input is left out
    known = ~np.isnan(came)
    if table.codes is None or not known.any():
        raise UsageError("no input has a return: name a column, or give numbers by input id")
    codes = numbered(table.codes[known])
    grid = _Grid(codes, _slots(rows, table, codes, known, asset))
    mean = grid.mean(came[known])
    if (np.abs(mean[codes, grid.slots] - came[known]) > _ROUNDING).any():
        raise UsageError("an asset has two different returns on one date: is asset= right?")
    taken, unread = _positions(rows, table, positions)
    return Signals(
        names=table.names,
        days=table.days_of(known),
        steps=table.steps,
        weights=grid.filled / grid.filled.sum(axis=1, keepdims=True),
        returns=mean,
        positions=np.array([grid.mean(each[known]) for each in taken]),
        netted=asset is not None,
        cost_usd=_costs(rows, table, known),
        inputs=int(known.sum()),
        unread=unread,
        missing=_missing(table),
        unresolved=int((~known).sum()),
    )


def _returns(rows: "pd.DataFrame", table: Matrix, returns: Returns) -> Floats:
    """Return the return of each input; NaN where it is not known."""
    import pandas as pd

    if isinstance(returns, str):
        values = _of_inputs(_column(rows, returns), table)
    else:
        series = pd.Series(dict(returns.items()), dtype=float)
        series.index = series.index.map(str)
        found = series.reindex([str(each) for each in table.inputs])
        values = _finite(found.to_numpy(dtype=float))
    if np.nanmin(values, initial=0.0) <= -1.0:
        worst = float(np.nanmin(values))
        raise UsageError(f"a return of {worst:g} loses everything: give fractions, 0.01 for 1 %")
    return values


def _column(rows: "pd.DataFrame", name: str) -> Floats:
    import pandas as pd

    require_column(rows, name)
    of_rows = pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=float)
    bad = rows[name].notna().to_numpy() & np.isnan(of_rows)
    if bad.any():
        raise UsageError(f"{name} is no return: {rows[name].iloc[int(bad.argmax())]!r}")
    return _finite(of_rows)


def _finite(values: Floats) -> Floats:
    if np.isinf(values).any():
        raise UsageError("a return is infinite: leave it missing where it is not known")
    return np.asarray(values, dtype=float)


def _of_inputs(of_rows: Floats, table: Matrix) -> Floats:
    """Return what any row of an input says; two must not differ."""
    values, known = np.full(len(table.inputs), np.nan), ~np.isnan(of_rows)
    values[table.input_of[known]] = of_rows[known]
    apart = np.abs(of_rows - values[table.input_of]) > _ROUNDING
    if apart.any():
        first = table.inputs[table.input_of[apart.argmax()]]
        raise UsageError(f"input {first!r} has two different returns: all arms must meet the same")
    return values


def _slots(
    rows: "pd.DataFrame", table: Matrix, codes: Ints, known: Flags, asset: "Named | None"
) -> Ints:
    """Return the asset of each input; without one, its place among the inputs of its date."""
    if asset is not None:
        found = grouped(table.inputs, table.input_of, rows, asset).codes
        assert found is not None  # noqa: S101 - there is an asset
        return numbered(found[known])
    order = np.argsort(codes, kind="stable")
    first = np.searchsorted(codes[order], codes[order], side="left")
    slots = np.empty(codes.size, dtype=np.intp)
    slots[order] = np.arange(codes.size) - first
    return slots


class _Grid(NamedTuple):
    """Where each input lies among dates x assets."""

    codes: Ints
    slots: Ints

    @property
    def filled(self) -> Floats:
        """Inputs in each place."""
        return self._placed(np.ones(self.codes.size))

    def mean(self, values: Floats) -> Floats:
        """Return the mean of *values*, one an input, in each place; 0 where there is none."""
        return np.asarray(self._placed(values) / np.maximum(self.filled, 1.0))

    def _placed(self, values: Floats) -> Floats:
        shape = int(self.codes.max()) + 1, int(self.slots.max()) + 1
        flat = np.bincount(
            self.codes * shape[1] + self.slots, weights=values, minlength=shape[0] * shape[1]
        )
        return np.asarray(flat.reshape(shape), dtype=float)


def _positions(rows: "pd.DataFrame", table: Matrix, how: Positions) -> tuple[list[Floats], Ints]:
    """Return the mean position by input, an array an arm, and how many answers are flat unread."""
    values = _of_rows(rows, how)
    unread = np.isnan(values) | (rows["status"].to_numpy() != "ok")
    if unread.all():
        raise UsageError(
            "no answer says a position: score with 'direction', or say positions={'yes': 1, "
            "'no': -1}, or a column of numbers"
        )
    inputs = len(table.inputs)
    cells = table.arm_of * inputs + table.input_of
    size = len(table.names) * inputs
    total = np.bincount(cells, weights=np.where(unread, 0.0, values), minlength=size)
    count = np.maximum(np.bincount(cells, minlength=size), 1)
    flat = np.bincount(table.arm_of[unread], minlength=len(table.names))
    return list((total / count).reshape(len(table.names), inputs)), flat.astype(np.intp)


def _of_rows(rows: "pd.DataFrame", how: Positions) -> Floats:
    if isinstance(how, str):
        require_column(rows, how)
        return numbers(rows, how)
    if "said" not in rows.columns:
        raise UsageError("rows have no column said: give a column of numbers as positions=")
    words = {} if how is None else {str(k).strip().casefold(): float(v) for k, v in how.items()}
    said = rows["said"].astype(object)
    found = {each: _position(str(each), words) for each in said.dropna().unique()}
    return said.map(found).to_numpy(dtype=float)


def _position(said: str, words: Mapping[str, float]) -> float:
    """Return the position that an answer says; NaN where it says none."""
    if words:
        return words.get(said.strip().casefold(), float("nan"))
    try:
        return float(np.sign(float(said)))
    except ValueError:
        side = direction_of(said)
        return float("nan") if side is None else float(side)


def _missing(table: Matrix) -> int:
    asked = np.unique(table.arm_of * len(table.inputs) + table.input_of)
    return len(table.names) * len(table.inputs) - asked.size


def _costs(rows: "pd.DataFrame", table: Matrix, known: Flags) -> Floats:
    """Return the dollars of each arm and date, whatever became of the calls."""
    assert table.codes is not None  # noqa: S101 - `signals` has checked it
    dates = np.unique(table.codes[known])
    cost = numbers(rows, "cost_usd") if "cost_usd" in rows.columns else np.full(len(rows), np.nan)
    of_row = table.codes[table.input_of]
    here = np.isin(of_row, dates)
    codes = np.searchsorted(dates, of_row[here])
    made = np.zeros((len(table.names), dates.size))
    np.add.at(made, (table.arm_of[here], codes), cost[here])
    return made
