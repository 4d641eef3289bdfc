"""Small pictures inside a table cell, in plain CSS."""

import math

from llmlab.views.comparison import ArmView, ComparisonView, arms, known

_STEP = 0.1
_HAIR = 1e-9
"""Tolerance of rounding, so that 0.3 / 0.1 counts as 3."""


def scale_of(shown: ComparisonView) -> tuple[float, float]:
    """Return one scale for all arms: their range, chance included, rounded out to tenths."""
    listed = arms(shown)
    values = known([*(arm.score for arm in listed), *(arm.score_low for arm in listed)])
    values += known([*(arm.score_high for arm in listed), shown.chance])
    low, high = min(values, default=0.0), max(values, default=1.0)
    step = _STEP if high - low <= 1 else (high - low) / 10
    low, high = math.floor(low / step + _HAIR) * step, math.ceil(high / step - _HAIR) * step
    low, high = round(low, 9), round(high, 9)
    return (low, high) if high > low else (low, low + step)


def interval_bar(arm: ArmView, low: float, high: float, chance: float | None = None) -> str:
    """Return score and interval on a line from `low` to `high`; hollow where simulated."""
    if arm.score is None:
        return ""

    def at(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - low) / (high - low)))

    parts = []
    if chance is not None:
        parts.append(f'<i class="chance" style="left:{at(chance):.1f}%"></i>')
    if arm.score_low is not None and arm.score_high is not None:
        left, right = at(arm.score_low), at(arm.score_high)
        parts.append(f'<i class="span" style="left:{left:.1f}%;width:{right - left:.1f}%"></i>')
    dot = "dot hollow" if arm.simulated else "dot"
    parts.append(f'<i class="{dot}" style="left:{at(arm.score):.1f}%"></i>')
    return f'<span class="ll-bar">{"".join(parts)}</span>'


def done_bar(done: float, failed: float, total: float) -> str:
    """Return how much is done, failures in their own colour."""
    whole = max(total, done, 1)
    good, bad = 100 * (done - failed) / whole, 100 * failed / whole
    return (
        f'<span class="ll-done"><i style="width:{good:.1f}%"></i>'
        f'<i class="bad" style="width:{bad:.1f}%"></i></span>'
    )
