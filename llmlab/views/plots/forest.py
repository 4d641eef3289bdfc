"""Forest plots of scores and of paired differences: one interval per row."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from llmlab.errors import UsageError
from llmlab.views.comparison import ArmView, ComparisonView, PairView, arms, has_scores, pairs
from llmlab.views.plots.axes import Look, finish, not_scored
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.style import styled
from llmlab.views.text import form

MOST_PAIRS = 20
_ALPHA = 0.05
_ROW = 0.27
"""Inches a row."""


def forest(shown: ComparisonView, theme: str = "light") -> Plot:
    """
    Draw every scored arm's interval, best on top, with chance and the letters of ties.

    Raises:
        UsageError: nothing was scored.
    """
    _need_scores(shown)
    listed = [arm for arm in arms(shown) if arm.score is not None]
    look = Look.of(arms(shown), theme)
    with styled(look.theme):
        plot = Plot.blank(7.2, 1.5 + _ROW * len(listed), look.theme)
        axes = plot.add_subplot()
        for row, arm in enumerate(listed):
            _interval(axes, row, arm, look)
        _rows(axes, [arm.title for arm in listed], [_said(arm) for arm in listed])
        if shown.chance is not None:
            axes.axvline(shown.chance, color=look.theme.quiet, linewidth=1, linestyle=(0, (4, 3)),
                         gid="chance")  # fmt: skip
            axes.annotate("chance", (shown.chance, 1), xycoords=axes.get_xaxis_transform(),
                          xytext=(3, -2), textcoords="offset points", va="top", fontsize=8,
                          color=look.theme.quiet)  # fmt: skip
        axes.set_xlabel(f"{shown.score_name or 'score'} score (mean, {shown.level:.0%} interval)")
        tied = "Letters: arms that share one are tied." if any(a.tied for a in listed) else ""
        finish(plot, shown, listed, tied + not_scored(arms(shown)))
    return plot


def differences(shown: ComparisonView, theme: str = "light") -> Plot:
    """
    Draw paired differences with intervals, widest first; at most twenty, those with the best arm.

    Raises:
        UsageError: there is no pair to compare.
    """
    _need_scores(shown)
    every = [pair for pair in pairs(shown) if pair.difference is not None]
    if not every:
        raise UsageError(
            "no paired difference to draw: it takes two arms scored on the same inputs"
        )
    listed = arms(shown)
    by_arm = {(arm.prompt, arm.label): arm for arm in listed}
    look = Look.of(listed, theme)
    chosen = [_turned(pair) for pair in _chosen(every, listed[0])]
    chosen.sort(key=lambda pair: -(pair.difference or 0))
    with styled(look.theme):
        plot = Plot.blank(7.6, 1.5 + _ROW * len(chosen), look.theme)
        axes = plot.add_subplot()
        used = []
        for row, pair in enumerate(chosen):
            both = [
                by_arm.get((pair.prompt_a, pair.label_a)),
                by_arm.get((pair.prompt_b, pair.label_b)),
            ]
            used += [arm for arm in both if arm is not None]
            _difference(axes, row, pair, look, hollow=any(arm and arm.simulated for arm in both))
        axes.axvline(0, color=look.theme.quiet, linewidth=1, gid="zero")
        _rows(axes, [_names(pair) for pair in chosen], [_measured(pair) for pair in chosen])
        axes.set_xlabel(
            f"difference of {shown.score_name or 'score'} (paired, {shown.level:.0%} interval"
            f"{' of the pair alone' if len(every) > 1 else ''})"
        )
        finish(plot, shown, used, _left_out(len(every), len(chosen)) + not_scored(listed))
    return plot


def _need_scores(shown: ComparisonView) -> None:
    if not has_scores(shown):
        fix = "see the notes" if shown.score_name else 'give score="label"'
        raise UsageError(f"nothing was scored, so there is no score to draw: {fix}")


def _interval(axes: Axes, row: int, arm: ArmView, look: Look) -> None:
    if arm.score_low is not None and arm.score_high is not None:
        axes.plot([arm.score_low, arm.score_high], [row, row], color=look.colours[arm.label],
                  linewidth=1.6, gid="score interval")  # fmt: skip
    axes.plot(arm.score or 0.0, row, gid="arm", **look.point(arm))


def _difference(axes: Axes, row: int, pair: PairView, look: Look, *, hollow: bool) -> None:
    colour = "#0072B2" if clear(pair) else look.theme.quiet
    if pair.low is not None and pair.high is not None:
        axes.plot([pair.low, pair.high], [row, row], color=colour, linewidth=1.6, gid="interval")
    axes.plot(pair.difference or 0.0, row, "o", markersize=6, color=colour, gid="difference",
              markerfacecolor=look.theme.paper if hollow else colour)  # fmt: skip


def clear(pair: PairView) -> bool:
    """Return whether the difference holds after adjusting for all the pairs."""
    return pair.p_adjusted is not None and pair.p_adjusted < _ALPHA


def _rows(axes: Axes, names: Sequence[str], said: Sequence[str]) -> None:
    """Label the rows at the left, with their numbers at the right, first row on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.8)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(said)), said, family="DejaVu Sans Mono", fontsize=7.5)
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)


def _said(arm: ArmView) -> str:
    span = form.interval(arm.score_low, arm.score_high)
    return "  ".join(part for part in (form.score(arm.score), span, arm.tied) if part)


def _measured(pair: PairView) -> str:
    text = f"{form.difference(pair.difference)}  {form.interval(pair.low, pair.high, signed=True)}"
    if pair.p_adjusted is None:
        return text
    p = form.probability(pair.p_adjusted)
    return f"{text}  p{p}" if p.startswith("<") else f"{text}  p={p}"


def _names(pair: PairView) -> str:
    return f"{pair.label_b} \u00b7 {pair.prompt_b}  \u2212  {pair.label_a} \u00b7 {pair.prompt_a}"


def _turned(pair: PairView) -> PairView:
    """Return the same comparison with A and B swapped if needed, so that the difference is >= 0."""
    if pair.difference is None or pair.difference >= 0:
        return pair
    return PairView(
        prompt_a=pair.prompt_b, label_a=pair.label_b, prompt_b=pair.prompt_a, label_b=pair.label_a,
        inputs=pair.inputs, difference=-pair.difference,
        low=None if pair.high is None else -pair.high, high=None if pair.low is None else -pair.low,
        p=pair.p, p_adjusted=pair.p_adjusted, test=pair.test,
    )  # fmt: skip


def _chosen(every: Sequence[PairView], best: ArmView) -> list[PairView]:
    """Return all pairs if they are few, else those of the best arm, smallest p first."""
    if len(every) <= MOST_PAIRS:
        return list(every)
    name = (best.prompt, best.label)
    with_best = [p for p in every if name in ((p.prompt_a, p.label_a), (p.prompt_b, p.label_b))]
    with_best.sort(key=lambda pair: 1.0 if pair.p_adjusted is None else pair.p_adjusted)
    return with_best[:MOST_PAIRS]


def _left_out(total: int, drawn: int) -> str:
    if total == 1:
        return "Blue: clear (p < 0.05)."
    said = f"Blue: clear after adjusting p for all {total} pairs (p < 0.05)."
    return said if drawn == total else f"{said} {drawn} of {total} pairs: those with the best arm."
