"""An experiment, read: its rows, what they say, and how to look at and keep them."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmlab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from llmlab.stats import Pair, Verdict
    from llmlab.views.comparison import Shown

PLOTS: Final = ("frontier", "forest", "differences", "latency")


class Comparison:
    """
    The result of an A/B run; everything in it is derived from `rows`.

    In a notebook it shows as verdict, table and frontier; in a terminal as text. It needs no
    key, no network and no book: rows that were saved can be read anywhere.
    """

    def __init__(
        self,
        name: str,
        rows: "pd.DataFrame",
        *,
        title: str = "",
        chance: float | None = None,
        score_name: str = "",
        cluster: "Mapping[str, object] | None" = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.rows = rows
        self.title = title or name
        self.chance = chance
        self.score_name = score_name
        self._cluster = cluster
        self._notes = notes

    @cached_property
    def summary(self) -> "pd.DataFrame":
        """One row an arm (prompt × model), best first; see `docs/columns.md`."""
        import pandas as pd

        return pd.DataFrame([asdict(arm) for arm in self._arms])

    @cached_property
    def pairs(self) -> "pd.DataFrame":
        """One row for each two arms, compared on the inputs that both answered."""
        import pandas as pd

        from llmlab.stats import Pair

        names = list(Pair.__dataclass_fields__)
        return pd.DataFrame([asdict(pair) for pair in self._pairs], columns=names)

    @property
    def verdict(self) -> str:
        """What the numbers allow to be said, in words."""
        return self._verdict.sentence

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside the verdict: who answered, how few inputs, what was cut."""
        return (*self._notes, *self._verdict.notes)

    def plot(self, kind: str = "frontier") -> "Figure":
        """
        Draw the run: `frontier`, `forest`, `differences` or `latency`.

        Raises:
            UsageError: There is no plot of this name.
        """
        from llmlab.views import plots

        if kind not in PLOTS:
            raise UsageError(f"no plot is called {kind!r}; there are {', '.join(PLOTS)}")
        drawn: Figure = getattr(plots, kind)(self.shown)
        return drawn

    def export(self, path: str | Path) -> Path:
        """Write the rows to *path* (csv, parquet, xlsx, json), or the reading (md, html, png)."""
        from llmlab.views.export import export

        return export(self.shown, Path(path))

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file with the verdict, the tables and the plots."""
        from llmlab.views.report import report

        return report(self.shown, Path(path))

    @cached_property
    def shown(self) -> "Shown":
        """What the views draw from."""
        from llmlab.views.comparison import Shown

        return Shown(
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
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        from llmlab.views.table import summary_text

        return summary_text(self.shown)

    def _repr_html_(self) -> str:
        from llmlab.views.cell import comparison_html

        return comparison_html(self.shown)

    @cached_property
    def _pairs(self) -> "tuple[Pair, ...]":
        from llmlab.stats import pairs

        return pairs(self.rows, cluster=self._clusters)

    @cached_property
    def _arms(self) -> "tuple[Any, ...]":
        from llmlab.stats import arms

        return arms(self.rows, chance=self.chance, cluster=self._clusters, compared=self._pairs)

    @cached_property
    def _verdict(self) -> "Verdict":
        from llmlab.stats import verdict

        return verdict(self._arms, self._pairs)

    @property
    def _clusters(self) -> "pd.Series[Any] | None":
        import pandas as pd

        return None if self._cluster is None else pd.Series(dict(self._cluster))

    @property
    def _basis(self) -> str:
        """The price tables of the rows: one line, however many models."""
        bases = sorted({str(each).split(", ")[0] for each in self.rows["price_basis"].dropna()})
        return "; ".join(basis for basis in bases if basis)
