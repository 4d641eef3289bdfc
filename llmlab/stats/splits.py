"""Rows of a run split by stated probability, cut-off date, answering model, or A/A prompt."""

import math
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import numpy as np

from llmlab.errors import UsageError
from llmlab.scores.folded import fold
from llmlab.stats.arms import Arm, arms
from llmlab.stats.calibration import Calibration, calibration
from llmlab.stats.clusters import Cluster
from llmlab.stats.matrix import Name, matrix
from llmlab.stats.multiple import holm
from llmlab.stats.paired import pairs_of
from llmlab.stats.power import detectable

if TYPE_CHECKING:
    import pandas as pd


def calibrations(rows: "pd.DataFrame", *, bins: int = 10) -> dict[Name, Calibration]:
    """
    Return the calibration of each arm from the columns `said` and `target`.

    Where log-probabilities made the column `probability`, that of the label said, and whether it
    was right. Repeats of an input count as one.

    Raises:
        UsageError: The run was not scored by stated probabilities.
    """
    if "said" not in rows.columns or "target" not in rows.columns:
        raise UsageError("rows have no columns said and target: score with 'brier' or 'log_loss'")
    said, came = _stated(rows)
    usable = said.between(0.0, 1.0) & came.isin([0.0, 1.0])
    if not usable.any():
        raise UsageError(
            "no answer states a probability of something that came or not: score with 'brier', or "
            "with 'label_p'"
        )
    columns = (rows["prompt"], rows["label"], said, came, rows["input_id"], usable)
    by_arm: dict[Name, tuple[list[float], list[float], list[object]]] = {}
    for prompt, label, stated, true, name, counts in zip(*columns, strict=True):
        if counts:
            found = by_arm.setdefault((str(prompt), str(label)), ([], [], []))
            found[0].append(stated)
            found[1].append(true)
            found[2].append(name)
    return {
        name: calibration(stated, true, bins=bins, inputs=asked)
        for name, (stated, true, asked) in sorted(by_arm.items())
    }


def _stated(rows: "pd.DataFrame") -> "tuple[pd.Series[float], pd.Series[float]]":
    """Return the probability of each answer, and 1 where what it is of came, 0 where not."""
    import pandas as pd

    if "probability" in rows.columns and rows["probability"].notna().any():
        pairs = zip(rows["said"], rows["target"], strict=True)
        right = [
            math.nan if pd.isna(said) or pd.isna(target) else float(fold(said) == fold(target))
            for said, target in pairs
        ]
        return rows["probability"].astype(float), pd.Series(right, index=rows.index)
    said = pd.to_numeric(rows["said"], errors="coerce").astype(float)
    came = pd.to_numeric(
        rows["target"].replace({"true": "1", "false": "0", "True": "1", "False": "0"}),
        errors="coerce",
    ).astype(float)
    return said, came


def calibration_table(rows: "pd.DataFrame", *, bins: int = 10) -> "pd.DataFrame":
    """Return Brier's score and its parts, one row an arm, best first."""
    import pandas as pd

    lines = []
    for (prompt, label), found in calibrations(rows, bins=bins).items():
        line = asdict(found)
        line.pop("bins")
        lines.append({"prompt": prompt, "label": label, **line})
    return pd.DataFrame(lines).sort_values("brier", ignore_index=True)


def by_cutoff(rows: "pd.DataFrame", *, cluster: Cluster = None) -> "pd.DataFrame":
    """
    Return each arm's score on inputs before and after its model's knowledge cut-off.

    Raises:
        UsageError: No row has a date and a model with a known cut-off.
    """
    return _split(rows, "before_cutoff", cluster, "no input has a date and a model with a known "
                  "cut-off: give as_of= a column of dates")  # fmt: skip


def by_answerer(rows: "pd.DataFrame", *, cluster: Cluster = None) -> "pd.DataFrame":
    """Return each arm's score by the model and fingerprint that answered."""
    return _split(versions(rows), "version", cluster, "no row says which model answered")


def versions(rows: "pd.DataFrame") -> "pd.DataFrame":
    """
    Return *rows* with `version`: the model as reported, and its fingerprint where that changed.

    A provider that serves several configurations side by side mixes their fingerprints all the
    time; only one that comes after another has gone says that something was changed.
    """
    made = rows.assign(version=rows["response_model"].astype("string"))
    if "fingerprint" not in rows.columns:
        return made
    marked = made[made["fingerprint"].notna() & made["version"].notna()]
    for _, part in marked.groupby(["label", "backend", "response_model"], observed=True):
        if _changed(part):
            marks = part["fingerprint"].astype("string")
            made.loc[part.index, "version"] = part["version"] + " " + marks
    return made


