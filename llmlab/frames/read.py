"""Rows that were exported, read back with the dtypes that they had."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmlab.errors import UsageError
from llmlab.frames.columns import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

_DTYPES: Final = {column.name: column.dtype for column in COLUMNS}


def read_rows(path: str | Path) -> "pd.DataFrame":
    """
    Read what `run.export("rows.csv")` or `.parquet` wrote; the frame comes out as it was.

    Columns that llmlab does not know are left as the file has them.

    Raises:
        UsageError: The file is not there, or is neither csv nor parquet, or lacks the columns.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path} is not there")
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise UsageError(f"rows are read from .csv or .parquet, not {suffix or 'no suffix'}")
    frame = _csv(path) if suffix == ".csv" else _parquet(path)
    if "input_id" not in frame.columns or "status" not in frame.columns:
        raise UsageError(f"{path.name} has no rows of a run: input_id and status are not in it")
    for name in frame.columns.intersection(list(_DTYPES)):
        frame[name] = _typed(frame[name], _DTYPES[name])
    return frame


def _csv(path: Path) -> "pd.DataFrame":
    import pandas as pd

    texts: Any = {
        name: "string" for name, dtype in _DTYPES.items() if dtype in ("string", "category")
    }
    # An answer may be the word NA: only an empty field is a missing one.
    frame = pd.read_csv(
        path, dtype=texts, keep_default_na=False, na_values=[""], lineterminator="\n"
    )
    if "text" in frame.columns:
        # CSV cannot tell an empty answer from none; a call that succeeded has one.
        frame.loc[(frame["status"] == "ok") & frame["text"].isna(), "text"] = ""
    return frame


def _parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_parquet(path, engine="pyarrow")
    except ImportError as error:
        raise UsageError("parquet needs pyarrow: pip install llmlab[export]") from error


def _typed(column: Any, dtype: str) -> Any:
    import pandas as pd

    if dtype == "category":
        names = column.astype("str").where(column.notna())
        seen = sorted(names.dropna().unique())
        return pd.Series(
            pd.Categorical(names, categories=pd.Index(seen, dtype="str")), index=column.index
        )
    if dtype.startswith("datetime"):
        return pd.to_datetime(column, utc=True, format="ISO8601").astype(dtype)
    if dtype == "boolean" and column.dtype.name in ("object", "str", "string"):
        values = [None if pd.isna(each) else str(each) == "True" for each in column]
        return pd.Series(pd.array(values, dtype="boolean"), index=column.index)
    return column.astype(dtype)
