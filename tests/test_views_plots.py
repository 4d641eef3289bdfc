"""Plots hold what they promise, and leave matplotlib as it was."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from llmlab.errors import UsageError
from llmlab.stats import frontier
from llmlab.views import plots
from llmlab.views.comparison import ComparisonView
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.labels import Box, place
from llmlab.views.plots.style import OKABE_ITO, THEMES
from tests.test_views import NAN, arm, made, row, unscored

KINDS = ("frontier", "forest", "differences", "latency")


def draw(kind: str, shown: ComparisonView, theme: str = "light") -> tuple[Plot, Axes]:
    """A plot and its axes."""
    plot: Plot = getattr(plots, kind)(shown, theme)
    return plot, plot.axes[0]


def parts(axes: Axes, gid: str) -> list[Line2D]:
    """The lines of an axes that carry a name."""
    return [line for line in axes.get_lines() if line.get_gid() == gid]


def xs(line: Line2D) -> list[float]:
    """The places along a line."""
    return [float(x) for x in np.asarray(line.get_xdata(), dtype=float)]


def ys(line: Line2D) -> list[float]:
    """The heights along a line."""
    return [float(y) for y in np.asarray(line.get_ydata(), dtype=float)]


def words(plot: Plot) -> str:
    """What is written below the axes."""
    return " ".join(text.get_text() for legend in plot.legends for text in legend.get_texts())


def test_the_frontier_has_points_intervals_front_and_chance() -> None:
    """Every arm with its intervals both ways, the Pareto front as steps, and chance."""
    _, axes = draw("frontier", made())

    assert len(parts(axes, "arm")) == 2
    assert [ys(line) for line in parts(axes, "score interval")] == [
        pytest.approx([0.8, 0.95]), pytest.approx([0.5, 0.65]),
    ]  # fmt: skip
    assert len(parts(axes, "cost interval")) == 1
    assert parts(axes, "front")[0].get_drawstyle() == "steps-post"
    assert ys(parts(axes, "chance")[0])[0] == 0.5
    assert axes.get_xscale() == "log"
    assert {text.get_text() for text in axes.texts} >= {"gpt 100%", "qwen 100%"}


def names(axes: Axes) -> dict[str, str]:
    """What is written beside the points: the share by the model, empty without one."""
    told = [text.get_text() for text in axes.texts if text.get_gid() == "name"]
    return {name.partition(" ")[0]: name.partition(" ")[2] for name in told}


def test_the_frontier_says_how_often_an_arm_is_on_it() -> None:
    """The share of resamples stands beside the name, is explained, and agrees with `stats`."""
    rows = pd.DataFrame(
        [row(at, "terse", label, input_id=f"i{at}", score=float(at % 3 < (label == "gpt") + 1),
             cost_usd=0.01 if label == "gpt" else 0.001)
         for label in ("gpt", "qwen") for at in range(20)]
    )  # fmt: skip
    shown = made(rows=rows)

    plot, axes = draw("frontier", shown)

    expected = {each.label: f"{each.probability:.0%}" for each in frontier(rows)}
    assert names(axes) == expected
    assert expected["qwen"] == "100%"
    assert "share of 2,000 resamples of the inputs" in words(plot)


def test_a_stand_in_has_no_share_beside_real_answers() -> None:
    """The front is drawn of real answers, and so are the shares; latency has none at all."""
    summary = made().summary.assign(backend=["live", "stand-in"])
    plot, axes = draw("frontier", made(summary=summary))
    _, timed = draw("frontier", unscored())

    assert names(axes) == {"gpt": "100%", "qwen": ""}
    assert set(names(timed).values()) == {""}
    one = made(rows=made().rows.assign(input_id="i0"))
    assert "resamples" in words(plot)
    assert "resamples" not in words(draw("frontier", one)[0])


def test_zero_cost_stands_at_a_marked_edge() -> None:
    """An arm that costs nothing is left of every price, over a tick that says $0."""
    plot, axes = draw("frontier", made())
    plot.draw_without_rendering()

    gpt, qwen = (xs(line)[0] for line in parts(axes, "arm"))

    assert qwen < gpt
    assert axes.get_xlim()[0] < qwen
    assert axes.get_xticklabels()[0].get_text() == "$0"
    assert axes.get_xticks()[0] == pytest.approx(qwen)


def test_the_front_leaves_out_what_another_arm_beats() -> None:
    """Dear and worse is not on the front; cheap and worse, and dear and better, are."""
    summary = made().summary
    summary.loc[2] = arm("terse", "grok", 0.85, 0.01)
    summary.loc[3] = arm("terse", "claude", 0.95, 0.05)

    _, axes = draw("frontier", made(summary=summary))

    front = ys(parts(axes, "front")[0])
    assert front == pytest.approx([0.6, 0.9, 0.95, 0.95])


def test_an_arm_without_a_price_is_named_not_drawn() -> None:
    """Unknown is not zero: the arm is left out and the plot says so."""
    summary = made().summary.assign(cost_per_1000_usd=[NAN, 0.2])

    plot, axes = draw("frontier", made(summary=summary))

    assert len(parts(axes, "arm")) == 1
    assert "price or score unknown: gpt · terse" in words(plot)


def test_without_any_price_the_frontier_shows_time() -> None:
    """No price at all: every arm is drawn over its median latency, and the axis says why."""
    summary = made().summary.assign(cost_per_1000_usd=NAN)

    plot, axes = draw("frontier", made(summary=summary))

    assert [xs(line)[0] for line in parts(axes, "arm")] == [0.45, 0.45]
    assert "no price is known" in axes.get_xlabel()
    assert "Not drawn" not in words(plot)


def test_without_scores_the_frontier_shows_latency() -> None:
    """The height is the median latency, and chance is absent."""
    _, axes = draw("frontier", unscored())

    assert "latency" in axes.get_ylabel()
    assert not parts(axes, "chance")


@pytest.mark.parametrize("kind", ["forest", "differences"])
def test_a_plot_of_scores_needs_scores(kind: str) -> None:
    """One line says what to give."""
    with pytest.raises(UsageError, match="nothing was scored"):
        draw(kind, unscored())


@pytest.mark.parametrize("kind", KINDS)
def test_stand_ins_are_marked_in_every_plot(kind: str) -> None:
    """A note in words, and hollow points (thin lines for curves), for simulated answers only."""
    plot, axes = draw(kind, made("stand-in"))
    live, _ = draw(kind, made())

    assert "stand-in answers, simulated cost" in words(plot)
    assert "stand-in" not in words(live)
    for line in parts(axes, "arm") + parts(axes, "difference"):
        assert to_rgba(line.get_markerfacecolor()) == to_rgba(plot.theme.paper)
    assert {line.get_linewidth() for line in parts(axes, "ecdf")} <= {0.8}


def test_the_forest_is_best_first_with_numbers() -> None:
    """Rows run down from the best, each with its interval, and the numbers at the right."""
    _, axes = draw("forest", made())

    assert [text.get_text() for text in axes.get_yticklabels()] == ["gpt · terse", "qwen · terse"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert len(parts(axes, "score interval")) == 2
    right = axes.child_axes[0].get_yticklabels()
    assert right[0].get_text() == "0.900  [0.800, 0.950]  a"


def test_a_difference_is_told_the_way_it_points() -> None:
    """B minus A as `stats` has it; a negative one is told as A minus B, interval and all."""
    pairs = made().pairs.assign(difference=-0.3, low=-0.5, high=-0.1)

    _, axes = draw("differences", made(pairs=pairs))

    assert axes.get_yticklabels()[0].get_text() == "qwen · terse  −  gpt · terse"
    assert xs(parts(axes, "interval")[0]) == [0.1, 0.5]
    assert draw("differences", made())[1].get_yticklabels()[0].get_text().startswith("gpt")


def test_latency_is_the_exact_distribution_of_what_succeeded() -> None:
    """One curve an arm from 0 to 1; a failed call's time is not in it."""
    rows = made().rows
    rows.loc[0, "status"] = "error"

    _, axes = draw("latency", made(rows=rows))

    curves = parts(axes, "ecdf")
    assert [len(xs(curve)) - 1 for curve in curves] == [7, 8]
    assert ys(curves[1]) == pytest.approx([at / 8 for at in range(9)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("theme", THEMES)
def test_a_plot_shows_itself_and_leaves_matplotlib_alone(kind: str, theme: str) -> None:
    """It is a PNG to a notebook, in either theme, and no global setting has changed."""
    before = dict(mpl.rcParams)

    plot, _ = draw(kind, made(), theme)
    picture, size = plot._repr_png_()

    assert picture.startswith(b"\x89PNG")
    assert set(size) == {"width", "height"}
    assert to_rgba(plot.get_facecolor()) == to_rgba(THEMES[theme].paper)
    assert dict(mpl.rcParams) == before


def test_an_unknown_theme_is_one_line() -> None:
    """The message names the themes there are."""
    with pytest.raises(UsageError, match="there are light, dark"):
        draw("frontier", made(), "neon")


@pytest.mark.parametrize("theme", THEMES)
def test_colours_stand_off_the_paper(theme: str) -> None:
    """Every ink reaches WCAG's 4.5 on its paper; every palette colour 2 (shape helps there)."""
    paper = _luminance(THEMES[theme].paper)

    for colour in (THEMES[theme].ink, THEMES[theme].quiet, THEMES[theme].alarm):
        assert _contrast(_luminance(colour), paper) >= 4.5
    for colour in OKABE_ITO:
        assert _contrast(_luminance(colour), paper) >= 2.0


def _luminance(colour: str) -> float:
    parts = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgba(colour)[:3]
    )
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def _contrast(a: float, b: float) -> float:
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


@given(st.lists(st.tuples(st.floats(100, 600), st.floats(100, 400)), min_size=1, max_size=12))
def test_names_stay_in_the_frame(points: list[tuple[float, float]]) -> None:
    """Wherever the points lie, no name leaves the axes."""
    frame = Box(50, 50, 700, 450)

    boxes = place(points, [(60.0, 12.0)] * len(points), [], frame)

    assert all(box.outside(frame) < 1e-6 for box in boxes)


def test_names_of_close_points_do_not_overlap() -> None:
    """Six points in a heap get six names that can be read."""
    points = [(300.0 + 4 * at, 200.0 + 3 * at) for at in range(6)]
    marks = [Box(x - 5, y - 5, x + 5, y + 5) for x, y in points]

    boxes = place(points, [(60.0, 12.0)] * 6, marks, Box(0, 0, 700, 450))

    assert all(a.overlap(b) == 0 for a, b in combinations(boxes, 2))
    assert all(box.overlap(mark) == 0 for box in boxes for mark in marks)
