"""Place labels beside points so that they cover neither points, nor lines, nor each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: "Box") -> float:
        """Return the area that both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.bottom, other.bottom)
        return wide * high if wide > 0 and high > 0 else 0.0

    def outside(self, frame: "Box") -> float:
        """Return the area that is not within *frame*."""
        area = (self.right - self.left) * (self.top - self.bottom)
        return area - self.overlap(frame)


_ANGLES = (20, 340, 160, 200, 90, 270, 45, 315, 135, 225, 0, 180)
_REACH = (9.0, 14.0, 21.0, 30.0, 42.0, 56.0)
_SWEEPS = 4
_PER_PIXEL = 1.6
"""What a pixel of distance costs, in pixels squared of overlap."""


def place(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    obstacles: Sequence[Box],
    frame: Box,
    *,
    scale: float = 1.0,
) -> list[Box]:
    """
    Return a box of the given size for each point: near it, in the frame, covering least.

    Greedy with a few sweeps: each label takes the cheapest of some places around its point while
    the others stay (after Christensen, Marks & Shieber 1995, "An empirical study of algorithms
    for point-feature label placement"). Same input, same result. *scale* is pixels a point.
    """
    choices = [_around(point, size, scale) for point, size in zip(points, sizes, strict=True)]
    fixed = [
        [box_cost + _covered(box, obstacles, frame) for box, box_cost in options]
        for options in choices
    ]
    chosen = [options[0][0] for options in choices]
    for _ in range(_SWEEPS):
        for at, options in enumerate(choices):
            others = chosen[:at] + chosen[at + 1 :]
            costs = [
                cost + 4 * sum(box.overlap(other) for other in others)
                for (box, _), cost in zip(options, fixed[at], strict=True)
            ]
            chosen[at] = options[costs.index(min(costs))][0]
    return chosen


def _around(
    point: tuple[float, float], size: tuple[float, float], scale: float
) -> list[tuple[Box, float]]:
    made = []
    for reach in _REACH:
        for rank, angle in enumerate(_ANGLES):
            x = point[0] + reach * scale * math.cos(math.radians(angle))
            y = point[1] + reach * scale * math.sin(math.radians(angle))
            left = x - size[0] * (1 - math.cos(math.radians(angle))) / 2
            bottom = y - size[1] * (1 - math.sin(math.radians(angle))) / 2
            box = Box(left, bottom, left + size[0], bottom + size[1])
            made.append((box, _PER_PIXEL * reach * scale + rank))
    return made


def _covered(box: Box, obstacles: Sequence[Box], frame: Box) -> float:
    return 3 * sum(box.overlap(other) for other in obstacles) + 20 * box.outside(frame)
