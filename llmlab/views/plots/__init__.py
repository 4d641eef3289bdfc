"""Registry of plots: name, title, and the function that draws it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from llmlab.errors import UsageError, suggest
from llmlab.scores import SCORES
from llmlab.views.comparison import ComparisonView
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.ecdf import latency
from llmlab.views.plots.forest import differences, forest
from llmlab.views.plots.frontier import frontier
from llmlab.views.plots.reliability import calibration
from llmlab.views.plots.returns import of_returns, returns, walking


class PlotKind(NamedTuple):
    """One way to draw a run."""

    title: str
    draw: Callable[..., Plot]
    """Called with the run and a theme, "light" when there is none."""
    fits: Callable[[ComparisonView], bool] = lambda _: True
    """Whether a report has it."""


def _of_probabilities(shown: ComparisonView) -> bool:
    return shown.score_name in SCORES and SCORES[shown.score_name].of_probabilities


PLOTS: Final = {
    "frontier": PlotKind("Quality against cost", frontier),
    "forest": PlotKind("Scores", forest),
    "differences": PlotKind("Paired differences", differences),
    "latency": PlotKind("Latency", latency),
    "calibration": PlotKind("Calibration", calibration, _of_probabilities),
    "strategy": PlotKind("Cumulative return before costs", returns, of_returns),
    "walk_forward": PlotKind("Chosen by earlier dates", walking, lambda _: False),
}
"""In the order in which a report shows them."""


def plot_of(name: str) -> PlotKind:
    """Return the plot of this name; `UsageError` if there is none, with the nearest."""
    if name not in PLOTS:
        raise UsageError(f"no plot is called {name!r}; {suggest(name, PLOTS)}")
    return PLOTS[name]
