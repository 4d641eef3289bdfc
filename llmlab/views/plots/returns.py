"""Over time: cumulative returns in their band against chance, and the choice by earlier dates."""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from matplotlib.axes import Axes

from llmlab.errors import UsageError
from llmlab.stats.clusters import Dated
from llmlab.stats.matrix import name_of
from llmlab.stats.strategy import Strategy, strategy
from llmlab.stats.walk_forward import CHOSEN, WalkForward, walk_forward
from llmlab.views.comparison import ArmView, ComparisonView, arms
from llmlab.views.plots.axes import Look, finish
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.style import styled

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.stats.clusters import Cluster

MOST_PANELS = 6
_SCORES_OF_RETURNS = ("direction", "signed_return")


class _InTime(Protocol):
    """A run, or a view of it."""

    @property
    def depends(self) -> "Cluster": ...

    @property
    def dates(self) -> "pd.Series[Any] | None": ...


def dated(shown: _InTime) -> Dated:
    """
    Return the run's dates with how far targets look ahead; one date where nobody said so.

    Raises:
        UsageError: Inputs have no dates.
    """
    depends = shown.depends
    if isinstance(depends, Dated):
        return depends
    if shown.dates is None:
        raise UsageError(
            "this needs the order in time of inputs: name a column of dates with as_of=, and with "
            "horizon= how many dates targets look ahead"
        )
    return Dated(shown.dates, 1)


def of_returns(shown: ComparisonView) -> bool:
    """Return whether the run's answers are directions and its targets returns, with dates."""
    return shown.score_name in _SCORES_OF_RETURNS and shown.dates is not None


def returns(shown: ComparisonView, theme: str = "light") -> Plot:
    """Draw what following each arm earned, before costs, in its band against chance."""
    return cumulative(shown, strategy(shown.rows, dated(shown)), theme)


def walking(shown: ComparisonView, theme: str = "light") -> Plot:
    """Draw what choosing by earlier dates is worth, with blocks as `walk_forward` makes them."""
    return chosen(shown, walk_forward(shown.rows, dated(shown)), theme)


def cumulative(shown: ComparisonView, found: Strategy, theme: str = "light") -> Plot:
    """Draw each arm's cumulative return, best first, in the band that shuffled signals stay in."""
    listed = {(arm.prompt, arm.label): arm for arm in arms(shown)}
    order = [listed[name] for name in zip(found.table["prompt"], found.table["label"], strict=True)]
    drawn = order[:MOST_PANELS]
    look = Look.of(arms(shown), theme)
    with styled(look.theme):
        plot = Plot.blank(7.6, 1.2 + 1.6 * len(drawn), look.theme)
        panels: Any = plot.subplots(len(drawn), 1, sharex=True, sharey=True, squeeze=False)
        for axes, arm in zip(panels[:, 0], drawn, strict=True):
            _path(axes, found, arm, look)
        left = f" {len(drawn)} of {len(order)} arms." if len(drawn) < len(order) else ""
        band = "Cumulative return on a constant capital. "
        band += f"Band: where {found.level:.0%} of the arm's own signals in another order stay."
        finish(plot, shown, drawn, band + left)
    return plot


def _path(axes: Axes, found: Strategy, arm: ArmView, look: Look) -> None:
    name = name_of((arm.prompt, arm.label))
    days = found.returns.index
    axes.fill_between(days, found.low[name], found.high[name], color=look.theme.grid, linewidth=0,
                      gid="band")  # fmt: skip
    axes.axhline(0.0, color=look.theme.quiet, linewidth=0.8, gid="zero")
    axes.plot(days, found.returns[name].cumsum(), color=look.colours[arm.label], linewidth=1.3,
              linestyle=look.dashes[arm.prompt], gid="cumulative")  # fmt: skip
    axes.set_title(arm.title, loc="left", fontsize=8.5)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.grid(axis="y")


def chosen(shown: ComparisonView, found: WalkForward, theme: str = "light") -> Plot:
    """Draw the mean score so far of the choice and of each arm, over the dates after the first."""
    look = Look.of(arms(shown), theme)
    listed = {name_of((arm.prompt, arm.label)): arm for arm in arms(shown)}
    count = np.arange(1, len(found.scores) + 1)
    with styled(look.theme):
        plot = Plot.blank(7.6, 3.6, look.theme)
        axes = plot.add_subplot()
        for name in found.scores.columns:
            arm = listed.get(name)
            path = found.scores[name].cumsum() / count
            colour = look.theme.ink if arm is None else look.colours[arm.label]
            axes.plot(found.scores.index, path, color=colour, gid="arm" if arm else CHOSEN,
                      linewidth=1.0 if arm else 2.2, label=arm.title if arm else CHOSEN,
                      linestyle=look.dashes[arm.prompt] if arm else "solid")  # fmt: skip
        axes.set_ylabel(f"mean {shown.score_name or 'score'} so far")
        axes.grid(axis="y")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=2.4)
        finish(plot, shown, arms(shown), "The choice knows only targets that came before a block.")
    return plot
