"""Export a comparison to a file; the suffix decides the format, and the write is atomic."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from llmlab.errors import UsageError, suggest
from llmlab.frames.spreadsheet import marked_frame
from llmlab.views.comparison import SENTENCES, ComparisonView, pair_note
from llmlab.views.export.whole_file import write_whole
from llmlab.views.tested import days, samples

if TYPE_CHECKING:
    import pandas as pd


def export(shown: ComparisonView, path: Path, *, spreadsheet_safe: bool = True) -> Path:
    """
    Write to *path* what its suffix says and return it; its folder is made if need be.

    csv and parquet hold the rows; json and xlsx rows, summary, pairs, words and what was tested;
    md and html the report; png, svg and pdf the frontier. A file that is there is replaced whole
    or not at all.
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
    given = f"cannot export to .{suffix}" if suffix else f"{path.name} has no suffix"
    raise UsageError(f"{given}; {suggest(f'.{suffix}', [f'.{each}' for each in _WRITERS])}")


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
    document: dict[str, object] = {name: getattr(shown, name) for name in SENTENCES}
    document["notes"], document["chance"] = list(shown.notes), shown.chance
    document["level"] = shown.level
    document["pairs_note"] = pair_note(shown)
    document["asked"] = days(shown.rows)
    document["tested"] = msgspec.to_builtins(shown.tested)
    document["samples"] = [asdict(each) for each in samples(shown)]
    document |= {name: _records(frame) for name, frame in frames.items()}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def _xlsx(shown: ComparisonView) -> bytes:
    from llmlab.views.workbook import xlsx

    _require("xlsx", "openpyxl")
    return xlsx(shown)


def _md(shown: ComparisonView) -> bytes:
    from llmlab.views.export.markdown import markdown

    return markdown(shown).encode()


def _html(shown: ComparisonView) -> bytes:
    from llmlab.views.export.report import report_html

    return report_html(shown).encode()


def _picture(kind: str) -> Callable[[ComparisonView], bytes]:
    def draw(shown: ComparisonView) -> bytes:
        from llmlab.views.plots.frontier import frontier

        return frontier(shown).picture(kind)

    return draw


_WRITERS: Final[dict[str, Callable[[ComparisonView], bytes]]] = {
    "csv": _csv, "parquet": _parquet, "xlsx": _xlsx, "json": _json, "md": _md, "html": _html,
    "png": _picture("png"), "svg": _picture("svg"), "pdf": _picture("pdf"),
}  # fmt: skip


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


def _require(kind: str, library: str) -> None:
    try:
        import_module(library)
    except ImportError:
        raise UsageError(f"{kind} needs {library}: pip install 'llmlab[export]'") from None
