"""Targets that overlap: the winner, labels, parts, repeats and judges take the long-run error."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmlab import Comparison
from llmlab.stats.checks import Floats
from llmlab.stats.prediction_powered import powered
from llmlab.stats.shares import share
from llmlab.stats.spread import Dependence
from llmlab.stats.winner import winner

DATES, HORIZON, RUNS = 250, 5, 200
WEEKLY = Dependence(np.arange(DATES), HORIZON)


def overlapping(rng: np.random.Generator, columns: int) -> Floats:
    """Draw sums of five days, sampled daily; their mean is 0."""
    days = np.cumsum(rng.normal(size=(DATES + HORIZON, columns)), axis=0)
    return np.asarray((days[HORIZON:] - days[:-HORIZON]) / np.sqrt(HORIZON))


def test_intervals_hold_where_targets_overlap() -> None:
    """Of the best of six arms alike, of a share, of a judge's scores with 100 marks."""
    rng, held, ignored = np.random.default_rng(0), np.zeros(3), 0
    for _ in range(RUNS):
        scores = overlapping(rng, 6)
        best, plain = winner(scores, depends=WEEKLY), winner(scores)
        rate = share((scores[:, 1] > 0.0).astype(float), np.ones(DATES), WEEKLY, 0.95)
        gold = np.full(DATES, np.nan)
        marked = rng.choice(DATES, 100, replace=False)
        gold[marked] = scores[marked, 0]
        judge = 0.3 + scores[:, 0] + 0.5 * rng.normal(size=DATES)
        helped = powered(gold, judge, depends=WEEKLY)
        limits: list[tuple[Any, float]] = [(best, 0.0), (rate, 0.5), (helped, 0.0)]
        held += [each.low <= truth <= each.high for each, truth in limits]
        ignored += plain.low <= 0.0 <= plain.high

    assert (held / RUNS >= 0.90).all()
    assert ignored / RUNS < 0.70


def test_every_question_of_a_run_knows_its_horizon() -> None:
    """None of them is surer than the same run with its dates taken for independent."""
    rng = np.random.default_rng(1)
    right = overlapping(rng, 1)[:, 0] > 0.0
    rows = [
        {"prompt": prompt, "model": "m", "input": i, "repeat": r, "target": "up",
         "said": "up" if right[i] ^ (rng.random() < 0.1) else "down",
         "as_of": pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=i),
         "half": i < DATES / 2}
        for prompt in "AB" for i in range(DATES) for r in range(2)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    frame["score"] = (frame["said"] == "up").astype(float)
    gold = frame[frame["input"] % 3 == 0].rename(columns={"score": "mark"})
    wide, narrow = (Comparison.from_scores(frame, horizon=h) for h in (HORIZON, None))

    def widths(run: Comparison) -> npt.NDArray[np.float64]:
        found = [
            run.classes().query("`class` == 'up'")[["recall_low", "recall_high"]],
            run.classes(average=True)[["accuracy_low", "accuracy_high"]],
            run.passes()[["all_low", "all_high"]],
            run.by("half")[["score_low", "score_high"]],
            run.prediction_powered(gold, of="arms")[["low", "high"]],
            run.summary[["winner_low", "winner_high"]].dropna(),
        ]
        return np.concatenate([np.ptp(each.to_numpy(dtype=float), axis=1) for each in found])

    assert (widths(wide) > 1.2 * widths(narrow)).all()
    assert wide.by("half")["p"].min() > narrow.by("half")["p"].min()
    assert len(wide.variance()) == 2
