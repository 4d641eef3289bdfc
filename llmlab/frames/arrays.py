"""Lists of Python values to the arrays that pandas keeps, by dtype, None being missing."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import numpy as np


def array_of(values: list[Any], dtype: str) -> Any:
    """Return *values* as pandas keeps them under *dtype*."""
    import pandas as pd

    if dtype != "int64" and values.count(None) == len(values):
        return _nothing(len(values), dtype)
    make = _MAKERS.get(dtype)
    return pd.array(values, dtype=dtype) if make is None else make(values)  # type: ignore[call-overload]


def _nothing(count: int, dtype: str) -> Any:
    """Return a column in which every value is missing, without looking at each of them."""
    import pandas as pd

    if dtype == "category":
        none = pd.Index([], dtype="str")
        return pd.Categorical.from_codes(np.full(count, -1), categories=none)
    return pd.array([None], dtype=dtype).take(np.zeros(count, dtype=np.intp))  # type: ignore[call-overload]


def _category(values: list[Any]) -> Any:
    """Encode texts as categories in sorted order; an empty text is missing."""
    import pandas as pd

    texts = sorted(set(values) - {None, ""}, key=str)
    place: dict[Any, int] = {**{text: at for at, text in enumerate(texts)}, None: -1, "": -1}
    codes = np.fromiter(map(place.__getitem__, values), dtype=np.int32, count=len(values))
    categories = pd.Index(texts, dtype="str")
    return pd.Categorical.from_codes(codes, categories=categories)


def _floats(values: list[Any]) -> Any:
    first = next((each for each in values if each is not None), None)
    if isinstance(first, Decimal):
        # numpy converts Decimals one by one through Python; float() over them is faster.
        known = (math.nan if each is None else float(each) for each in values)
        return np.fromiter(known, dtype=np.float64, count=len(values))
    return np.array(values, dtype=np.float64)


def _integers(values: list[Any]) -> Any:
    import pandas as pd

    if None not in values:
        whole = np.array(values, dtype=np.int64)
        return pd.arrays.IntegerArray(whole, np.zeros(len(values), dtype=bool))
    missing = np.fromiter((each is None for each in values), dtype=bool, count=len(values))
    whole = np.array([0 if each is None else each for each in values], dtype=np.int64)
    return pd.arrays.IntegerArray(whole, missing)


def _booleans(values: list[Any]) -> Any:
    import pandas as pd

    missing = np.fromiter((each is None for each in values), dtype=bool, count=len(values))
    truth = np.fromiter((each is True for each in values), dtype=bool, count=len(values))
    return pd.arrays.BooleanArray(truth, missing)


def _strings(values: list[Any]) -> Any:
    import pandas as pd

    return pd.array(values, dtype="string")


def _times(values: list[Any]) -> Any:
    """Unix seconds; 0 and None are no time."""
    import pandas as pd

    seconds = np.array(values, dtype=np.float64)
    unknown = np.isnan(seconds) | (seconds == 0.0)
    # Whole microseconds: what a double holds of a Unix time, and what files keep.
    micros = np.rint(np.where(unknown, 0.0, seconds) * 1e6).astype(np.int64)
    at = (micros * 1_000).view("datetime64[ns]")
    at[unknown] = np.datetime64("NaT", "ns")
    return pd.DatetimeIndex(at).tz_localize("UTC").array


_MAKERS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "category": _category,
    "float64": _floats,
    "Int64": _integers,
    "boolean": _booleans,
    "string": _strings,
    "datetime64[ns, UTC]": _times,
}
