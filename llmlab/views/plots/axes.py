"""Shared parts of the plots: colours and markers of arms, notes, tick formats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from llmlab.errors import UsageError
from llmlab.views.comparison import ArmView, ComparisonView, arms
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.style import DASHES, MARKERS, OKABE_ITO, THEMES, Theme, by_name
from llmlab.views.text import form

_WIDE = 105
"""Letters that a line below the axes holds."""
STAND_IN_NOTE = "stand-in answers, simulated cost and latency"
_FEW_DECADES = 3.0


@dataclass(frozen=True, slots=True)
class Look:
    """The colour of each model, and the marker and dash of each prompt."""

    theme: Theme
    colours: dict[str, str]
    markers: dict[str, str]
    dashes: dict[str, Any]

    @classmethod
    def of(cls, listed: Sequence[ArmView], theme: str) -> "Look":
        """Assign them in alphabetical order, so that every plot of a run agrees."""
        models, prompts = sorted({a.label for a in listed}), sorted({a.prompt for a in listed})
        return cls(
            theme_of(theme),
            by_name(models, OKABE_ITO),
            by_name(prompts, MARKERS),
            by_name(prompts, DASHES),
        )

    def point(self, arm: ArmView, size: float = 6.5) -> dict[str, Any]:
        """Return how the arm's point is drawn: hollow when its answers are simulated."""
        colour = self.colours[arm.label]
        return {
            "marker": self.markers[arm.prompt],
            "markersize": size,
            "color": colour,
            "markerfacecolor": self.theme.paper if arm.simulated else colour,
            "markeredgecolor": colour if arm.simulated else self.theme.paper,
            "markeredgewidth": 1.4 if arm.simulated else 0.7,
            "linestyle": "none",
        }

    def prompt_keys(self) -> list[Line2D]:
        """Return a legend entry for each prompt, where there are several."""
        if len(self.markers) == 1:
            return []
        quiet: dict[str, Any] = {"color": self.theme.quiet, "linestyle": "none", "markersize": 6}
        return [
            Line2D([], [], marker=marker, label=name, **quiet)
            for name, marker in self.markers.items()
        ]


def theme_of(name: str) -> Theme:
    """Return the colours called *name*."""
    if name not in THEMES:
        raise UsageError(f"no theme is called {name!r}; there are {', '.join(THEMES)}")
    return THEMES[name]


def finish(
    plot: Plot,
    shown: ComparisonView,
    listed: Sequence[ArmView],
    extra: str = "",
    mark: str = "Hollow",
) -> None:
    """
    Add the title and, below the axes, the notes: simulated arms, and what is left out.

    Each line of *extra* begins anew.
    """
    plot.suptitle(shown.title, x=0.01, ha="left", fontsize=10.5, fontweight="bold")
    said = [(line, plot.theme.quiet) for line in extra.splitlines() if line]
    if simulated := [arm for arm in listed if arm.simulated]:
        everyone = len(simulated) == len(arms(shown))
        who = "all arms" if everyone else ", ".join(dict.fromkeys(a.label for a in simulated))
        said.insert(0, (f"{mark}: {STAND_IN_NOTE} ({who})", plot.theme.alarm))
    if not said:
        return
    # A legend without handles: the one kind of text below the axes that the layout makes room for.
    plot.legend(
        [Line2D([], [], linestyle="none") for _ in said],
        [fill(words, _WIDE) for words, _ in said],
        labelcolor=[colour for _, colour in said],
        loc="outside lower left",
        handlelength=0,
        handletextpad=0,
        fontsize=8,
        borderaxespad=0.2,
    )


def not_scored(listed: Sequence[ArmView]) -> str:
    """Return the line that says which arms have answers without a score; empty when none has."""
    told = [
        f"{arm.title}: {', '.join(f'{form.count(count)} {why}' for why, count in arm.lost.items())}"
        for arm in listed
        if arm.lost
    ]
    more = f"; {len(told) - _TOLD} more arms" if len(told) > _TOLD else ""
    return f"\nNot scored: {'; '.join(told[:_TOLD])}{more}" if told else ""


_TOLD = 6
"""Arms that are named in one line."""


def log_axis(axes: Axes, low: float, high: float, show: Any, *, x: bool = True) -> None:
    """Make an axis logarithmic with plain numbers at 1, 2, 5 (or 1 only, where it is long)."""
    axis = axes.xaxis if x else axes.yaxis
    (axes.set_xscale if x else axes.set_yscale)("log")
    (axes.set_xlim if x else axes.set_ylim)(low, high)
    few = math.log10(high / low) < _FEW_DECADES
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))
    axis.set_minor_formatter(NullFormatter())


def dollars(value: float) -> str:
    """Return a tick in dollars: `$0.05`, `$2`, `$1 000`."""
    return form.money(value, 1).removesuffix(".00")


def duration(value: float) -> str:
    """Return a tick in seconds: `50 ms`, `2 s`."""
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"
