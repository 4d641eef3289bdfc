"""How a DataFrame's values are written in a prompt: CSV, few digits, nothing for a gap."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def lines(frame: "pd.DataFrame", digits: int) -> tuple[str, ...]:
    """Write the rows as CSV lines; columns are formatted whole, which is what makes it fast."""
    columns = [[cell(each, digits) for each in frame[name].tolist()] for name in frame.columns]
    return tuple(f"{','.join(cells)}\n" for cells in zip(*columns, strict=True))


def cell(value: object, digits: int) -> str:
    """Write one value: dates without midnight, gaps as nothing, quotes where CSV needs them."""
    if isinstance(value, float):
        return number(value, digits)
    text = str(value)
    text = text.removesuffix(" 00:00:00") if ":" in text else text
    if text in {"NaT", "None", "<NA>"}:
        return ""
    if not any(mark in text for mark in ',"\r\n'):
        return text
    line = " ".join(text.split()).replace('"', '""')
    return f'"{line}"'


def number(value: float, digits: int) -> str:
    """Write a number with so many significant digits, whole numbers whole, NaN as nothing."""
    if math.isnan(value):
        return ""
    if value == round(value, 0) and abs(value) < 1e15:  # noqa: PLR2004 - beyond, a float has no units
        return str(int(value))
    return f"{value:.{digits}g}" if 1e-4 <= abs(value) < 10**digits else f"{value:.6g}"  # noqa: PLR2004 - shorter than an exponent
