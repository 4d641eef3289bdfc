"""An experiment, read: its rows, what they say, and how to look at and keep them."""

import math
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from llmlab.comparison.questions import Questions
from llmlab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from llmlab.views.comparison import ComparisonView

PLOTS: Final = ("frontier", "forest", "differences", "latency", "calibration")


class Comparison(Questions):
    """
    The result of an A/B run; everything in it is derived from `rows`.

    In a notebook it shows as verdict, table and frontier; in a terminal as text. It needs no
    key, no network and no book: rows that were saved can be read anywhere.
    """

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

        return pd.DataFrame([asdict(arm) for arm in self._arms])

    @cached_property
    def pairs(self) -> "pd.DataFrame":
        """One row for each two arms, compared on the inputs of the ranking."""
        import pandas as pd

        from llmlab.stats import Pair

        names = list(Pair.__dataclass_fields__)
        return pd.DataFrame([asdict(pair) for pair in self._pairs], columns=names)

    @property
    def verdict(self) -> str:
        """What the numbers allow to be said, in words."""
        return noise_sentence(self.noise) if self._aa else self._verdict.sentence

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside the verdict: who answered, how few inputs, what was cut."""
        from llmlab.stats.doubts import charge_notes
        from llmlab.stats.splits import cutoff_notes, drift_notes

        found = (*cutoff_notes(self.rows), *drift_notes(self.rows), *charge_notes(self.rows))
        found = (*found, *self._in_time())
        return (*self._notes, *found, *self._verdict.notes, *self._watched(), *self._tried())

    def _in_time(self) -> tuple[str, ...]:
        """Say that dates go with their neighbours, where nobody said how far targets look."""
        from llmlab.stats.overlap import overlap_notes

        if self.horizon is not None or self.dates is None or not self._verdict.best:
            return ()
        return overlap_notes(self.rows, self.dates)

    def _watched(self) -> tuple[str, ...]:
        if not self.watched:
            return ()
        holds = "score intervals, pairs and not_worse hold all the same"
        fixed = "costs, frontier, deflated, cuped, by, classes, passes and compare_runs"
        return (f"This run was watched as it went: {holds}; {fixed} are those of a fixed size.",)

    def _tried(self) -> tuple[str, ...]:
        if self.trials is None or self.trials <= len(self._arms):
            return ()
        count = f"{self.trials:,} arms were tried on these inputs so far, {len(self._arms)} of them"
        return (f"{count} in this run: the best of many is partly luck; see run.deflated().",)

    def plot(self, kind: str = "frontier") -> "Figure":
        """
        Draw the run: `frontier`, `forest`, `differences`, `latency` or `calibration`.

        Raises:
            UsageError: There is no plot of this name.
        """
        from llmlab.views import plots

        if kind not in PLOTS:
            raise UsageError(f"no plot is called {kind!r}; there are {', '.join(PLOTS)}")
        drawn: Figure = getattr(plots, kind)(self.shown)
        return drawn

    def export(self, path: str | Path, *, spreadsheet_safe: bool = True) -> Path:
        """
        Write the rows to *path* (csv, parquet, xlsx, json), or the reading (md, html, png).

        Args:
            path: The file; its suffix says which kind.
            spreadsheet_safe: Whether a text of a csv that a spreadsheet would take for a formula
                gets an apostrophe before it. `read_rows` takes it away again; with False the
                csv has every text as it is.
        """
        from llmlab.views.export.files import export

        return export(self.shown, Path(path), spreadsheet_safe=spreadsheet_safe)

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file with the verdict, the tables and the plots."""
        from llmlab.views.export.report import report

        return report(self.shown, Path(path))

    @cached_property
    def shown(self) -> "ComparisonView":
        """What the views draw from."""
        from llmlab.views.comparison import ComparisonView

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
            depends=self.depends,
        )

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
        return "; ".join([f"{self.title}: no rows, so there is nothing to compare", *self._notes])

    @property
    def _basis(self) -> str:
        """The price tables of the rows: one line, however many models."""
        bases = sorted({str(each).split(", ")[0] for each in self.rows["price_basis"].dropna()})
        return "; ".join(basis for basis in bases if basis)


def noise_sentence(noise: "pd.DataFrame", alpha: float = 0.05) -> str:
    """Say what an A/A run found: how much of a difference is nothing but asking again."""
    count, apart = len(noise), int((noise["p_adjusted"] <= alpha).sum())
    floor = float(noise["noise_floor"].max())
    told = "none differs from itself" if not apart else f"{apart} differ from themselves"
    said = f"of {count} {'arm' if count == 1 else 'arms'} {told}."
    if floor == 0.0:
        said += " Every answer scores as it did the first time."
    elif not math.isnan(floor):
        said += f" A true difference below {floor:.2g} would mostly go unseen at this size."
    return f"Asked twice with the same words: {said}"
