"""A comparison as an xlsx workbook: one sheet per table, frozen headings, number formats."""

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from llmlab.frames.spreadsheet import marked
from llmlab.views.comparison import SENTENCES, ComparisonView, pair_note
from llmlab.views.tested import PromptWords, facts, samples

if TYPE_CHECKING:
    import pandas as pd

_CELL_LIMIT: Final = 32_767
"""Characters that a spreadsheet cell can hold (Excel specifications and limits)."""
_CUT: Final = " [cut: see the csv or parquet]"
_WIDEST: Final = 60
"""Characters of a column; longer texts are wrapped."""
_LOOKED_AT: Final = 200
"""Rows by which the width of a column is chosen."""
_UTC: Final = " (UTC)"

_FORMATS: Final = (
    ("_usd", "$#,##0.000000"),
    ("_s", "0.000"),
    ("tokens", "#,##0"),
    ("p", "0.0000"),
    ("p_adjusted", "0.0000"),
    ("p_chance", "0.0000"),
    ("p_chance_adjusted", "0.0000"),
)
"""By how a column's name ends, or is."""


def xlsx(shown: ComparisonView) -> bytes:
    """Return the workbook: summary, pairs, rows, prompts, samples and notes."""
    import pandas as pd

    made = BytesIO()
    with pd.ExcelWriter(made, engine="openpyxl") as book:
        for name, frame in _sheets(shown).items():
            fit = _cells(frame)
            fit.to_excel(book, sheet_name=name, index=False)
            _dress(book.sheets[name], fit)
    return made.getvalue()


def _sheets(shown: ComparisonView) -> "dict[str, pd.DataFrame]":
    import pandas as pd

    words = [(name, getattr(shown, name)) for name in SENTENCES]
    words += [("note", note) for note in (*shown.notes, pair_note(shown)) if note]
    words += facts(shown)
    frames = {"summary": shown.summary, "pairs": shown.pairs, "rows": shown.rows}
    if shown.tested is not None:
        prompts = [(p.name, p.version, p.system, _turns(p), p.user) for p in shown.tested.prompts]
        columns = ["prompt", "version", "system", "turns", "user"]
        frames["prompts"] = pd.DataFrame(prompts, columns=columns)
    said = [
        (each.name, each.words, each.target, reply.arm, reply.text, reply.score)
        for each in samples(shown)
        for reply in each.replies
    ]
    if said:
        columns = ["input", "words", "target", "arm", "answer", "score"]
        frames["samples"] = pd.DataFrame(said, columns=columns)
    return {**frames, "about": pd.DataFrame(words, columns=["what", "text"])}


def _turns(prompt: PromptWords) -> str:
    """Return the earlier messages of a prompt, marked as a file has them."""
    return "\n".join(f"[{turn.role}]\n{turn.text}" for turn in prompt.turns)


def _cells(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Make a frame fit for a spreadsheet: no time zones, control characters or oversized cells."""
    import pandas as pd

    made = frame.copy()
    renamed = {}
    for name in made.columns:
        if isinstance(made[name].dtype, pd.DatetimeTZDtype):
            made[name] = made[name].dt.tz_convert("UTC").dt.tz_localize(None)
            renamed[name] = f"{name}{_UTC}"
        elif not pd.api.types.is_numeric_dtype(made[name].dtype):
            made[name] = made[name].astype("object").map(_cell)
    return made.rename(columns=renamed)


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = "".join(char if char >= " " or char in "\t\n\r" else "\ufffd" for char in value)
    return text if len(text) <= _CELL_LIMIT else text[: _CELL_LIMIT - len(_CUT)] + _CUT


def _dress(sheet: Any, frame: "pd.DataFrame") -> None:
    """Freeze the headings, and set column widths and number formats."""
    from openpyxl.styles import Alignment
    from openpyxl.utils import get_column_letter

    wrapped = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    for at, name in enumerate(frame.columns, start=1):
        cells = next(sheet.iter_cols(min_col=at, max_col=at, min_row=2), ())
        shown = _format_of(str(name), frame.iloc[:, at - 1])
        for cell in cells:
            _one(cell, shown, wrapped)
        seen = [len(str(name)), *(_length(cell.value, shown) for cell in cells[:_LOOKED_AT])]
        sheet.column_dimensions[get_column_letter(at)].width = min(max(seen) + 2, _WIDEST)


def _one(cell: Any, shown: str, wrapped: Any) -> None:
    """Give a cell its format; a gap is an empty cell, and no answer is a formula."""
    if cell.value == "":
        cell.value = None
    if cell.data_type == "f":  # such as an answer that begins with `=`
        cell.data_type = "s"
    if isinstance(cell.value, str):
        # A text even where somebody edits its cell.
        cell.quotePrefix = marked(cell.value) != cell.value
        if len(cell.value) > _WIDEST or "\n" in cell.value:
            cell.alignment = wrapped
    elif shown:
        cell.number_format = shown


def _format_of(name: str, column: "pd.Series[Any]") -> str:
    """Return how a column's numbers are shown; nothing for words."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "yyyy-mm-dd hh:mm:ss"
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return ""
    named = next((form for end, form in _FORMATS if name == end or _ends(name, end)), "")
    if named:
        return named
    return "#,##0" if pd.api.types.is_integer_dtype(column.dtype) else "0.000"


def _ends(name: str, end: str) -> bool:
    return (end.startswith("_") or end == "tokens") and name.endswith(end)


def _length(value: Any, shown: str) -> int:
    """Return the letters that a cell needs, roughly."""
    if value is None:
        return 0
    if shown.startswith("yyyy"):
        return len(shown)
    if isinstance(value, float):
        return len(f"{value:,.6f}" if "$" in shown else f"{value:,.3f}")
    return max(map(len, str(value).splitlines()), default=0)
