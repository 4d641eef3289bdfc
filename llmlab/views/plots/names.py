"""Write the names of models beside their points on a plot."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.text import Annotation

from llmlab.views.comparison import ArmView
from llmlab.views.plots.axes import Look
from llmlab.views.plots.canvas import Plot
from llmlab.views.plots.labels import Box, place

_NEAR = 16.0
"""Pixels (at 100 an inch) beyond which a name is tied to its point by a line."""


@dataclass(frozen=True, slots=True)
class Point:
    """An arm at its coordinates; spans are (low, high), None where no interval is known."""

    arm: ArmView
    x: float
    y: float
    x_span: tuple[float, float] | None
    y_span: tuple[float, float] | None
    share: float | None = None
    """Of the resamples of the inputs, those in which it is on the frontier."""


def write_names(plot: Plot, axes: Axes, points: Sequence[Point], look: Look) -> None:
    """Write each model's name, and its share, where it covers least."""
    plot.draw_without_rendering()
    renderer = plot.canvas.get_renderer()  # type: ignore[attr-defined]  # Agg's canvas has one
    texts = [_text(axes, point, look) for point in points]
    extents = [text.get_window_extent(renderer) for text in texts]
    at = [_pixels(axes, point) for point in points]
    frame = axes.get_window_extent(renderer)
    boxes = place(
        at,
        [(extent.width + 2, extent.height) for extent in extents],
        _obstacles(axes, at),
        Box(frame.x0, frame.y0, frame.x1, frame.y1),
    )
    for text, box, (x, y) in zip(texts, boxes, at, strict=True):
        text.set_position(((box.left - x) * 72 / plot.dpi, (box.bottom - y) * 72 / plot.dpi))
        text.set_anncoords("offset points")
        _leader(axes, box, (x, y), look)


def _text(axes: Axes, point: Point, look: Look) -> Annotation:
    return axes.annotate(
        _short(point),
        (point.x, point.y),
        xytext=(0, 0),
        textcoords="offset pixels",
        fontsize=8,
        gid="name",
        color=look.theme.ink,
        zorder=5,
        va="bottom",
        ha="left",
    )


def _short(point: Point) -> str:
    """Return the model; that it is simulated is said by the hollow marker and the note."""
    arm = point.arm
    name = f"{arm.label} (local)" if arm.mark == "local" else arm.label
    return name if point.share is None else f"{name} {point.share:.0%}"


def _pixels(axes: Axes, point: Point) -> tuple[float, float]:
    x, y = axes.transData.transform((point.x, point.y))
    return float(x), float(y)


def _leader(axes: Axes, box: Box, point: tuple[float, float], look: Look) -> None:
    near = (min(max(point[0], box.left), box.right), min(max(point[1], box.bottom), box.top))
    if ((near[0] - point[0]) ** 2 + (near[1] - point[1]) ** 2) ** 0.5 < _NEAR:
        return
    ends = axes.transData.inverted().transform([point, near])
    axes.plot(
        ends[:, 0], ends[:, 1], color=look.theme.quiet, linewidth=0.5, zorder=1.2, gid="leader"
    )


def _obstacles(axes: Axes, at: Sequence[tuple[float, float]]) -> list[Box]:
    """Return what a name must not cover: markers, whiskers and the lines across."""
    made = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in at]
    for line in axes.get_lines():
        if line.get_gid() in {"score interval", "cost interval", "chance"}:
            ends = line.get_transform().transform(line.get_xydata())
            made.append(_thin(ends[0], ends[-1]))
        if line.get_gid() == "front":
            steps = line.get_transform().transform(line.get_path().vertices)
            made += [_thin(a, b) for a, b in pairwise(steps)]
    return made


def _thin(a: Sequence[float], b: Sequence[float]) -> Box:
    (x0, x1), (y0, y1) = sorted((a[0], b[0])), sorted((a[1], b[1]))
    return Box(x0 - 1.5, y0 - 1.5, x1 + 1.5, y1 + 1.5)
