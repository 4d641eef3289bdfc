"""What a strategy earned and what choosing in time is worth, as a cell and a terminal show it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from llmlab.stats.strategy import Strategy
from llmlab.stats.walk_forward import WalkForward
from llmlab.views.html import markup

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from llmlab.views.comparison import ComparisonView
    from llmlab.views.plots.canvas import Plot

_Found = TypeVar("_Found", Strategy, WalkForward)


@dataclass(frozen=True, eq=False)
class _OverTime(Generic[_Found]):
    """A table with its notes and a picture."""

    found: _Found
    rows: "pd.DataFrame"
    view: "Callable[[], ComparisonView]"
    """Returns what pictures are drawn from, which takes the whole summary."""

    @property
    def table(self) -> "pd.DataFrame":
        """The numbers, with their intervals."""
        return self.found.table

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know first."""
        return (*self.found.notes, *told(self.rows))

    @property
    def verdict(self) -> str:
        """What the numbers allow to say, in words."""
        return self.found.verdict

    def __repr__(self) -> str:
        return "\n".join([self.verdict, self.table.to_string(), *self.notes])

    def _repr_html_(self) -> str:
        heads = [(str(name), "") for name in self.table.columns]
        rows = [[markup.cell(_said(value)) for value in line]
                for line in self.table.itertuples(index=False)]  # fmt: skip
        return markup.block(
            markup.line(self.verdict, "ll-verdict"),
            f'<div class="ll-scroll">{markup.table(heads, rows)}</div>',
            markup.lines(self.notes, "ll-note"),
        )


class StrategyView(_OverTime[Strategy]):
    """What each arm's signals earned: `table`, `returns`, the band of chance, and the picture."""

    @property
    def returns(self) -> "pd.DataFrame":
        """Net return of each date and arm."""
        return self.found.returns

    @property
    def band(self) -> "tuple[pd.DataFrame, pd.DataFrame]":
        """The limits of the cumulative return of shuffled signals, by date and arm."""
        return self.found.low, self.found.high

    def plot(self, theme: str = "light") -> "Plot":
        """Draw each arm's cumulative return in its band against chance."""
        from llmlab.views.plots.returns import cumulative

        return cumulative(self.view(), self.found, theme)


class WalkForwardView(_OverTime[WalkForward]):
    """What choosing by earlier dates is worth: `table`, `blocks`, `scores`, and the picture."""

    @property
    def blocks(self) -> "pd.DataFrame":
        """One row a block of dates: the arm chosen, and its scores before and on it."""
        return self.found.blocks

    @property
    def scores(self) -> "pd.DataFrame":
        """Mean score by date of the choice and of every arm."""
        return self.found.scores

    def plot(self, theme: str = "light") -> "Plot":
        """Draw the mean score so far of the choice and of every arm, and who was chosen when."""
        from llmlab.views.plots.returns import chosen

        return chosen(self.view(), self.found, theme)


def told(rows: "pd.DataFrame") -> tuple[str, ...]:
    """Return what is to be said of any use of these answers: who gave them, and looking ahead."""
    from llmlab.stats.splits import cutoff_notes

    said = []
    simulated = int((rows["backend"] == "stand-in").sum())
    if simulated:
        said.append(f"{simulated:,} of {len(rows):,} answers are simulated: no signals.")
    return (*said, *cutoff_notes(rows))


def _said(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
