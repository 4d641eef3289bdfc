"""A titled table of words and figures, for a cell and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmlab.views.html import markup
from llmlab.views.table import text_table
from llmlab.views.text import form

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Rows of finished words under headings; a heading that ends in a colon is a line's name."""

    title: str
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    right: frozenset[str] = frozenset()
    """Headings whose columns are figures."""
    notes: tuple[str, ...] = ()
    empty: str = "nothing yet"

    def _repr_html_(self) -> str:
        sides = ["r" if head in self.right else "" for head in self.heads]
        rows = (
            [markup.cell(text, side) for text, side in zip(row, sides, strict=True)]
            for row in self.rows
        )
        table = markup.table(list(zip(self.heads, sides, strict=True)), rows)
        return markup.block(
            markup.line(self.title, "ll-title"),
            table if self.rows else markup.line(self.empty, "ll-quiet"),
            markup.lines(self.notes, "ll-quiet"),
        )

    def __repr__(self) -> str:
        if not self.rows:
            return "\n".join([f"{self.title}: {self.empty}", *self.notes])
        sides = ["r" if head in self.right else "" for head in self.heads]
        stacks = [[head, *(row[at] for row in self.rows)] for at, head in enumerate(self.heads)]
        return "\n".join([self.title, *text_table(stacks, sides), *self.notes])


def listing_of(
    frame: "pd.DataFrame", title: str, *, notes: Sequence[str] = (), empty: str = "nothing yet"
) -> Listing:
    """Return a frame as a listing: numbers right-aligned, unknown values as a dash."""
    import pandas as pd

    columns = [str(name) for name in frame.columns]
    figures = [
        name
        for name, kind in zip(columns, frame.dtypes, strict=True)
        if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    ]
    rows = [
        tuple(_said(name, value) for name, value in zip(columns, row, strict=True))
        for row in frame.itertuples(index=False)
    ]
    return Listing(
        title=title,
        heads=tuple(_head(name) for name in columns),
        rows=tuple(rows),
        right=frozenset(_head(name) for name in figures),
        notes=tuple(notes),
        empty=empty,
    )


def _head(name: str) -> str:
    return name.removesuffix("_usd").removesuffix("_s").replace("_", " ")


def _said(name: str, value: Any) -> str:
    import pandas as pd

    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return NONE
    if name.endswith("_usd"):
        return form.money(float(value), 3)
    if name.endswith("_s"):
        return form.seconds(float(value))
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, int | float):
        return form.count(value, ",") if float(value).is_integer() else f"{value:g}"
    return str(value)


NONE = "\u2013"
"""What is not known, or does not apply."""
