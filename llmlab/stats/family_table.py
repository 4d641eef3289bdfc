"""The comparisons of a run as one family: adjusted p, and intervals that hold for all together."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from llmlab.errors import UsageError, suggest
from llmlab.stats.against import Against, contrasts_of, places_of
from llmlab.stats.checks import fraction
from llmlab.stats.clusters import Cluster
from llmlab.stats.matrix import matrix
from llmlab.stats.max_t import each_alone
from llmlab.stats.paired import Pair, pairs_of
from llmlab.stats.sequential_pairs import looked_pairs

if TYPE_CHECKING:
    import pandas as pd

ADJUST: Final = ("max-t", "holm")
COLUMNS: Final = ("prompt_a", "label_a", "prompt_b", "label_b", "inputs", "difference", "p",
                  "p_adjusted", "all_low", "all_high", "test")  # fmt: skip


def family_table(
    rows: "pd.DataFrame",
    *,
    against: Against = None,
    adjust: str | None = None,
    cluster: Cluster = None,
    bound: float | None = None,
    level: float = 0.95,
) -> "pd.DataFrame":
    """
    Return the comparisons of a run, every two arms or a baseline (A) with the others, as a family.

    `p_adjusted` is by *adjust*: `max-t` (steps down; the usual one), or `holm`. `all_low` to
    `all_high` hold for all comparisons together at *level*, in a single step: where they leave out
    zero, `p_adjusted` is at most 1 - *level*; a later step may claim what they do not. With *bound*
    the run was watched as it went: its pairs are by sequences that hold at any time, and Holm.

    Raises:
        UsageError: There is no such baseline or adjustment, or max-t is asked of a watched run.
    """
    import pandas as pd

    fraction("level", level)
    way = adjust or ("max-t" if bound is None else "holm")
    if way not in ADJUST:
        raise UsageError(f"there is no adjust={way!r}; {suggest(way, ADJUST)}")
    if bound is None:
        found, together = _fixed(rows, against, way, cluster, level)
    elif way == "holm":
        found, together = _watched(rows, against, bound, cluster, level)
    else:
        raise UsageError("max-t is for runs of a fixed size, and this could stop: adjust='holm'")
    lines = [
        asdict(pair) | {"all_low": wide.low, "all_high": wide.high}
        for pair, wide in zip(found, together, strict=True)
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _fixed(
    rows: "pd.DataFrame", against: Against, way: str, cluster: Cluster, level: float
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Return the pairs, and the same with intervals for all of them together."""
    table = matrix(rows, cluster=cluster)
    places = places_of(table.names, against)
    if way == "holm" or not table.compared.any():
        alone = (1.0 - level) / max(1, len(places))
    else:
        alone = each_alone(contrasts_of(table, places), level)
    found = pairs_of(table, level, against=against, adjust=way)
    return found, pairs_of(table, 1.0 - alone, against=against, adjust="holm")


def _watched(
    rows: "pd.DataFrame", against: Against, bound: float, cluster: Cluster, level: float
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Return the same of a watched run: each pair with its share of the error."""
    found = looked_pairs(rows, bound=bound, cluster=cluster, level=level, against=against)
    alone = (1.0 - level) / max(1, len(found))
    wide = looked_pairs(rows, bound=bound, cluster=cluster, level=1.0 - alone, against=against)
    return found, wide
