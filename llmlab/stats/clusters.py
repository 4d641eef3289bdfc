"""The cluster of each input, or its date in order, as a number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Ints

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

Named: TypeAlias = "str | Mapping[Any, Any] | pd.Series[Any]"
"""A column of the rows, a mapping or Series from input id to cluster, or one along the rows."""


@dataclass(frozen=True, slots=True)
class Dated:
    """Inputs in an order of time, whose targets look ahead: those of one date move together."""

    dates: Named
    horizon: int | str
    """How far a target looks ahead: a number of the run's dates, or a span such as `7D`."""


Cluster: TypeAlias = "Named | Dated | None"


class Grouped(NamedTuple):
    """The cluster of each input; with steps, its date, numbered in order of time."""

    codes: Ints | None = None
    steps: int = 0
    """Dates that a target looks ahead; 0 where clusters are in no order."""
    days: "npt.NDArray[np.datetime64] | None" = None
    """With steps, the distinct dates, in order: that of each code."""


def grouped(
    inputs: tuple[object, ...], input_of: Ints, rows: "pd.DataFrame", cluster: Cluster
) -> Grouped:
    """
    Return the cluster, or date, of each of *inputs*.

    Raises:
        UsageError: when an input has no cluster, or two, or a date is none.
    """
    if cluster is None:
        return Grouped()
    import pandas as pd

    named = cluster.dates if isinstance(cluster, Dated) else cluster
    by_input = _by_input(_Lines(inputs, input_of), rows, named)
    found = pd.Series(by_input, dtype=object)
    found = found.reindex(pd.Index(inputs, dtype=object))
    lost = found.index[found.isna()]
    if len(lost):
        what = "date" if isinstance(cluster, Dated) else "cluster"
        raise UsageError(f"input {lost[0]!r} has no {what} ({len(lost)} in all)")
    if isinstance(cluster, Dated):
        return dated(found, cluster.horizon)
    return Grouped(factorise(found)[1])


class _Lines(NamedTuple):
    """The inputs of a run, and which of them each row belongs to."""

    inputs: tuple[object, ...]
    input_of: Ints


def _by_input(table: _Lines, rows: "pd.DataFrame", cluster: Named) -> dict[object, object]:
    if isinstance(cluster, str):
        require_column(rows, cluster)
        return _constant(table, rows[cluster])
    if isinstance(cluster, Mapping):
        return dict(cluster)
    # Rows first: whole-number ids could pass for the numbers of rows.
    if cluster.index.equals(rows.index):
        return _constant(table, cluster)
    if cluster.index.has_duplicates:
        raise UsageError("cluster is indexed neither like the rows nor by distinct input_id")
    return dict(cluster.items())


def _constant(table: _Lines, values: "pd.Series[Any]") -> dict[object, object]:
    """Read one cluster per input; two are an error."""
    uniques, codes = factorise(values)
    low = np.full(len(table.inputs), np.iinfo(np.intp).max)
    high = np.full(len(table.inputs), -1)
    np.minimum.at(low, table.input_of, codes)
    np.maximum.at(high, table.input_of, codes)
    torn = np.flatnonzero((low != high) & (high >= 0))
    if torn.size:
        raise UsageError(f"input {table.inputs[torn[0]]!r} lies in more than one cluster")
    return {key: uniques[code] for key, code in zip(table.inputs, high, strict=True) if code >= 0}


def dated(values: "pd.Series[Any]", horizon: int | str) -> Grouped:
    """
    Number dates in their order, and say how many of them a target looks ahead.

    Raises:
        UsageError: when a value is no date, or the horizon no span of time.
    """
    times = as_dates(values)
    if times is None:
        raise UsageError(
            f"horizon={horizon!r} needs the order in time of inputs, and {values.iloc[0]!r} is no "
            "date: name a column of dates with as_of=, or as the cluster"
        )
    days, codes = np.unique(times, return_inverse=True)
    return Grouped(codes.reshape(-1).astype(np.intp), steps_of(days, horizon), days)


def as_dates(values: "pd.Series[Any]") -> "npt.NDArray[np.datetime64] | None":
    """Return *values* as dates, UTC where no zone is given; None where they are none."""
    import pandas as pd

    written = values.astype(str)
    # A ticker such as 2330 would pass for a year.
    if not written.str.match(r"\d{4}-\d{2}").all():
        return None
    try:
        times = pd.to_datetime(written, utc=True, format="ISO8601")
    except (ValueError, TypeError):
        return None
    return np.asarray(times.to_numpy(dtype="datetime64[ns]"))


def steps_of(days: "npt.NDArray[np.datetime64]", horizon: int | str) -> int:
    """Return how many of *days* (distinct, in order) a target looks ahead at most, at least 1."""
    if not isinstance(horizon, str):
        if isinstance(horizon, bool) or horizon < 1:
            raise UsageError(f"horizon must be 1 date or more, got {horizon!r}")
        return int(horizon)
    import pandas as pd

    try:
        span = pd.Timedelta(horizon).to_timedelta64()
    except ValueError:
        raise UsageError(
            f"horizon={horizon!r} is no span of time: say '7D', or a number of the run's dates"
        ) from None
    if not span > np.timedelta64(0):
        raise UsageError(f"horizon must be above 0, got {horizon!r}")
    reached = np.searchsorted(days, days + span, side="left") - np.arange(days.size)
    return max(1, int(reached.max()))


def factorise(values: "pd.Series[Any]") -> tuple[list[object], Ints]:
    """Number the distinct values in the order in which they come; a missing one is -1."""
    import pandas as pd

    codes, uniques = pd.factorize(values)
    return list(uniques), np.asarray(codes, dtype=np.intp)


def require_column(rows: "pd.DataFrame", column: str) -> None:
    """Refuse rows without *column*."""
    if column not in rows.columns:
        raise UsageError(f"rows lack the column(s) {column}")
