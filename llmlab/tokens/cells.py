"""How a DataFrame's values are written in a prompt: CSV, few digits, nothing for a gap."""

from typing import TYPE_CHECKING

from llmlab.templates.written import number

__all__ = ["cell", "lines", "number"]

if TYPE_CHECKING:
    import pandas as pd


def lines(frame: "pd.DataFrame", digits: int) -> tuple[str, ...]:
    """Write the rows as CSV lines; columns are formatted whole, which is what makes it fast."""
    # By place: two columns may have one name.
    values = (frame.iloc[:, at].tolist() for at in range(frame.shape[1]))
    columns = [[cell(each, digits) for each in column] for column in values]
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
