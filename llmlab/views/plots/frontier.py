"""Plot of quality against cost: every arm with its intervals, and the Pareto front."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from llmlab.views.comparison import ArmView, ComparisonView, arms, has_scores, known
from llmlab.views.plots.axes import Look, dollars, duration, finish, log_axis, not_scored
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.names import Point, write_names
from llmlab.views.plots.shares import DRAWS, frontier_shares
from llmlab.views.plots.style import styled
from llmlab.views.text import form

_PRICED = "cost per 1,000 calls (US dollars, log scale)"
_EDGE = 2.6
"""How far left of the cheapest price, as a factor, zero cost is drawn."""
_CLEAR = 1.2
"""How far right of the break, as a factor, the first tick may stand."""
_SHARES = f"%: share of {DRAWS:,} resamples of the inputs with that arm on the Pareto front.\n"


def frontier(shown: ComparisonView, theme: str = "light") -> Plot:
    """
    Draw score against dollars per 1,000 calls, intervals both ways, and the Pareto front.

    Without scores the height is the median latency (lower is better). Zero cost stands at a
    marked left edge; arms without a known price or height are named below, not drawn. When no
    arm has a known price, the width is the median latency instead. Beside each name stands how
    often its arm is on the front when the inputs are resampled.
    """
    listed, scored = arms(shown), has_scores(shown)
    look = Look.of(listed, theme)
    priced = any(arm.cost_per_1000_usd is not None for arm in listed)
    points = _points(shown, listed, scored=scored, priced=priced)
    with styled(look.theme):
        plot = Plot.blank(7.2, 4.7, look.theme)
        axes = plot.add_subplot()
        edge = _frame(axes, points, priced=priced)
        points = [p if p.x > 0 else replace(p, x=edge, x_span=None) for p in points]
        _heights(axes, shown, points, scored=scored)
        keys = _front(axes, points, look, higher=scored) + _chance(axes, shown, look, scored=scored)
        for point in points:
            _draw(axes, point, look)
        keys = look.prompt_keys() + keys
        axes.legend(handles=keys, loc="lower left", bbox_to_anchor=(-0.01, 0.995), ncols=6,
                    borderpad=0, handletextpad=0.5, columnspacing=1.4)  # fmt: skip
        drawn = {(point.arm.prompt, point.arm.label) for point in points}
        told = _SHARES if any(point.share is not None for point in points) else ""
        absent = [arm for arm in listed if (arm.prompt, arm.label) not in drawn]
        finish(plot, shown, listed, told + _absent(absent) + not_scored(listed))
        write_names(plot, axes, points, look)
    return plot


def undominated(points: Sequence[Point], *, higher: bool) -> list[Point]:
    """Return the Pareto-optimal points, by ascending cost."""
    sign = 1 if higher else -1
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -sign * p.y)):
        if not front or sign * point.y > sign * front[-1].y:
            front.append(point)
    return front


def _points(
    shown: ComparisonView, listed: Sequence[ArmView], *, scored: bool, priced: bool
) -> list[Point]:
    spans = cost_spans(shown) if priced and len(shown.rows) else {}
    shares = frontier_shares(shown) if priced and scored else {}
    made = []
    for arm in listed:
        y = arm.score if scored else arm.latency_p50_s
        x = arm.cost_per_1000_usd if priced else arm.latency_p50_s
        if y is None or x is None:
            continue
        span = None
        if scored and arm.score_low is not None and arm.score_high is not None:
            span = (arm.score_low, arm.score_high)
        name = (arm.prompt, arm.label)
        made.append(Point(arm, x, y, spans.get(name), span, shares.get(name)))
    return made


def cost_spans(shown: ComparisonView) -> dict[tuple[str, str], tuple[float, float]]:
    """Return Student's interval of dollars per 1,000 calls, the input being the unit."""
    from scipy import stats

    costs = shown.rows[["prompt", "label", "input_id", "cost_usd"]].dropna()
    each = costs.groupby(["prompt", "label", "input_id"], observed=True)["cost_usd"].mean()
    made = {}
    for (prompt, label), values in each.groupby(["prompt", "label"], observed=True):
        if len(values) > 1:
            wide = stats.t.ppf((1 + shown.level) / 2, len(values) - 1) * cast("float", values.sem())
            low, high = (1000 * (values.mean() + side) for side in (-wide, wide))
            made[str(prompt), str(label)] = (low, high)
    return made


