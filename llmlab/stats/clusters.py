"""Which inputs move together: the cluster of each input, as a small number."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Ints

if TYPE_CHECKING:
    import pandas as pd

Cluster: TypeAlias = "str | Mapping[Any, Any] | pd.Series[Any] | None"
"""A column of the rows, a mapping or Series from input id to cluster, or one along the rows."""


def cluster_codes(
    inputs: tuple[object, ...], input_of: Ints, rows: "pd.DataFrame", cluster: Cluster
) -> Ints | None:
    """
    Return the cluster of each of *inputs*, or None when there is none.

    Raises:
        UsageError: when an input has no cluster, or two.
    """
    if cluster is None:
        return None
    import pandas as pd

    by_input = _by_input(_Lines(inputs, input_of), rows, cluster)
    found = pd.Series(by_input, dtype=object)
    found = found.reindex(pd.Index(inputs, dtype=object))
    lost = found.index[found.isna()]
    if len(lost):
        raise UsageError(f"input {lost[0]!r} has no cluster ({len(lost)} in all)")
    return factorise(found)[1]


class _Lines(NamedTuple):
    """The inputs of a run, and which of them each row belongs to."""

    inputs: tuple[object, ...]
    input_of: Ints


def _by_input(
    table: _Lines, rows: "pd.DataFrame", cluster: "str | Mapping[Any, Any] | pd.Series[Any]"
) -> dict[object, object]:
    if isinstance(cluster, str):
        _check(rows, cluster)
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
    """Read one cluster an input; two are a slip worth a line."""
    uniques, codes = factorise(values)
    low = np.full(len(table.inputs), np.iinfo(np.intp).max)
    high = np.full(len(table.inputs), -1)
    np.minimum.at(low, table.input_of, codes)
    np.maximum.at(high, table.input_of, codes)
    torn = np.flatnonzero((low != high) & (high >= 0))
    if torn.size:
        raise UsageError(f"input {table.inputs[torn[0]]!r} lies in more than one cluster")
    return {key: uniques[code] for key, code in zip(table.inputs, high, strict=True) if code >= 0}


def factorise(values: "pd.Series[Any]") -> tuple[list[object], Ints]:
    """Number the distinct values in the order in which they come; a missing one is -1."""
    import pandas as pd

    codes, uniques = pd.factorize(values)
    return list(uniques), np.asarray(codes, dtype=np.intp)


def _check(rows: "pd.DataFrame", column: str) -> None:
    if column not in rows.columns:
        raise UsageError(f"rows lack the column(s) {column}")
