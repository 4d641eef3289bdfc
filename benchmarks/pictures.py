"""The pictures of docs/performance.md, drawn like llmlab's own plots."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes

from benchmarks.figures import ROOT, Result
from llmlab.views.plots.axes import log_axis
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.style import MARKERS, OKABE_ITO, THEMES, by_name, styled

PICTURES: Final = ROOT / "docs" / "pictures"
_THEME: Final = THEMES["light"]
_WIDE: Final = 0.62
"""Of the distance between two places on the axis, how much the points of one place take."""


def calls_picture(calls: Result, peers: Result | None, folder: Path = PICTURES) -> Path:
    """Draw CPU a call against the reference by how many are in flight, with quartiles."""
    shapes = [each for each in calls["shapes"] if each["in_flight"] == 1 or each["delay"]]
    places = {shape["in_flight"]: at for at, shape in enumerate(shapes)}
    series: dict[str, dict[int, list[float]]] = {}
    for shape in shapes:
        _take(series, shape, skip=next(iter(shape["ways"])))
    for shape in peers["shapes"] if peers else ():
        if shape["in_flight"] in places:
            _take(series, shape, keep=True)
    with styled(_THEME):
        plot = Plot.blank(7.6, 4.2, _THEME)
        axes = plot.add_subplot()
        _points(axes, series, places)
        axes.axhline(1, color=_THEME.quiet, linewidth=1, linestyle=(0, (4, 3)))
        highest = max(
            value for mine in series.values() for three in mine.values() for value in three
        )
        log_axis(axes, 0.7, highest * 1.5, lambda value: f"{value:g}×", x=False)
        axes.set_xticks(list(places.values()), [f"{each:,}" for each in places])
        axes.set_xlabel("calls in flight")
        axes.set_ylabel("CPU a call, × aiohttp + orjson\n(log scale, bars are quartiles)")
        axes.grid(axis="y")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        return _written(plot, folder / "performance-calls.svg")


def _take(
    series: dict[str, dict[int, list[float]]],
    shape: Mapping[str, Any],
    *,
    skip: str = "",
    keep: bool = False,
) -> None:
    """Add the ratios of a shape; with *keep*, what is there already stays."""
    for name, way in shape["ways"].items():
        reference = name == skip or way["ratio"] == [1.0, 1.0, 1.0]
        if not reference and not (keep and shape["in_flight"] in series.get(name, {})):
            series.setdefault(name, {})[shape["in_flight"]] = way["ratio"]


def _points(
    axes: Axes, series: Mapping[str, Mapping[int, list[float]]], places: Mapping[int, int]
) -> None:
    colours = by_name(series, (*OKABE_ITO, _THEME.ink))
    markers = by_name(series, MARKERS)
    for number, (name, mine) in enumerate(series.items()):
        aside = _WIDE * ((number + 0.5) / len(series) - 0.5)
        middles = [three[1] for three in mine.values()]
        lows = [three[1] - three[0] for three in mine.values()]
        highs = [three[2] - three[1] for three in mine.values()]
        axes.errorbar([places[each] + aside for each in mine], middles, yerr=[lows, highs],
                      fmt=markers[name], color=colours[name], markersize=6, elinewidth=1.3,
                      markeredgecolor=_THEME.paper, markeredgewidth=0.7, label=name)  # fmt: skip


_PANELS: Final[tuple[tuple[str, Callable[[Result], float]], ...]] = (
    ("seconds", lambda each: each["s"]),
    ("peak memory, MB", lambda each: each["kb"] * each["calls"] / 1e3),
    ("book, MB", lambda each: each["book_kb"] * each["calls"] / 1e3),
)


def _short(calls: float) -> str:
    return f"{calls / 1000:,.0f}k" if calls >= 1_000 else f"{calls:.0f}"


def scale_picture(scale: Result, folder: Path = PICTURES) -> Path:
    """Draw time, memory and book by the number of calls, beside lines of the same cost a call."""
    sizes = scale["sizes"]
    calls = [each["calls"] for each in sizes]
    with styled(_THEME):
        plot = Plot.blank(7.6, 2.9, _THEME)
        for number, (words, value) in enumerate(_PANELS):
            axes = plot.add_subplot(1, len(_PANELS), number + 1)
            found = [value(each) for each in sizes]
            last = found[-1] / calls[-1]
            line = [each * last for each in calls]
            axes.plot(calls, line, color=_THEME.quiet, linewidth=1, linestyle=(0, (4, 3)))
            axes.plot(calls, found, "o-", color=OKABE_ITO[number], markeredgecolor=_THEME.paper)
            low, high = min(*found, *line), max(found)
            log_axis(axes, calls[0] / 1.6, calls[-1] * 1.6, _short)
            log_axis(axes, low / 1.8, high * 1.8, lambda each: f"{each:,g}", x=False)
            axes.set_xlabel("calls")
            axes.set_title(words, loc="left", fontsize=9)
            axes.grid()
        return _written(plot, folder / "performance-scale.svg")


def _written(plot: Plot, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(plot.picture("svg"))
    return path