def _frame(axes: Axes, points: Sequence[Point], *, priced: bool) -> float:
    """Set the axis of cost (or time); return where zero cost is drawn."""
    paid = [p.x for p in points if p.x > 0]
    spans = [value for p in points if p.x_span and p.x > 0 for value in p.x_span if value > 0]
    low, high = min([*paid, *spans], default=1.0), max([*paid, *spans], default=1.0)
    free = any(p.x <= 0 for p in points)
    edge = low / _EDGE
    left = edge / 1.5 if free else low / 1.6
    log_axis(axes, left, high * 1.9, dollars if priced else duration)
    axes.set_xlabel(_PRICED if priced else "median latency (log scale); no price is known")
    if free:
        _zero(axes, edge, low / 1.55)
    return edge


def _zero(axes: Axes, edge: float, until: float) -> None:
    """Mark zero cost at the left edge: its own tick, and a break in the axis."""
    left, right = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if until * _CLEAR < tick <= right]
    axes.set_xticks([edge, *ticks])
    axes.set_xlim(left, right)
    axes.minorticks_off()
    across = axes.get_xaxis_transform()
    axes.axvline(until, color=axes.xaxis.label.get_color(), linewidth=0.6, dashes=(1, 3), alpha=0.6)
    colour = axes.get_facecolor()
    axes.plot(
        [until], [0], "s", color=colour, markersize=5, transform=across, clip_on=False, zorder=9
    )
    axes.text(until, 0, "//", transform=across, ha="center", va="center", fontsize=8, zorder=10)
    axes.xaxis.set_major_formatter(
        lambda value, _: "$0" if value <= edge * 1.01 else dollars(value)
    )


def _heights(axes: Axes, shown: ComparisonView, points: Sequence[Point], *, scored: bool) -> None:
    axes.grid(axis="y")
    if not scored:
        values = [p.y for p in points] or [1.0]
        log_axis(axes, min(values) / 1.6, max(values) * 1.6, duration, x=False)
        axes.set_ylabel("median latency (log scale), lower is better")
        return
    values = known([p.y for p in points]) + [v for p in points for v in p.y_span or ()]
    values += known([shown.chance])
    low, high = min(values, default=0.0), max(values, default=1.0)
    pad = 0.06 * (high - low or 1.0)
    axes.set_ylim(low - pad, high + pad)
    axes.set_ylabel(f"{shown.score_name or 'score'} score (mean, {shown.level:.0%} interval)")


def _front(axes: Axes, points: Sequence[Point], look: Look, *, higher: bool) -> list[Any]:
    """Draw the Pareto front as steps; stand-ins do not count beside real answers."""
    real = [p for p in points if not p.arm.simulated] or points
    if not (front := undominated(real, higher=higher)):
        return []
    right = axes.get_xlim()[1]
    x, y = [p.x for p in front] + [right], [p.y for p in front] + [front[-1].y]
    said = "Pareto front" if len(real) == len(points) else "Pareto front (real answers only)"
    (line,) = axes.step(x, y, where="post", color=look.theme.quiet, linewidth=1.1, alpha=0.75,
                        label=said, zorder=1.5, gid="front")  # fmt: skip
    return [line]


def _chance(axes: Axes, shown: ComparisonView, look: Look, *, scored: bool) -> list[Line2D]:
    if not scored or shown.chance is None:
        return []
    line = axes.axhline(shown.chance, color=look.theme.quiet, linewidth=1, linestyle=(0, (4, 3)),
                        label=f"chance ({form.score(shown.chance)})", gid="chance")  # fmt: skip
    return [line]


def _draw(axes: Axes, point: Point, look: Look) -> None:
    whiskers: dict[str, Any] = {
        "color": look.colours[point.arm.label],
        "linewidth": 1.1,
        "alpha": 0.65,
        "zorder": 2,
    }
    if point.y_span:
        axes.plot([point.x, point.x], point.y_span, gid="score interval", **whiskers)
    if point.x_span and point.x_span[0] > 0:
        axes.plot(point.x_span, [point.y, point.y], gid="cost interval", **whiskers)
    axes.plot(point.x, point.y, zorder=3, gid="arm", **look.point(point.arm))


def _absent(absent: Sequence[ArmView]) -> str:
    if not absent:
        return ""
    names = ", ".join(arm.title for arm in absent)
    return f"Not drawn, price or score unknown: {names}"
