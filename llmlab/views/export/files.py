"""Keep a comparison as a file: the suffix says which kind, and nothing is half-written."""

import difflib
import json
import math
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmlab.errors import UsageError
from llmlab.frames.spreadsheet import marked, marked_frame
from llmlab.views.comparison import ComparisonView
from llmlab.views.export.whole_file import write_whole

if TYPE_CHECKING:
    import pandas as pd

_CELL_LIMIT: Final = 32_767
"""Characters that a spreadsheet cell can hold (Excel specifications and limits)."""
_CUT: Final = " [cut: see the csv or parquet]"


def export(shown: ComparisonView, path: Path, *, spreadsheet_safe: bool = True) -> Path:
    """
    Write to *path* what its suffix says and return it; its folder is made if need be.

    csv and parquet hold the rows; json and xlsx rows, summary, pairs and words; md and html the
    report; png, svg and pdf the frontier. A file that is there is replaced whole or not at all.
    *spreadsheet_safe* marks what looks like a formula in a csv: see `frames.spreadsheet`.

    Raises:
        UsageError: unknown suffix, a library is absent, or the disk refuses; one line says which.
    """
    path = Path(path)
    write = _writer(path)
    if write is _csv and not spreadsheet_safe:
        write = _csv_as_is
    return write_whole(path, write(shown))


def _writer(path: Path) -> Callable[[ComparisonView], bytes]:
    suffix = path.suffix.lower().removeprefix(".")
    if suffix in _WRITERS:
        return _WRITERS[suffix]
    near = difflib.get_close_matches(suffix, _WRITERS, n=1, cutoff=0.4)
    hint = f"did you mean .{near[0]}? " if near else ""
    given = f"cannot export to .{suffix}" if suffix else f"{path.name} has no suffix"
    raise UsageError(f"{given}: {hint}There are {', '.join(_WRITERS)}")


def _csv(shown: ComparisonView) -> bytes:
    return _csv_text(marked_frame(shown.rows))


def _csv_as_is(shown: ComparisonView) -> bytes:
    return _csv_text(shown.rows)


def _csv_text(rows: "pd.DataFrame") -> bytes:
    return rows.to_csv(index=False, lineterminator="\n").encode()


def _parquet(shown: ComparisonView) -> bytes:
    _require("parquet", "pyarrow")
    made = BytesIO()
    # With checksums, so that a flipped bit is found when it is read and not another number.
    shown.rows.to_parquet(made, index=False, engine="pyarrow", write_page_checksum=True)
    return made.getvalue()


def _json(shown: ComparisonView) -> bytes:
    frames = {"summary": shown.summary, "pairs": shown.pairs, "rows": shown.rows}
    document: dict[str, object] = dict(_words(shown))
    document["notes"], document["chance"] = list(shown.notes), shown.chance
    document["level"] = shown.level
    document |= {name: _records(frame) for name, frame in frames.items()}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def _xlsx(shown: ComparisonView) -> bytes:
    import pandas as pd

    _require("xlsx", "openpyxl")
    made = BytesIO()
    about = pd.DataFrame(
        [*_words(shown), *(("note", note) for note in shown.notes)], columns=["what", "text"]
    )
    frames = {"summary": shown.summary, "pairs": shown.pairs, "rows": shown.rows, "about": about}
    with pd.ExcelWriter(made, engine="openpyxl") as book:
        for name, frame in frames.items():
            _cells(frame).to_excel(book, sheet_name=name, index=False)
            _as_text(book.sheets[name])
    return made.getvalue()


def _md(shown: ComparisonView) -> bytes:
    from llmlab.views.export.markdown import markdown

    return markdown(shown).encode()


def _html(shown: ComparisonView) -> bytes:
    from llmlab.views.export.report import report_html

    return report_html(shown).encode()


def _picture(kind: str) -> Callable[[ComparisonView], bytes]:
    def draw(shown: ComparisonView) -> bytes:
        from llmlab.views.plots import frontier

        return frontier(shown).picture(kind)

    return draw


_WRITERS: Final[dict[str, Callable[[ComparisonView], bytes]]] = {
    "csv": _csv, "parquet": _parquet, "xlsx": _xlsx, "json": _json, "md": _md, "html": _html,
    "png": _picture("png"), "svg": _picture("svg"), "pdf": _picture("pdf"),
}  # fmt: skip


def _words(shown: ComparisonView) -> list[tuple[str, str]]:
    names = ("name", "title", "verdict", "basis", "score_name")
    return [(name, getattr(shown, name)) for name in names]


def _records(frame: "pd.DataFrame") -> list[dict[str, object]]:
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _plain(value: Any) -> object:
    """Return a value that JSON has; unknown is null."""
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, bool, int, list, dict)) else str(value)


def _cells(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Make a frame fit for a spreadsheet: no zones, no control characters, no endless cells."""
    import pandas as pd

    made = frame.copy()
    for name in made.columns:
        if isinstance(made[name].dtype, pd.DatetimeTZDtype):
            made[name] = made[name].dt.tz_convert("UTC").dt.tz_localize(None)
        elif not pd.api.types.is_numeric_dtype(made[name].dtype):
            made[name] = made[name].astype("object").map(_cell)
    return made


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = "".join(char if char >= " " or char in "\t\n\r" else "\ufffd" for char in value)
    return text if len(text) <= _CELL_LIMIT else text[: _CELL_LIMIT - len(_CUT)] + _CUT


def _as_text(sheet: Any) -> None:
    """Keep an answer that begins with `=` a text, even where somebody edits its cell."""
    for row in sheet.iter_rows():
        for cell in row:
            if cell.data_type == "f":
                cell.data_type = "s"
            if isinstance(cell.value, str) and marked(cell.value) != cell.value:
                cell.quotePrefix = True


def _require(kind: str, library: str) -> None:
    try:
        import_module(library)
    except ImportError:
        raise UsageError(f"{kind} needs {library}: pip install 'llmlab[export]'") from None
