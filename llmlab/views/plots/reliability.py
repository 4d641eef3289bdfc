"""Reliability diagram: stated probabilities against outcomes; on the diagonal is calibrated."""

from matplotlib.axes import Axes

from llmlab.stats.calibration import Calibration
from llmlab.stats.splits import calibrations
from llmlab.views.comparison import ArmView, ComparisonView, arms
from llmlab.views.plots.axes import Look, finish, not_scored
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.style import styled


def calibration(shown: ComparisonView, theme: str = "light") -> Plot:
    """
    Draw each arm's reliability diagram: bins of stated probability with 95 % Wilson intervals.

    Raises:
        UsageError: no answer states a probability of something that came or not.
    """
    found = calibrations(shown.rows)
    listed = [arm for arm in arms(shown) if (arm.prompt, arm.label) in found]
    look = Look.of(listed, theme)
    with styled(look.theme):
        plot = Plot.blank(7.6, 4.8, look.theme)
        axes = plot.add_subplot()
        axes.plot([0, 1], [0, 1], color=look.theme.quiet, linewidth=0.8, zorder=1, gid="diagonal")
        for arm in listed:
            _curve(axes, arm, found[arm.prompt, arm.label], look)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_aspect("equal")
        axes.set_xlabel("stated probability")
        axes.set_ylabel("share that came true")
        axes.grid(visible=True)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=2.4)
        finish(plot, shown, listed, not_scored(arms(shown)))
    return plot


def _curve(axes: Axes, arm: ArmView, found: Calibration, look: Look) -> None:
    said = [one.forecast for one in found.bins]
    true = [one.observed for one in found.bins]
    below = [one.observed - one.observed_low for one in found.bins]
    above = [one.observed_high - one.observed for one in found.bins]
    axes.errorbar(
        said,
        true,
        yerr=[below, above],
        **{**look.point(arm, 5.5), "linestyle": look.dashes[arm.prompt]},
        linewidth=0.8 if arm.simulated else 1.4,
        elinewidth=0.7,
        label=f"{arm.title}: Brier {found.brier:.3f}",
        gid="reliability",
    )
