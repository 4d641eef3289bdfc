"""Rows that were exported, read back with the dtypes that they had."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmlab.checks.files import NotText, require_file, text_of
from llmlab.errors import UsageError
from llmlab.frames import kinds
from llmlab.frames.columns import COLUMNS
from llmlab.frames.spreadsheet import plain_frame

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_DTYPES: Final = {column.name: column.dtype for column in COLUMNS}
_NEEDED: Final = ("input_id", "status")
_STATES: Final = frozenset({"ok", "error"})
_SUFFIXES: Final = (".csv", ".parquet")


def read_rows(path: str | Path, *, spreadsheet_safe: bool = True) -> "pd.DataFrame":
    """
    Read what `run.export("rows.csv")` or `.parquet` wrote; the frame comes out as it was.

    Columns that llmlab does not know are left as the file has them.

    Args:
        path: The file.
        spreadsheet_safe: How a csv was exported: whether an apostrophe before what looks like a
            formula is the mark that `export` put there, and is taken away.

    Raises:
        UsageError: The file is not there, is damaged, is neither csv nor parquet, lacks the
            columns, or holds a value that a column cannot have; one line says where.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise UsageError(f"rows are read from .csv or .parquet, not {suffix or 'no suffix'}")
    require_file(path, "rows")
    frame = _csv(path) if suffix == ".csv" else _parquet(path)
    if suffix == ".csv" and spreadsheet_safe:
        frame = plain_frame(frame)
    for name in frame.columns.intersection(list(_DTYPES)):
        frame[name] = _made(frame[name], _DTYPES[name], path)
    _check_states(frame, path)
    if "text" in frame.columns and suffix == ".csv":
        # CSV cannot tell an empty answer from none; a call that succeeded has one.
        frame.loc[(frame["status"] == "ok") & frame["text"].isna(), "text"] = ""
    return frame


def _made(column: Any, dtype: str, path: Path) -> Any:
    try:
        return kinds.made(column, dtype)
    except UsageError as error:
        raise UsageError(f"{path.name}: {error}") from None


def _check_states(frame: "pd.DataFrame", path: Path) -> None:
    wrong = ~frame["status"].isin(_STATES)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        value = str(frame["status"].iloc[row])[:40]
        raise UsageError(f"{path.name}: column 'status', row {row + 1}: {value!r}; "
                         "it must be ok or error")  # fmt: skip


def _check_names(names: list[str], path: Path) -> None:
    """See that each column is there once: of two, nobody knows which was meant."""
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise UsageError(
            f"{path.name} has no rows of a run: input_id and status are not in it, "
            "or it is not separated by commas"
        )
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise UsageError(f"{path.name}: the column {twice[0][:40]!r} is in it twice; drop one")


def _csv(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        names, end = _header(path)
        _check_names(names, path)
        # An answer may be the word NA: only an empty field is a missing one.
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path, encoding="utf-8-sig", dtype=_texts(names), keep_default_na=False,
                na_values=[""], lineterminator=end, index_col=False, low_memory=False,
            )  # fmt: skip
    except UnicodeDecodeError:
        raise UsageError(_not_text(path)) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning) as error:
        raise UsageError(f"{path.name} is not CSV as llmlab writes it: {_line(error)}") from None


def _header(path: Path) -> tuple[list[str], str | None]:
    r"""
    Return the names of the columns, and what ends a line.

    llmlab ends lines with `\n` and leaves a lone `\r` inside an answer alone; a spreadsheet that
    saved the file again ends them with `\r\n`.
    """
    import pandas as pd

    with path.open("rb") as file:
        first = file.readline(1 << 20)
    end = None if first.endswith(b"\r\n") else "\n"
    head = pd.read_csv(path, encoding="utf-8-sig", header=None, nrows=1, dtype="str",
                       keep_default_na=False, lineterminator=end)  # fmt: skip
    return [str(name) for name in head.iloc[0]], end


def _texts(names: list[str]) -> Any:
    """Read as text all but numbers, so that an id of 007 keeps its noughts."""
    numbers = ("Int64", "int64", "float64")
    return {name: "string" for name in names if _DTYPES.get(name, "int64") not in numbers}


def _not_text(path: Path) -> str:
    try:
        text_of(path.read_bytes())
    except NotText as error:
        return f"{path.name}, line {error.line}: {error}; save it as UTF-8"
    return f"{path.name}: not UTF-8; save it as UTF-8"


def _parquet(path: Path) -> "pd.DataFrame":
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError("parquet needs pyarrow: pip install llmlab[export]") from error
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _check_names(file.schema_arrow.names, path)
            table = file.read()
            _check_notes(table.schema, path)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path.name} is damaged, or is not parquet: {_line(error)}") from None
    return _frame(table, path)


def _check_notes(schema: "pa.Schema", path: Path) -> None:
    """
    Hold the names of the columns against those that pandas noted beside them.

    A file's footer has no checksum, as its pages have: one changed bit renames a column unseen.
    """
    try:
        columns = (schema.pandas_metadata or {}).get("columns") or ()
        noted = [name for each in columns for name in (each.get("field_name"), each.get("name"))]
    except _OF_PANDAS_NOTES as error:
        raise UsageError(f"{path.name} is damaged: pandas' notes: {_line(error)}") from None
    if noted and noted != [name for each in schema.names for name in (each, each)]:
        raise UsageError(f"{path.name} is damaged: its columns are not those that pandas noted")


def _frame(table: "pa.Table", path: Path) -> "pd.DataFrame":
    """Make a frame; the notes that pandas left in the file may be damaged on their own."""
    import pyarrow as pa

    try:
        frame: pd.DataFrame = table.to_pandas()
    except (pa.ArrowException, NotImplementedError, *_OF_PANDAS_NOTES) as error:
        raise UsageError(f"{path.name} cannot be made a DataFrame: {_line(error)}") from None
    lost = [name for name in _NEEDED if name not in frame.columns]
    return frame.reset_index() if lost else frame


_OF_PANDAS_NOTES: Final = (ValueError, TypeError, LookupError, AttributeError)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
