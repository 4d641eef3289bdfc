"""Plot of the empirical distribution function of latency."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats
from llmlab.views.comparison import ArmView, ComparisonView, arms
from llmlab.views.plots.axes import Look, duration, finish, log_axis
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.style import styled

if TYPE_CHECKING:
    import pandas as pd

_MARKED = (0.5, 0.95)


def latency(shown: ComparisonView, theme: str = "light") -> Plot:
    """
    Draw the distribution of latency of each arm's successful calls, exact, on a log scale.

    Raises:
        UsageError: no call has a latency.
    """
    listed = arms(shown)
    look = Look.of(listed, theme)
    times = {
        arm: found for arm in sorted(listed, key=_name) if len(found := _times(shown.rows, arm))
    }
    if not times:
        raise UsageError("no call succeeded with a known latency, so there is none to draw")
    with styled(look.theme):
        plot = Plot.blank(7.6, 4.4, look.theme)
        axes = plot.add_subplot()
        for arm, found in times.items():
            _curve(axes, arm, found, look)
        for share in _MARKED:
            axes.axhline(share, color=look.theme.quiet, linewidth=0.7, linestyle=(0, (1, 2)),
                         zorder=1, gid="quantile")  # fmt: skip
        low, high = (side(map(side, times.values())) for side in (min, max))
        log_axis(axes, max(float(low), 1e-4) / 1.2, float(high) * 1.2, duration)
        axes.set_ylim(0, 1.01)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 0.95], ["0 %", "25 %", "50 %", "75 %", "95 %"])
        axes.set_xlabel("latency of a call (log scale)")
        axes.set_ylabel("share of calls answered")
        axes.grid(axis="x")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=2.4)
        finish(plot, shown, list(times), mark="Thin lines")
    return plot


def _name(arm: ArmView) -> tuple[str, str]:
    return arm.label, arm.prompt


def _curve(axes: Axes, arm: ArmView, found: Floats, look: Look) -> None:
    axes.ecdf(
        found,
        color=look.colours[arm.label],
        linestyle=look.dashes[arm.prompt],
        linewidth=0.8 if arm.simulated else 1.6,
        label=arm.title,
        gid="ecdf",
    )


def _times(rows: "pd.DataFrame", arm: ArmView) -> Floats:
    mine = (rows["prompt"] == arm.prompt) & (rows["label"] == arm.label) & (rows["status"] == "ok")
    values = rows.loc[mine, "latency_s"].astype("float64").to_numpy()
    return np.sort(values[np.isfinite(values)])
