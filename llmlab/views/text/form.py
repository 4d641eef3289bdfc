"""Numbers as a person reads them; what is not known says so and is never a zero."""

import math
from typing import TypeGuard

UNKNOWN = "unknown"
THIN = "\u202f"
"""Narrow no-break space, the thousands separator of tables and plots."""
FIGURE_SPACE = "\u2007"
PUNCTUATION_SPACE = "\u2008"

_MINUTE = 60.0
_HOUR = 3600.0
_KILO = 1000.0


def count(value: float | None, separator: str = THIN) -> str:
    """Return a whole number with thin separators: `12 345`."""
    if not _is_number(value):
        return UNKNOWN
    return f"{round(value):,}".replace(",", separator)


def money(value: float | None, digits: int = 2, separator: str = THIN) -> str:
    """Return dollars with two decimals, or as many as show `digits` digits that matter."""
    if not _is_number(value):
        return UNKNOWN
    if value == 0:
        return "$0"
    least = digits - 1 - math.floor(math.log10(abs(value)))
    if least > 9:  # noqa: PLR2004 - a nano-dollar is below any price
        return "<$0.000000001"
    sign = "-" if value < 0 else ""
    return f"{sign}${abs(value):,.{max(2, least)}f}".replace(",", separator)


def seconds(value: float | None) -> str:
    """Return a duration as `45 ms`, `1.23 s`, `12.3 s`, `2 min 05 s` or `1 h 04 min`."""
    if not _is_number(value):
        return UNKNOWN
    if value < 0.9995:  # noqa: PLR2004 - what would round up to 1000 ms
        return f"{value * _KILO:.0f} ms"
    if value < 9.995:  # noqa: PLR2004 - three digits either side of ten
        return f"{value:.2f} s"
    if value < 99.95:  # noqa: PLR2004
        return f"{value:.1f} s"
    return clock(value)


def clock(value: float | None) -> str:
    """Return a duration to the second: `8 s`, `2 min 05 s`, `1 h 04 min`."""
    if not _is_number(value):
        return UNKNOWN
    whole = round(value)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def score(value: float | None) -> str:
    """Return a score: three decimals, fewer for large ones."""
    if not _is_number(value):
        return UNKNOWN
    return f"{value:.{_decimals(value)}f}"


def difference(value: float | None) -> str:
    """Return a difference with its sign: `+0.042`."""
    if not _is_number(value):
        return UNKNOWN
    return f"{value:+.{_decimals(value)}f}".replace("-", "\u2212")


def interval(low: float | None, high: float | None, *, signed: bool = False) -> str:
    """Return `[0.812, 0.934]`, or nothing when there is none."""
    if not (_is_number(low) and _is_number(high)):
        return ""
    show = difference if signed else score
    return f"[{show(low)}, {show(high)}]"


def probability(value: float | None) -> str:
    """Return a p-value: `0.032`, `<0.001`."""
    if not _is_number(value):
        return UNKNOWN
    return "<0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004 - the usual floor


def aligned(texts: list[str]) -> list[str]:
    """Pad numbers on the right so that their points stand under each other when flush right."""
    places = [_places(text) for text in texts]
    widest = max(places, default=0)
    return [
        text if place < 0 else text + _padding(place, widest)
        for text, place in zip(texts, places, strict=True)
    ]


def size(value: float) -> str:
    """Return a number of bytes as a person says it: `812 bytes`, `3.4 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if value < _KILO:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= _KILO
    return f"{value:.1f} GB"


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _decimals(value: float) -> int:
    return 3 if abs(value) < 100 else 1  # noqa: PLR2004 - five digits are enough for an eye


def _places(text: str) -> int:
    if not text[-1:].isdigit():
        return -1
    return len(text.rpartition(".")[2]) if "." in text else 0


def _padding(places: int, widest: int) -> str:
    point = PUNCTUATION_SPACE if places == 0 < widest else ""
    return point + FIGURE_SPACE * (widest - places)
