"""What an experiment leaves behind: its rows, and what they cannot say of themselves."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from llmlab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.stats import Arm, Pair, Verdict
    from llmlab.stats.clusters import Cluster


class Kept:
    """
    Rows and what belongs to them, and the numbers that everything else is said from.

    Args:
        name: The run's name.
        rows: One row a call; see `docs/columns.md`.
        title: What is put above tables and plots; the name when empty.
        chance: What the best constant answer scores.
        score_name: What the score is called.
        cluster: The cluster of each input id; the rows' own column `cluster` when None.
        notes: What must be said beside the verdict.
        bound: The largest difference of two scores, for a run that was looked at as it went:
            its pairs are then tested by a confidence sequence.
        aa: Whether each prompt was asked twice over, the second named `... again`.
        trials: How many arms were ever tried on these inputs.
        horizon: How far targets look ahead: a number of the run's dates, or a span such as "7D".
            The dates are those of the column `as_of`, or the clusters.
    """

    def __init__(  # noqa: PLR0913 - all by name
        self,
        name: str,
        rows: "pd.DataFrame",
        *,
        title: str = "",
        chance: float | None = None,
        score_name: str = "",
        cluster: "Mapping[str, object] | None" = None,
        notes: tuple[str, ...] = (),
        bound: float | None = None,
        aa: bool = False,
        trials: int | None = None,
        horizon: "int | str | None" = None,
    ) -> None:
        self.name = name
        self.rows = rows
        self.title = title or name
        self.chance = chance
        self.score_name = score_name
        self.trials = trials
        """Arms that were ever tried on these inputs, by the book; None when nobody counted."""
        self.horizon = horizon
        """How far targets look ahead; None where nobody said so."""
        self._cluster = cluster
        self._notes = notes
        self._bound = bound
        self._aa = aa

    @property
    def watched(self) -> bool:
        """Whether the run could be stopped by what it showed (`stop_when_clear`)."""
        return self._bound is not None

    @property
    def _kept(self) -> dict[str, Any]:
        """What makes an equal Comparison."""
        return {
            "name": self.name,
            "rows": self.rows,
            "title": self.title,
            "chance": self.chance,
            "score_name": self.score_name,
            "cluster": self._cluster,
            "notes": self._notes,
            "bound": self._bound,
            "aa": self._aa,
            "trials": self.trials,
            "horizon": self.horizon,
        }

    @cached_property
    def _pairs(self) -> "tuple[Pair, ...]":
        from llmlab.stats import looked_pairs, pairs

        if self._bound is not None:
            return looked_pairs(self.rows, bound=self._bound, cluster=self.depends)
        return pairs(self.rows, cluster=self.depends)

    @cached_property
    def _arms(self) -> "tuple[Arm, ...]":
        from llmlab.stats import arms, looked_arms

        if self._bound is not None:
            return looked_arms(
                self.rows,
                bound=self._bound,
                compared=self._pairs,
                chance=self.chance,
                cluster=self.depends,
            )
        return arms(self.rows, chance=self.chance, cluster=self.depends, compared=self._pairs)

    @cached_property
    def _verdict(self) -> "Verdict":
        from llmlab.stats import verdict

        return verdict(self._arms, self._pairs)

    @property
    def clusters(self) -> "pd.Series[Any] | None":
        """The cluster of each input, by input id; None when nothing moves together."""
        import pandas as pd

        if self._cluster is not None:
            return pd.Series(dict(self._cluster))
        if "cluster" not in self.rows.columns or self.rows["cluster"].isna().all():
            return None
        return self.rows.drop_duplicates("input_id").set_index("input_id")["cluster"]

    @property
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

    @property
    def dates(self) -> "pd.Series[Any] | None":
        """The date of each input, by input id: `as_of`, or a cluster that is one; else None."""
        from llmlab.stats.clusters import as_dates

        if "as_of" in self.rows.columns and self.rows["as_of"].notna().all():
            return self.rows.drop_duplicates("input_id").set_index("input_id")["as_of"]
        clusters = self.clusters
        return None if clusters is None or as_dates(clusters) is None else clusters
