"""What can be asked of a run beyond its table: each answer is a small DataFrame."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from llmlab.comparison.kept import Kept
from llmlab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.pricing import Prices
    from llmlab.stats.gold import Gold
    from llmlab.stats.parts import By
    from llmlab.stats.tables import Covariates, Said

AGAIN: Final = " again"
"""What the name of a prompt ends with when an A/A run asks it a second time."""


class Questions(Kept):
    """The questions; `Comparison` adds what is shown."""

    def answers(self, column: str = "text") -> "pd.DataFrame":
        """Return the answers side by side: one line an input, one column an arm."""
        from llmlab.frames.wide import wide

        return wide(self.rows, column)

    def not_worse(self, than: "Said", margin: float, alpha: float = 0.05) -> "pd.DataFrame":
        """
        Say for every other arm whether it is not worse than *than* by *margin* or more.

        *than* is an arm as `prompt · label`, or one of both where that is enough.
        """
        from llmlab.stats.tables import not_worse

        return not_worse(
            self.rows,
            than=than,
            margin=margin,
            alpha=alpha,
            cluster=self.depends,
            bound=self._bound,
        )

    def plan(self, power: float = 0.8, **options: Any) -> "pd.DataFrame":
        """
        Take this run as a pilot: inputs, dollars and minutes each pair needs for *power*.

        Options: `difference` that is to be found (0.05 for scores in 0..1), `alpha`, `in_flight`,
        and `repeats` an input, where those of the pilot are not wanted (see `variance`).
        """
        from llmlab.stats.tables import planned

        return planned(self.rows, power=power, cluster=self.depends, **options)

    def frontier(self, draws: int = 2_000) -> "pd.DataFrame":
        """Return the arms by cost: chance to be on the frontier, and where the winner flips."""
        from llmlab.stats.tables import frontier_table

        return frontier_table(self.rows, cluster=self.depends, draws=draws)

    def costs(self) -> "pd.DataFrame":
        """Return dollars for 1,000 calls and for a right answer, with 95 % intervals."""
        from llmlab.stats.costs import costs

        return costs(self.rows, cluster=self.depends)

    def latency(self) -> "pd.DataFrame":
        """Return p50, p95 and p99 of latency with exact 95 % limits, NaN for want of calls."""
        from llmlab.stats.costs import latencies

        return latencies(self.rows)

    def deflated(
        self, baseline: "Said | float | None" = None, trials: int | None = None
    ) -> "pd.DataFrame":
        """
        Take the luck of many trials off each arm's lead over *baseline*.

        *baseline* is an arm or a constant score (chance when None); *trials* counts all variants
        that were tried on these inputs (those in the book when None).
        """
        from llmlab.stats.tables import deflated

        base = self.chance if baseline is None else baseline
        if base is None:
            raise UsageError("deflated needs a baseline: an arm, or the score to be beaten")
        count = max(trials or self.trials or 1, len(self._arms) if trials is None else 1)
        return deflated(self.rows, trials=count, baseline=base, cluster=self.depends)

    def cuped(self, a: "Said", b: "Said", covariates: "Covariates") -> "pd.Series[Any]":
        """
        Return B minus A with what was known about the inputs taken out.

        *covariates*: an arm that answered more inputs, or numbers by input id.
        """
        from llmlab.stats.tables import cuped_pair

        return cuped_pair(self.rows, a, b, covariates, cluster=self.depends)

    def calibration(self, bins: int = 10) -> "pd.DataFrame":
        """Return Brier's score and its parts for each arm that stated probabilities."""
        from llmlab.stats.splits import calibration_table

        return calibration_table(self.rows, bins=bins)

    def by(self, column: "By") -> "pd.DataFrame":
        """
        Return each arm's score in each part of the inputs, and how it differs from the rest.

        *column* is a column of the rows, a period (`day`, `week`, `month`, `quarter`, `year` of
        `as_of`), or a mapping or Series from input id to part. All looks are accounted for:
        see `stats.parts.by_part`.
        """
        from llmlab.stats.parts import by_part

        return by_part(self.rows, column, cluster=self.depends)

    def classes(self, *, average: bool = False, by: "By" = None) -> "pd.DataFrame":
        """
        Return precision, recall and F1 of each label, one row an arm and label, with limits.

        With *average*, accuracy and the plain means over labels, one row an arm. With *by*, the
        same in each part of the inputs (as in `run.by`), at limits that hold for all parts
        together.
        """
        from llmlab.stats.labels import averages, classes
        from llmlab.stats.parts import in_parts

        return in_parts(averages if average else classes, self.rows, by, cluster=self.depends)

    def confusion(self, arm: "Said | None" = None) -> "pd.DataFrame":
        """
        Return how many inputs of each label (down) *arm* said to be of which (across).

        *arm* may be left out where there is one.
        """
        from llmlab.stats.labels import confusion
        from llmlab.stats.tables import arm_called

        names = [each.name for each in self._arms]
        name = names[0] if arm is None and len(names) == 1 else arm_called(names, arm or "")
        return confusion(self.rows, name, cluster=self.depends)

    def variance(self, of: str = "arms", input_usd: float = 0.0) -> "pd.DataFrame":
        """
        Return how much of the spread is clusters, inputs, the model's own flicker and the judge's.

        And what a dollar more buys as repeats, inputs or clusters, for each arm or (`of="pairs"`)
        each difference. *input_usd* is what a new input costs besides its calls.
        """
        from llmlab.stats.variance import variance

        return variance(self.rows, cluster=self.depends, of=of, input_usd=input_usd)

    def passes(self, threshold: float = 1.0, most: int | None = None) -> "pd.DataFrame":
        """
        Return pass^k and pass@k: how often all of k repeats are right, and at least one is.

        An answer is right from a score of *threshold* on; k runs to *most*.
        """
        from llmlab.stats.repeats import passes

        return passes(self.rows, threshold=threshold, most=most, cluster=self.depends)

    def agreement(self, gold: "Gold") -> "pd.DataFrame":
        """
        Return how far this run's scores, a judge's, agree with people's marks: kappa, alpha, bias.

        *gold*: marks by request hash (as `lab.mark` keeps them), a Series along the rows, or a
        frame of prompt, model, input, score and where needed repeat.
        """
        from llmlab.stats.gold import agreement

        return agreement(self.rows, gold, cluster=self.depends)

    def prediction_powered(self, gold: "Gold", of: str = "pairs") -> "pd.DataFrame":
        """
        Return each pair's difference (`of="arms"`: each score) in people's marks, by a judge too.

        This run's scores are the judge's, of all inputs; *gold*, as in `agreement`, are people's,
        of some that were picked without regard to the answers. The judge's bias cancels (PPI++).
        """
        from llmlab.stats.gold import prediction_powered

        return prediction_powered(self.rows, gold, of=of, cluster=self.depends)

    @property
    def by_cutoff(self) -> "pd.DataFrame":
        """Scores on inputs before and after each model's knowledge cut-off."""
        from llmlab.stats.splits import by_cutoff

        return by_cutoff(self.rows, cluster=self.depends)

    @property
    def drift(self) -> "pd.DataFrame":
        """Scores by the model and fingerprint that answered."""
        from llmlab.stats.splits import by_answerer

        return by_answerer(self.rows, cluster=self.depends)

    @cached_property
    def noise(self) -> "pd.DataFrame":
        """How far each prompt differs from itself, asked twice (`aa=True`)."""
        from llmlab.stats.splits import noise

        return noise(self.rows, AGAIN, cluster=self.depends)

    def reprice(self, date: Any = None, *, prices: "Prices | None" = None, **how: Any) -> Self:
        """
        Return this run at other prices: `date`, `batch=True`, `model=...`, `cache=False`.

        Nothing is sent; tokens are those that were counted. See `frames.reprice.repriced`.
        """
        from llmlab.frames.reprice import repriced
        from llmlab.pricing import Prices

        rows = repriced(self.rows, prices or Prices(), at=date, **how)
        given = {"date": date, **how}
        said = ", ".join(f"{name}={value}" for name, value in given.items() if value is not None)
        note = f"Priced again ({said or 'at the time of each call'}): nothing was sent."
        return type(self)(**{**self._kept, "rows": rows, "notes": (note, *self._notes)})
