"""The result of a run: its rows, verdict, tables and plots, and how to export them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from llmlab.comparison.resolutions import resolution_notes, resolution_table
from llmlab.comparison.statistics import RunStatistics
from llmlab.errors import UsageError
from llmlab.records import AGAIN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from llmlab.pricing import Prices
    from llmlab.stats.against import Against
    from llmlab.stats.clusters import Cluster
    from llmlab.stats.gold import Gold
    from llmlab.stats.parts import By
    from llmlab.stats.tables import Covariates, Said
    from llmlab.views.comparison import ComparisonView
    from llmlab.views.over_time import StrategyView, WalkForwardView
    from llmlab.views.tested import Tested


class Comparison:
    """
    The result of an A/B run; everything in it is derived from `rows`.

    In a notebook it shows as verdict, table and frontier; in a terminal as text. It needs no
    key, no network and no book: rows that were saved can be read anywhere.

    Args:
        name: The run's name.
        rows: One row a call; see `docs/columns.md`.
        title: The title of tables and plots; the name when empty.
        chance: What the best constant answer scores.
        score_name: The name of the score.
        cluster: The cluster of each input id; the rows' own column `cluster` when None.
        notes: Notes beside the verdict.
        bound: The largest difference of two scores, for a run that could stop early: its pairs
            are then tested by a confidence sequence.
        aa: Whether each prompt was asked twice over, the second named `... again`.
        trials: How many arms were ever tried on these inputs.
        unsent: Calls that were planned and not made, because the run was interrupted.
        tested: Prompts, settings and some inputs, as a run keeps them: see `views.tested`.
        horizon: How far targets look ahead: a number of the run's dates, or a span such as "7D".
            The dates are those of the column `as_of`, or the clusters.
        against: The baseline that the arms are compared with, instead of every two: a prompt, a
            model's label, or an arm as `prompt · label`.
        scored_by: The score by its name and settings, where it has one; see `resolve`.
        resolved: Which targets were added after the run: `at`, `inputs` and `replaced` each time.
        resolver: Adds targets where the run is kept, and returns it; a lab's runs have one.
    """

    def __init__(  # noqa: PLR0913 - all by name
        self,
        name: str,
        rows: "pd.DataFrame",
        *,
        title: str = "",
        chance: float | None = None,
        score_name: str = "",
        cluster: Mapping[str, object] | None = None,
        notes: tuple[str, ...] = (),
        bound: float | None = None,
        aa: bool = False,
        trials: int | None = None,
        unsent: int = 0,
        tested: "Mapping[str, Any] | Tested | None" = None,
        horizon: int | str | None = None,
        against: "Against" = None,
        scored_by: str = "",
        resolved: "Sequence[Mapping[str, Any]]" = (),
        resolver: "Callable[..., Comparison] | None" = None,
    ) -> None:
        self.name = name
        self.scored_by = scored_by
        self._resolved = tuple(resolved)
        self._resolver = resolver
        self.rows = rows
        self.title = title or name
        self.chance = chance
        self.score_name = score_name
        self.trials = trials
        """Arms that were ever tried on these inputs, by the book; None when nobody counted."""
        self.unsent = unsent
        """Calls that an interrupt left; the cell, run again, sends them."""
        self._notes = notes
        self.aa = aa
        self.tested = tested
        """Prompts, settings and some inputs; None where a file did not say."""
        self._statistics = RunStatistics(
            rows=rows, chance=chance, cluster=cluster, bound=bound, horizon=horizon, against=against
        )

    @property
    def watched(self) -> bool:
        """Whether the run could stop early by its scores (`stop_when_clear`)."""
        return self._statistics.bound is not None

    @property
    def clusters(self) -> "pd.Series[Any] | None":
        """The cluster of each input, by input id; None without clusters."""
        return self._statistics.clusters

    @property
    def horizon(self) -> int | str | None:
        """How far targets look ahead; None where nobody said so."""
        return self._statistics.horizon

    @property
    def against(self) -> "Against":
        """The baseline that the arms are compared with; None where every two are."""
        return self._statistics.against

    @property
    def dates(self) -> "pd.Series[Any] | None":
        """The date of each input, by input id: `as_of`, or a cluster that is one; else None."""
        return self._statistics.dates

    @property
    def depends(self) -> "Cluster":
        """
        How inputs depend on each other, as every method of `llmlab.stats` takes it.

        Raises:
            UsageError: There is a horizon, and neither `as_of` nor clusters that are dates.
        """
        return self._statistics.depends

    @classmethod
    def from_scores(cls, scores: "pd.DataFrame", name: str = "scores", **about: Any) -> Self:
        """
        Return the comparison of scores that llmlab did not make.

        Args:
            scores: One row an answer: `prompt`, `model`, `input`, `score` and, where inputs were
                answered more than once, `repeat`. Any column of `run.rows` may stand beside
                them (`cluster`, `cost_usd`, `latency_s`, `target`, `said` ...); others are kept.
            name: What the run is called.
            about: As the arguments of `Comparison`: `chance`, `score_name`, `cluster` ...

        Raises:
            UsageError: A column is absent or holds what it cannot, or an answer is there twice.
        """
        from llmlab.frames.given import rows_of_scores

        return cls(name, rows_of_scores(scores, name), **about)

    @cached_property
    def summary(self) -> "pd.DataFrame":
        """One row an arm (prompt × model), best first; see `docs/columns.md`."""
        import pandas as pd

        return pd.DataFrame([asdict(arm) for arm in self._statistics.arms])

    @cached_property
    def pairs(self) -> "pd.DataFrame":
        """
        One row for each two arms, or each arm with its baseline, on the inputs of the ranking.

        `low` and `high` are the interval of that pair alone; `p_adjusted` is for all pairs.
        See `family` for intervals of all together, or another baseline.
        """
        import pandas as pd

        from llmlab.stats import Pair

        names = list(Pair.__dataclass_fields__)
        return pd.DataFrame([asdict(pair) for pair in self._statistics.pairs], columns=names)

    @property
    def verdict(self) -> str:
        """What the numbers allow to say, in words."""
        return noise_sentence(self.noise) if self.aa else self._statistics.verdict.sentence

    @property
    def notes(self) -> tuple[str, ...]:
        """Caveats of the verdict: who answered, how few inputs, what was cut."""
        from llmlab.stats.doubts import charge_notes
        from llmlab.stats.splits import cutoff_notes, drift_notes

        found = (*cutoff_notes(self.rows), *drift_notes(self.rows), *charge_notes(self.rows))
        found = (*found, *self._in_time())
        found = (*resolution_notes(self._resolved), *found)
        told = (*self._interrupted(), *self._notes, *found, *self._statistics.verdict.notes)
        return (*told, *self._watched(), *self._tried())

    def _interrupted(self) -> tuple[str, ...]:
        if not self.unsent:
            return ()
        many = f"{len(self)} of {len(self) + self.unsent} calls are done"
        return (f"interrupted: {many}; run the cell again to send the rest",)

    def _in_time(self) -> tuple[str, ...]:
        """Say that dates go with their neighbours, where nobody said how far targets look."""
        from llmlab.stats.overlap import overlap_notes

        if self.horizon is not None or self.dates is None or not self._statistics.verdict.best:
            return ()
        return overlap_notes(self.rows, self.dates)

    def _watched(self) -> tuple[str, ...]:
        if not self.watched:
            return ()
        holds = "score intervals, pairs and not_worse allow for that"
        fixed = "costs, frontier, deflated, cuped, by, classes, passes and compare_runs"
        return (f"This run could stop early: {holds}; {fixed} assume a fixed size.",)

    def _tried(self) -> tuple[str, ...]:
        arms = len(self._statistics.arms)
        if self.trials is None or self.trials <= arms:
            return ()
        count = f"{self.trials:,} arms were tried on these inputs so far, {arms} of them"
        return (f"{count} in this run: the best of many is partly luck; see run.deflated().",)

    # ---- questions: each answer is a small DataFrame --------------------------------------

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
            bound=self._statistics.bound,
        )

    def plan(self, power: float = 0.8, **options: Any) -> "pd.DataFrame":
        """
        Take this run as a pilot: inputs, dollars and minutes each pair needs for *power*.

        Options: `difference` that is to be found (0.05 for scores in 0..1), `alpha`, `in_flight`,
        and `repeats` an input, where those of the pilot are not wanted (see `variance`).
        """
        from llmlab.stats.tables import planned

        options = {"against": self.against, **options}
        return planned(self.rows, power=power, cluster=self.depends, **options)

    def family(self, against: "Against" = None, adjust: str | None = None) -> "pd.DataFrame":
        """
        Return the comparisons with *against*, or of every two arms, as one family.

        `p_adjusted` allows for all of them (*adjust*: "max-t", or "holm"), and so do the intervals
        `all_low` to `all_high`. *against* is a prompt, a model's label or an arm; the run's own
        baseline when None.
        """
        from llmlab.stats.family_table import family_table

        return family_table(
            self.rows,
            against=self.against if against is None else against,
            adjust=adjust,
            cluster=self.depends,
            bound=self._statistics.bound,
        )

    def frontier(self, draws: int = 2_000) -> "pd.DataFrame":
        """Return the arms by cost: chance to be on the frontier, and where the winner flips."""
        from llmlab.stats.tables import frontier_table

        return frontier_table(self.rows, cluster=self.depends, draws=draws)

    def costs(self) -> "pd.DataFrame":
        """Return dollars for 1,000 calls and for a right answer, with 95 % intervals."""
        from llmlab.stats.costs import costs

        return costs(self.rows, cluster=self.depends)

    def latency(self) -> "pd.DataFrame":
        """Return p50, p95 and p99 of latency with exact 95 % limits; NaN with too few calls."""
        from llmlab.stats.costs import latencies

        return latencies(self.rows)

    def deflated(
        self, baseline: "Said | float | None" = None, trials: int | None = None
    ) -> "pd.DataFrame":
        """
        Deflate each arm's lead over *baseline* by the luck expected of the best of many.

        *baseline* is an arm or a constant score (chance when None); *trials* counts all variants
        that were tried on these inputs (those in the book when None).
        """
        from llmlab.stats.tables import deflated

        base = self.chance if baseline is None else baseline
        if base is None:
            raise UsageError("deflated needs a baseline: an arm, or the score to be beaten")
        count = max(trials or self.trials or 1, len(self._statistics.arms) if trials is None else 1)
        return deflated(self.rows, trials=count, baseline=base, cluster=self.depends)

    def cuped(self, a: "Said", b: "Said", covariates: "Covariates") -> "pd.Series[Any]":
        """
        Return B minus A by CUPED, with what was known about the inputs taken out.

        *covariates*: an arm that answered more inputs, or numbers by input id.
        """
        from llmlab.stats.tables import cuped_pair

        return cuped_pair(self.rows, a, b, covariates, cluster=self.depends)

    def calibration(self, bins: int = 10) -> "pd.DataFrame":
        """Return the Brier score and its parts for each arm that stated probabilities."""
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

        names = [each.name for each in self._statistics.arms]
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

    def strategy(self, **options: Any) -> "StrategyView":
        """
        Return what following each arm's answers over the dates would have earned, after costs.

        Options: `returns` (the targets, as fractions), `positions` (such as `{"buy": 1}`),
        `asset` (what is traded), `costs_bps`, `capital` in dollars (the calls are then paid from
        it), `hold` ("staggered" or "non_overlapping"), `per_year`, `draws`, `seed`, `level`: see
        `stats.strategy.strategy` and `stats.signals.signals`.
        """
        from llmlab.comparison.over_time import strategy_of

        return strategy_of(self, **options)

    def walk_forward(self, **options: Any) -> "WalkForwardView":
        """
        Choose the best arm on earlier dates, score it on those after an embargo of the horizon.

        Options: `test` (dates of a block), `window` (dates to choose on; all earlier ones when
        None), `min_train`, `level`, and `horizon` where the run has none: see
        `stats.walk_forward`.
        """
        from llmlab.comparison.over_time import walk_forward_of

        return walk_forward_of(self, **options)

    def reality_check(self, baseline: "Said | float | None" = None) -> "pd.DataFrame":
        """
        Say for each arm whether it beats *baseline* (chance when None), all arms allowed for.

        `lab.reality_check` does so for all runs of a book at once.
        """
        from llmlab.comparison.sessions import reality_check

        return reality_check([self], baseline)

    def overfitting(self, parts: int = 10, seed: int = 0) -> "pd.Series[Any]":
        """Return how likely the arm chosen here is below the median arm elsewhere (PBO)."""
        from llmlab.comparison.over_time import overfitting_of

        return overfitting_of(self, parts=parts, seed=seed)

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

    def reprice(
        self, at: Any = None, *, prices: "Prices | None" = None, **how: Any
    ) -> "Comparison":
        """
        Return this run at other prices: `at` a date, `batch=True`, `model=...`, `cache=False`.

        Nothing is sent; tokens are those that were counted. See `frames.reprice.repriced`.
        """
        from llmlab.catalogue import Catalogue
        from llmlab.frames.reprice import repriced
        from llmlab.pricing import Prices

        prices = prices or Prices(sellers=Catalogue.load().sellers)
        rows = repriced(self.rows, prices, at=at, **how)
        given = {"at": at, **how}
        said = ", ".join(f"{name}={value}" for name, value in given.items() if value is not None)
        note = f"Priced again ({said or 'at the time of each call'}): nothing was sent."
        return Comparison(
            self.name,
            rows,
            title=self.title,
            chance=self.chance,
            score_name=self.score_name,
            cluster=self._statistics.cluster,
            notes=(note, *self._notes),
            bound=self._statistics.bound,
            aa=self.aa,
            trials=self.trials,
            unsent=self.unsent,
            tested=self.tested,
            horizon=self.horizon,
            against=self.against,
            scored_by=self.scored_by,
            resolved=self._resolved,
        )

    def resolve(
        self, outcomes: "pd.DataFrame | pd.Series[Any]", target: str = "target", **how: Any
    ) -> "Comparison":
        """
        Add targets that came after the run, score it again, and return it; the book keeps it so.

        Args:
            outcomes: By input id (its index): a frame with a column *target*, or a Series.
                A missing value leaves its input unresolved.
            target: The column.
            how: `replace=True` overwrites targets that are there and are others; `score` says
                how to score, where the run's own score is a function.

        Raises:
            UsageError: An input is unknown or lies in the future, a target is there already, or
                no lab keeps this run, or it keeps another one of this name by now.
        """
        if self._resolver is None:
            raise UsageError("no lab keeps this run: use lab.run(name).resolve(...), or put the "
                             "scores into a frame for Comparison.from_scores")  # fmt: skip
        return self._resolver(self, outcomes, target, **how)

    @property
    def resolutions(self) -> "pd.DataFrame":
        """One row an input whose target came after the run: when that was, and in which turn."""
        return resolution_table(self._resolved)

    # ---- shown and written ---------------------------------------------------------------

    def plot(self, kind: str = "frontier") -> "Figure":
        """
        Draw the run: `frontier`, `forest`, `differences`, `latency`, `calibration`, ...

        `strategy` and `walk_forward` draw what these methods find with their own defaults.

        Raises:
            UsageError: There is no plot of this name.
        """
        from llmlab.views.plots import plot_of

        return plot_of(kind).draw(self.shown)

    def export(
        self,
        path: str | Path,
        *,
        prompts: bool = True,
        samples: int = 5,
        spreadsheet_safe: bool = True,
    ) -> Path:
        """
        Write the rows to *path* (csv, parquet, xlsx, json), or a summary (md, html, png).

        Args:
            path: The file; its suffix says which kind.
            prompts: Whether json, xlsx, md and html hold the words of the prompts, the settings
                and the words of the inputs that are shown.
            samples: How many inputs these show with all answers, where the arms disagree first.
            spreadsheet_safe: Whether a text of a csv that a spreadsheet would take for a formula
                gets an apostrophe before it. `read_rows` removes it again; with False the
                csv has every text as it is.
        """
        from llmlab.views.export.files import export

        shown = self._shown_with(prompts=prompts, samples=samples)
        return export(shown, Path(path), spreadsheet_safe=spreadsheet_safe)

    def report(self, path: str | Path, *, prompts: bool = True, samples: int = 5) -> Path:
        """
        Write one self-contained HTML file: the verdict, tables and plots, and what was tested.

        *prompts* and *samples* are those of `export`; with False and 0 none of these words are
        in the file.
        """
        from llmlab.views.export.report import report

        return report(self._shown_with(prompts=prompts, samples=samples), Path(path))

    def _shown_with(self, *, prompts: bool, samples: int) -> "ComparisonView":
        shown = self.shown
        return replace(shown, samples=samples, tested=shown.tested if prompts else None)

    @cached_property
    def shown(self) -> "ComparisonView":
        """What the views draw from."""
        from llmlab.views.comparison import ComparisonView
        from llmlab.views.tested import tested_of

        return ComparisonView(
            name=self.name,
            title=self.title,
            rows=self.rows,
            summary=self.summary,
            pairs=self.pairs,
            verdict=self.verdict,
            notes=self.notes,
            basis=self._basis,
            chance=self.chance,
            score_name=self.score_name,
            clusters=self.clusters,
            tested=tested_of(self.tested),
            depends=self.depends,
            adjusted="Holm" if self.against is None or self.watched else "max-t",
            dates=self.dates,
        )

    def __getstate__(self) -> dict[str, Any]:
        # A copy, or one in another process, has no lab.
        return {**vars(self), "_resolver": None}

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        from llmlab.views.table import summary_text

        return summary_text(self.shown) if len(self) else self._nothing

    def _repr_html_(self) -> str:
        from llmlab.views.cell import comparison_html
        from llmlab.views.html import markup

        if not len(self):
            return markup.block(markup.line(self._nothing, "ll-note"))
        return comparison_html(self.shown)

    @property
    def _nothing(self) -> str:
        """What is said of a run none of whose calls has ended: one line, why included."""
        said = f"{self.title}: no rows, so there is nothing to compare"
        return "; ".join([said, *self._interrupted(), *self._notes])

    @property
    def _basis(self) -> str:
        """The price tables of the rows: one line, however many models."""
        bases = sorted({str(each).split(", ")[0] for each in self.rows["price_basis"].dropna()})
        return "; ".join(basis for basis in bases if basis)


def noise_sentence(noise: "pd.DataFrame", alpha: float = 0.05) -> str:
    """Say what an A/A run found: how far scores differ when the same words are asked again."""
    count, apart = len(noise), int((noise["p_adjusted"] <= alpha).sum())
    floor = float(noise["noise_floor"].max())
    told = "none differs from itself" if not apart else f"{apart} differ from themselves"
    said = f"of {count} {'arm' if count == 1 else 'arms'} {told}."
    if floor == 0.0:
        said += " Every answer scores as it did the first time."
    elif not math.isnan(floor):
        said += f" A true difference below {floor:.2g} would mostly go unseen at this size."
    return f"Asked twice with the same words: {said}"
