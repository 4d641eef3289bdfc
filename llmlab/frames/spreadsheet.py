"""
Escape text that a spreadsheet would take for a formula (CSV injection), and undo it.

What a model says may come from whoever wrote its input, and a spreadsheet that opens a CSV runs
a cell that begins with `=`. An apostrophe before it is what every spreadsheet reads as "text".
`marked` and `plain` undo each other for every text there is.
"""

import operator
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

_FIRST: Final = r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_INNER: Final = r"(?<=[;\t\r\n])( *)"
"""
Where a cell begins for a spreadsheet whose separator is another one: after `;`, a tab or a line.
"""
_CALL: Final = r"""(?:[=@\uff1d\uff20]|[+\-\uff0b\uff0d]+[A-Za-z=@("'])"""
"""There, `- item` and `;-5` are ordinary words; a formula that does something looks like this."""

_MARK: Final = re.compile(rf"^('*)(?={_FIRST})")
_UNMARK: Final = re.compile(rf"^'('*)(?={_FIRST})")
_MARK_INNER: Final = re.compile(rf"{_INNER}('*)(?={_CALL})")
_UNMARK_INNER: Final = re.compile(rf"{_INNER}'('*)(?={_CALL})")
_NUMBER: Final = re.compile(r"[+-](?:\d[\d.,]*|\.\d+)(?:[eE][+-]?\d+)?\s?%?")
"""A signed number is a number to a spreadsheet, too: it keeps its sign and gets no mark."""


_SEEN: Final = re.compile(rf"'*{_FIRST}|[\s\S]*?[;\t\r\n]")
"""Nearly all texts are single words or ids, in which there is nothing to look for."""


def marked(text: str) -> str:
    """Return *text* with an apostrophe wherever a spreadsheet would begin a formula."""
    if not _SEEN.match(text):
        return text
    inner = _MARK_INNER.sub(r"\1'\2", text)
    return text if _NUMBER.fullmatch(text) else _MARK.sub(r"'\1", inner)


def plain(text: str) -> str:
    """Return what `marked` was given."""
    if "'" not in text:
        return text
    return _UNMARK_INNER.sub(r"\1\2", _UNMARK.sub(r"\1", text))


def marked_frame(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return *frame* with its columns of text marked; numbers and times are left alone."""
    return _mapped(frame, marked)


def plain_frame(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the frame that `marked_frame` was given, once it was written and read."""
    return _mapped(frame, plain)


def _mapped(frame: "pd.DataFrame", change: Any) -> "pd.DataFrame":
    made = frame.copy(deep=False)
    for at, name in enumerate(frame.columns):
        column = _changed(frame.iloc[:, at], change)
        if column is not None:
            made[name] = column
    return made


def _changed(column: Any, change: Any) -> Any:
    """Return a column of text with each text changed; None where there is nothing to change."""
    import pandas as pd

    def each(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.rename_categories([each(value) for value in column.cat.categories])
    if not (pd.api.types.is_string_dtype(column.dtype) or column.dtype == "object"):
        return None
    values = column.to_numpy(dtype=object, na_value=None)
    made = [each(value) for value in values]
    if all(map(operator.is_, made, values)):
        return None
    return pd.Series(made, index=column.index, dtype=column.dtype, name=column.name)
