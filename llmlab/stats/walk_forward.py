"""
Choose the best arm on earlier dates, score it on the dates after: what choosing is worth.

Source: Bergmeir & Benitez (2012), Information Sciences 191, for scoring after choosing in the
order of time; Lopez de Prado (2018), "Advances in Financial Machine Learning", chapter 7, for the
embargo.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, Ints, at_least, fraction
from llmlab.stats.clusters import Dated
from llmlab.stats.intervals import numbered
from llmlab.stats.matrix import Matrix, matrix, name_of
from llmlab.stats.means import mean_of, tested
from llmlab.stats.multiple import holm
from llmlab.stats.spread import Dependence, averaged

if TYPE_CHECKING:
    import pandas as pd

FEWEST: Final = 20
"""Dates to choose on, where nobody said how many."""
SHORTEST: Final = 5
"""Dates of a block, where nobody said how many and targets do not look further."""
_ROUNDING: Final = 1e-12
CHOSEN: Final = "walk-forward"
"""The name of what was chosen, among the arms."""


class TimeSplit(NamedTuple):
    """Dates to choose on and the dates to score on after them: each a first and an end place."""

    train: tuple[int, int]
    test: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """What was chosen, and how it did on dates that the choice did not know."""

    table: "pd.DataFrame"
    """The choice in the first row, then every arm, best first, all on the same later dates."""
    blocks: "pd.DataFrame"
    """One row a block of dates: the arm chosen, its score in training and on the block."""
    scores: "pd.DataFrame"
    """Mean score by date (rows) of the choice and of every arm (columns)."""
    verdict: str
    notes: tuple[str, ...]


def folds(
    dates: int,
    *,
    embargo: int,
    test: int,
    window: int | None = None,
    min_train: int = FEWEST,
) -> list[TimeSplit]:
    """
    Return the folds of *dates* in order.

    The *embargo* dates before a block are not chosen on: their targets are not known when it
    begins. *window* is how many dates are chosen on (rolling); all earlier ones when None.

    Raises:
        UsageError: There are too few dates for one fold.
    """
    first = (min_train if window is None else window) + embargo
    if first >= dates:
        raise UsageError(
            f"walk_forward needs more than {first} dates ({first - embargo} to choose on and an "
            f"embargo of {embargo}) and has {dates}: lower min_train= or window="
        )
    made = []
    for start in range(first, dates, test):
        end = start - embargo
        train = (0 if window is None else end - window, end)
        made.append(TimeSplit(train, (start, min(dates, start + test))))
    return made


def walk_forward(
    rows: "pd.DataFrame",
    dates: Dated,
    *,
    test: int | None = None,
    window: int | None = None,
    min_train: int | None = None,
    level: float = 0.95,
) -> WalkForward:
    """
    Return how the arm that was best so far does on the dates after, block by block.

    An embargo of the horizon of *dates* lies between: see `folds`. *test* is the dates of a
    block (a horizon, at least 5), *window* those chosen on (all earlier ones when None). Scores
    are of the inputs that every ranked arm has; intervals are those of dates that overlap.

    Raises:
        UsageError: A setting does not suit, or there are too few dates or arms.
    """
    table = matrix(rows, cluster=dates)
    panel = _Panel.of(table)
    fraction("level", level)
    found = _folds(panel, test, window, min_train)
    chosen = _chosen(panel, found)
    after = panel.codes >= found[0].test[0]
    made = _followed(panel, found, chosen)[after]
    part = _Panel(panel.names, panel.scores[after], panel.codes[after], panel.steps, panel.limits)
    lines = _lines(part, made, Counter(chosen), len(found), level)
    days = table.days_of(table.compared)
    return WalkForward(
        table=lines,
        blocks=_blocks(panel, found, chosen, days),
        scores=_scores(part, made, days[found[0].test[0] :]),
        verdict=_verdict(lines, len(found)),
        notes=_notes(table, lines),
    )


class _Panel(NamedTuple):
    """Scores of the ranked arms on the compared inputs, and the date of each, numbered."""

    names: tuple[tuple[str, str], ...]
    scores: Floats
    codes: Ints
    steps: int
    limits: tuple[float, float]

    @classmethod
    def of(cls, table: Matrix) -> "_Panel":
        places = np.flatnonzero(table.ranked)
        codes = table.clusters_of(table.compared)
        if places.size < 2 or codes is None or not codes.size:  # noqa: PLR2004 - nothing to choose
            raise UsageError("walk_forward needs two arms that are scored on the same inputs")
        return cls(
            names=tuple(table.names[at] for at in places),
            scores=table.scores[np.ix_(table.compared, places)],
            codes=numbered(codes),
            steps=table.steps,
            limits=table.limits,
        )

    @property
    def dates(self) -> int:
        return int(self.codes.max()) + 1

    def within(self, span: tuple[int, int]) -> Flags:
        return np.asarray((self.codes >= span[0]) & (self.codes < span[1]))

    def depends(self) -> Dependence:
        return Dependence(self.codes, self.steps)


def _folds(
    panel: _Panel, test: int | None, window: int | None, min_train: int | None
) -> list[TimeSplit]:
    block = at_least("test", max(SHORTEST, panel.steps) if test is None else test, 1)
    if window is not None:
        at_least("window", window, 2)
    least = max(FEWEST, 2 * panel.steps) if min_train is None else min_train
    at_least("min_train", least, 2)
    return folds(panel.dates, embargo=panel.steps, test=block, window=window, min_train=least)


def _chosen(panel: _Panel, found: list[TimeSplit]) -> list[int]:
    """Return the arm of each fold: the highest mean in training, the first of equals."""
    means = [panel.scores[panel.within(fold.train)].mean(axis=0) for fold in found]
    return [int(np.flatnonzero(each >= each.max() - _ROUNDING)[0]) for each in means]


def _followed(panel: _Panel, found: list[TimeSplit], chosen: list[int]) -> Floats:
    made = np.full(panel.codes.size, np.nan)
    for fold, arm in zip(found, chosen, strict=True):
        here = panel.within(fold.test)
        made[here] = panel.scores[here, arm]
    return made


def _lines(
    part: _Panel, made: Floats, times: Counter[int], blocks: int, level: float
) -> "pd.DataFrame":
    import pandas as pd

    means = part.scores.mean(axis=0)
    lines = [{"prompt": CHOSEN, "label": "", "chosen": blocks, "share": 1.0, "hindsight": False,
              **_mean(made, part, level), **_lead(np.zeros(0), part, level)}]  # fmt: skip
    for at in np.argsort(-means, kind="stable"):
        name, scores = part.names[at], part.scores[:, at]
        lines.append(
            {"prompt": name[0], "label": name[1], "chosen": times[int(at)],
             "share": times[int(at)] / blocks, "hindsight": len(lines) == 1,
             **_mean(scores, part, level), **_lead(made - scores, part, level)}
        )  # fmt: skip
    table = pd.DataFrame(lines)
    table["p_adjusted"] = holm(table["p"].to_numpy(dtype=float))
    return table


def _mean(values: Floats, part: _Panel, level: float) -> dict[str, Any]:
    law, _ = mean_of(values, part.limits, part.depends())
    low, high = law.limits(level)
    dates = int(np.unique(part.codes).size)
    return {"inputs": values.size, "dates": dates, "score": float(values.mean()), "low": low,
            "high": high}  # fmt: skip


def _lead(gaps: Floats, part: _Panel, level: float) -> dict[str, float]:
    """Return what the choice is ahead of an arm; NaN for itself, zero where it is that arm."""
    names = ("lead", "lead_low", "lead_high", "p")
    if not gaps.size:
        return dict.fromkeys(names, float("nan"))
    if not gaps.any():
        return dict(zip(names, (0.0, 0.0, 0.0, 1.0), strict=True))
    law, name = mean_of(gaps, (-np.inf, np.inf), part.depends())
    found = tested(law, level, name)
    return dict(zip(names, (float(gaps.mean()), found.low, found.high, found.p), strict=True))


def _scores(part: _Panel, made: Floats, days: "npt.NDArray[np.datetime64]") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        np.column_stack([averaged(each, part.codes) for each in (made, *part.scores.T)]),
        index=pd.DatetimeIndex(days, name="date"),
        columns=[CHOSEN, *(name_of(name) for name in part.names)],
    )


def _blocks(
    panel: _Panel, found: list[TimeSplit], chosen: list[int], days: "npt.NDArray[np.datetime64]"
) -> "pd.DataFrame":
    import pandas as pd

    lines = []
    for (train, test), arm in zip(found, chosen, strict=True):
        before, here = panel.within(train), panel.within(test)
        lines.append(
            {"first": days[test[0]], "last": days[test[1] - 1], "train_first": days[train[0]],
             "train_last": days[train[1] - 1], "prompt": panel.names[arm][0],
             "label": panel.names[arm][1], "train_score": float(panel.scores[before, arm].mean()),
             "score": float(panel.scores[here, arm].mean())}
        )  # fmt: skip
    return pd.DataFrame(lines)


def _verdict(lines: "pd.DataFrame", blocks: int) -> str:
    own, best = lines.iloc[0], lines.iloc[1]
    name = name_of((best["prompt"], best["label"]))
    apart = float(best["lead"])
    said = f"{own['score']:.3g} [{own['low']:.3g}, {own['high']:.3g}]"
    span = f"[{best['lead_low']:+.3g}, {best['lead_high']:+.3g}]"
    return (
        f"Choosing by earlier dates scored {said} on the {int(own['dates'])} dates after "
        f"({blocks} blocks); against {name}, the best of them in hindsight: {apart:+.3g} {span}."
    )


def _notes(table: Matrix, lines: "pd.DataFrame") -> tuple[str, ...]:
    told = ["Best in hindsight is itself picked by its luck on these dates."]
    lost = len(table.inputs) - int(table.compared.sum())
    if lost:
        told.append(f"{lost:,} inputs lack a score of some ranked arm and are left out.")
    if int(lines["chosen"].iloc[1:].max()) == int(lines["chosen"].iloc[0]):
        told.append("One arm was chosen throughout.")
    return tuple(told)
