"""The statistics of a run that tables and sentences are made from: arms, pairs, the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from llmlab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.stats import Arm, Pair, Verdict
    from llmlab.stats.against import Against
    from llmlab.stats.clusters import Cluster


@dataclass(frozen=True, kw_only=True, eq=False)
class RunStatistics:
    """
    Arms, pairs and clusters of rows, each computed once, when first used.

    Args:
        rows: One row a call; see `docs/columns.md`.
        chance: What the best constant answer scores.
        cluster: The cluster of each input id; the rows' own column `cluster` when None.
        bound: The largest difference of two scores, for a run that could stop early.
        horizon: How far targets look ahead, in dates of the run or as a span such as "7D".
        against: The baseline that arms are compared with, where not every two are.
    """

    rows: "pd.DataFrame"
    chance: float | None
    cluster: Mapping[str, object] | None
    bound: float | None
    horizon: int | str | None = None
    against: "Against" = None

    @cached_property
    def pairs(self) -> "tuple[Pair, ...]":
        """Each two arms, compared; by a confidence sequence where the run could stop early."""
        from llmlab.stats import looked_pairs, pairs

        base, depends = self.against, self.depends
        if self.bound is not None:
            return looked_pairs(self.rows, bound=self.bound, cluster=depends, against=base)
        return pairs(self.rows, cluster=depends, against=base)

    @cached_property
    def arms(self) -> "tuple[Arm, ...]":
        """The arms, best first."""
        from llmlab.stats import arms, looked_arms

        if self.bound is not None:
            return looked_arms(
                self.rows,
                bound=self.bound,
                compared=self.pairs,
                chance=self.chance,
                cluster=self.depends,
            )
        return arms(self.rows, chance=self.chance, cluster=self.depends, compared=self.pairs)

    @cached_property
    def verdict(self) -> "Verdict":
        """What arms and pairs allow to say."""
        from llmlab.stats import verdict

        return verdict(self.arms, self.pairs, against=self.against)

    @cached_property
    def clusters(self) -> "pd.Series[Any] | None":
        """The cluster of each input, by input id; None without clusters."""
        import pandas as pd

        if self.cluster is not None:
            return pd.Series(dict(self.cluster))
        if "cluster" not in self.rows.columns or self.rows["cluster"].isna().all():
            return None
        return self.rows.drop_duplicates("input_id").set_index("input_id")["cluster"]

    @cached_property
    def depends(self) -> "Cluster":
        """
        How inputs depend on each other, as every method of `llmlab.stats` takes it.

        Raises:
            UsageError: There is a horizon, and neither `as_of` nor clusters that are dates.
        """
        if self.horizon is None:
            return self.clusters
        from llmlab.stats.clusters import Dated

        dates = self.dates
        if dates is None:
            raise UsageError(
                f"horizon={self.horizon!r} needs the order in time of inputs: name a column of "
                "dates with as_of=, or as the cluster"
            )
        return Dated(dates, self.horizon)

    @cached_property
    def dates(self) -> "pd.Series[Any] | None":
        """The date of each input, by input id: `as_of`, or a cluster that is one; else None."""
        from llmlab.stats.clusters import as_dates

        if "as_of" in self.rows.columns and self.rows["as_of"].notna().all():
            return self.rows.drop_duplicates("input_id").set_index("input_id")["as_of"]
        clusters = self.clusters
        return None if clusters is None or as_dates(clusters) is None else clusters
