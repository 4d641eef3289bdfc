"""Compare a run with an earlier one: changes in score, cost and latency."""

from typing import TYPE_CHECKING

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.arms import Arm, arms
from llmlab.stats.clusters import Cluster
from llmlab.stats.matrix import Name
from llmlab.stats.multiple import holm
from llmlab.stats.paired import Pair, pairs

if TYPE_CHECKING:
    import pandas as pd

THEN, NOW = "0 then", "1 now"
"""Names of the two sides; A is what sorts first."""


def regressions(
    old: "pd.DataFrame", new: "pd.DataFrame", *, cluster: Cluster = None, alpha: float = 0.05
) -> "pd.DataFrame":
    """
    Return for each arm that both runs have how its score changed on the inputs they share.

    One row an arm, the worst change first: `difference` is new minus old, tested as pairs of arms
    are, `p_adjusted` Holm over arms; `change` says worse, better, or none seen.

    Raises:
        UsageError: The runs share no arm, or no input.
    """
    import pandas as pd

    was = {arm.name: arm for arm in arms(old, compared=())}
    now = {arm.name: arm for arm in arms(new, compared=())}
    shared = [name for name in was if name in now]
    if not shared:
        raise UsageError("the runs share no arm: prompt names and labels must be the same")
    found = {name: _pair(old, new, name, cluster) for name in shared}
    if all(pair.inputs == 0 for pair in found.values()):
        raise UsageError("the runs share no scored input: they are compared by input_id")
    adjusted = holm([pair.p for pair in found.values()])
    lines = [
        _line(was[name], now[name], found[name], float(p), alpha, _versions(old, new, name))
        for name, p in zip(shared, adjusted, strict=True)
    ]
    return pd.DataFrame(lines).sort_values("difference", ignore_index=True)


def _pair(old: "pd.DataFrame", new: "pd.DataFrame", name: Name, cluster: Cluster) -> Pair:
    import pandas as pd

    needed = ["input_id", "status", "score"]
    sides = [
        part.loc[_is(part, name), needed].assign(prompt=side, label=name[1])
        for part, side in ((old, THEN), (new, NOW))
    ]
    return pairs(pd.concat(sides, ignore_index=True), cluster=cluster)[0]


def _is(rows: "pd.DataFrame", name: Name) -> "pd.Series[bool]":
    return (rows["prompt"].astype(str) == name[0]) & (rows["label"].astype(str) == name[1])


def _line(
    was: Arm, now: Arm, pair: Pair, p: float, alpha: float, versions: str
) -> dict[str, object]:
    change = "none seen"
    if p <= alpha:
        change = "worse" if pair.difference < 0.0 else "better"
    return {
        "prompt": was.prompt,
        "label": was.label,
        "inputs": pair.inputs,
        "old": pair.mean_a,
        "new": pair.mean_b,
        "difference": pair.difference,
        "low": pair.low,
        "high": pair.high,
        "p": pair.p,
        "p_adjusted": p,
        "change": change,
        "cost_ratio": now.cost_per_1000_usd / (was.cost_per_1000_usd or np.nan),
        "latency_ratio": now.latency_p50_s / (was.latency_p50_s or np.nan),
        "old_failures": was.failures,
        "new_failures": now.failures,
        "versions": versions,
        "test": pair.test,
    }


def _versions(old: "pd.DataFrame", new: "pd.DataFrame", name: Name) -> str:
    """Say what else is not the same: the prompt's words, or the model that answered."""
    said = []
    for column, word in (("prompt_version", "prompt"), ("response_model", "model")):
        if column not in old.columns or column not in new.columns:
            continue
        before, after = (
            sorted(part.loc[_is(part, name), column].dropna().astype(str).unique())
            for part in (old, new)
        )
        if before != after:
            said.append(f"{word} {'+'.join(before)} -> {'+'.join(after)}")
    return "; ".join(said)