_ENOUGH: Final = 5
"""Calls with a fingerprint below which its coming and going may be chance."""


def _changed(part: "pd.DataFrame") -> bool:
    """Say whether a fingerprint that is not rare began only after another had ended."""
    times = part.groupby(part["fingerprint"].astype("string"))["started_at"]
    spans = times.agg(["min", "max", "count"])
    spans = spans[spans["count"] >= _ENOUGH]
    return len(spans) > 1 and bool(spans["min"].max() > spans["max"].min())


def _split(rows: "pd.DataFrame", column: str, cluster: Cluster, nothing: str) -> "pd.DataFrame":
    import pandas as pd

    if column not in rows.columns or not rows[column].notna().any():
        raise UsageError(nothing)
    lines = [
        _part(arm, column, value, part)
        for value, part in rows[rows[column].notna()].groupby(column, observed=True)
        for arm in arms(part, compared=(), cluster=cluster)
    ]
    return pd.DataFrame(lines).sort_values(["prompt", "label", column], ignore_index=True)


def _part(arm: Arm, column: str, value: object, part: "pd.DataFrame") -> dict[str, object]:
    mine = part[(part["prompt"] == arm.prompt) & (part["label"] == arm.label)]
    return {
        "prompt": arm.prompt,
        "label": arm.label,
        column: value,
        "inputs": arm.inputs,
        "calls": arm.calls,
        "score": arm.score,
        "score_low": arm.score_low,
        "score_high": arm.score_high,
        "first": mine["started_at"].min(),
        "last": mine["started_at"].max(),
    }


def noise(rows: "pd.DataFrame", again: str, *, cluster: Cluster = None) -> "pd.DataFrame":
    """
    Return for each prompt that was asked twice how far it differs from itself.

    *again* is what the second's name ends with. `same` is the share of inputs on which both
    score alike, `noise_floor` the difference that a test of this size would find in four runs of
    five: what is smaller is not to be told from asking once more.
    """
    import pandas as pd

    table = matrix(rows, cluster=cluster)
    twins = [pair for pair in pairs_of(table, 0.95) if pair.b == (pair.prompt_a + again,
             pair.label_a)]  # fmt: skip
    if not twins:
        raise UsageError("no prompt was asked twice: run with aa=True")
    adjusted = holm([pair.p for pair in twins])
    lines = []
    for pair, p in zip(twins, adjusted, strict=True):
        places = table.names.index(pair.a), table.names.index(pair.b)
        one, other = (table.scores[:, place] for place in places)
        both = table.of_pair(*places)
        lines.append(
            {
                "prompt": pair.prompt_a,
                "label": pair.label_a,
                "inputs": pair.inputs,
                "difference": pair.difference,
                "low": pair.low,
                "high": pair.high,
                "sd": pair.sd,
                "same": float((one[both] == other[both]).mean()) if both.any() else np.nan,
                "noise_floor": detectable(pair.sd, pair.inputs),
                "p": pair.p,
                "p_adjusted": float(p),
            }
        )
    return pd.DataFrame(lines)


def drift_notes(rows: "pd.DataFrame") -> tuple[str, ...]:
    """Say which arms were answered by several models or serving configurations."""
    if "response_model" not in rows.columns or not rows["response_model"].notna().any():
        return ()
    seen = versions(rows)[["label", "backend", "version"]].dropna()
    counts: dict[tuple[str, str], Counter[str]] = {}
    for label, backend, version in seen.astype(str).itertuples(index=False):
        counts.setdefault((label, backend), Counter())[version] += 1
    return tuple(
        f"Drift: {label} was answered by {len(found)} versions "
        f"({', '.join(f'{name} ({count:,})' for name, count in found.most_common())}); "
        "run.drift splits the scores."
        for (label, _), found in counts.items()
        if len(found) > 1
    )


def cutoff_notes(rows: "pd.DataFrame") -> tuple[str, ...]:
    """Say how scores before and after the cut-off compare, arms with both taken together."""
    if "before_cutoff" not in rows.columns or not rows["score"].notna().any():
        return ()
    known = rows.loc[rows["before_cutoff"].notna() & rows["score"].notna()]
    means = {}
    for side, part in known.groupby("before_cutoff"):
        means[bool(side)] = (part["score"].mean(), part["input_id"].nunique())
    if True not in means:
        return ()
    words = f"before the cut-off {means[True][0]:.3g} ({means[True][1]:,} inputs)"
    if False not in means:
        return (f"Look-ahead: every dated input lies {words}; no clean score is left.",)
    after = f"after it {means[False][0]:.3g} ({means[False][1]:,})"
    return (f"Look-ahead: the mean score is {words} and {after}.",)
