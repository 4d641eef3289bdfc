"""Plot of a packed prompt: tokens by block, and the share of each block that was kept."""

from typing import TYPE_CHECKING

from llmlab.views.plots.style import OKABE_ITO, THEMES, Theme, by_name, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llmlab.tokens import Packed


def budget_figure(packed: "Packed", *, theme: str = "light") -> "Figure":
    """
    Draw packed blocks: above, tokens by block; below, the share of each block that is shown.

    Args:
        packed: What a `Packer` returned.
        theme: `light` or `dark`.
    """
    from matplotlib.figure import Figure

    look = THEMES[theme]
    with styled(look):
        tall = 1.5 + 0.42 * max(len(packed.shares), 1)
        figure = Figure(figsize=(7.2, tall), layout="constrained")
        above, below = figure.subplots(
            2, 1, height_ratios=[1, max(len(packed.shares), 1)], squeeze=True
        )
        colours = by_name([share.name for share in packed.shares], OKABE_ITO)
        _room(above, packed, colours, look)
        _blocks(below, packed, colours, look)
    return figure


def _room(axes: "Axes", packed: "Packed", colours: dict[str, str], look: Theme) -> None:
    left = 0
    for share in packed.shares:
        axes.barh(0, share.given, left=left, color=colours[share.name], height=0.6)
        left += share.given
    axes.barh(0, packed.room - left, left=left, color=look.grid, height=0.6)
    axes.set_xlim(0, max(packed.room, 1))
    axes.set_yticks([0], ["room"])
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_title(
        f"{packed.used:,} of {packed.room:,} tokens used ({packed.model})", loc="left", fontsize=9
    )
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _blocks(axes: "Axes", packed: "Packed", colours: dict[str, str], look: Theme) -> None:
    for at, share in enumerate(packed.shares):
        part = min(share.given / share.wanted, 1.0) if share.wanted else 0.0
        axes.barh(at, 1.0, color=look.grid, height=0.5)
        axes.barh(at, part, color=colours[share.name], height=0.5)
        said = f"{share.given:,} of {share.wanted:,}: {share.fate}"
        axes.annotate(
            said, (0.0, at), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=8, color=look.ink,
            bbox={"boxstyle": "round,pad=0.15", "fc": look.paper, "ec": "none", "alpha": 0.8},
        )  # fmt: skip
    names = [f"{s.name} ({'must' if s.rule.must else s.rule.priority})" for s in packed.shares]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("tokens given, of those wanted")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
