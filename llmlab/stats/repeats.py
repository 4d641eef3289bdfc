"""pass^k and pass@k: right in all of k repeats, or in at least one."""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, fraction
from llmlab.stats.clusters import Cluster
from llmlab.stats.matrix import Matrix, matrix, numbers
from llmlab.stats.shares import among, share
from llmlab.stats.spread import Dependence

if TYPE_CHECKING:
    import pandas as pd


def passes(
    rows: "pd.DataFrame",
    *,
    threshold: float = 1.0,
    most: int | None = None,
    cluster: Cluster = None,
    level: float = 0.95,
) -> "pd.DataFrame":
    """
    Return pass^k and pass@k of each arm: right in all of k repeats, and in at least one.

    One row an arm and k, from 1 to *most* (the repeats that every scored input of the arm has,
    when None). An answer is right from a score of *threshold* on. Both are means over inputs of
    unbiased estimates; an input with fewer than k repeats is left out of that row and counted in
    `left_out`. A repeat that is there twice, or whose answer is another's read again (the same
    request id), counts once.

    Raises:
        UsageError: No input was asked more than once.

    Source: Yao et al. (2024), "tau-bench" (pass^k); Chen et al. (2021), "Evaluating large
    language models trained on code" (pass@k).
    """
    import pandas as pd

    fraction("level", level)
    table = matrix(rows, cluster=cluster)
    true = _true(rows, table)
    right = true & (numbers(rows, "score") >= threshold)
    lines: list[dict[str, Any]] = []
    for place, name in enumerate(table.names):
        mine = true & (table.arm_of == place)
        inputs = table.of_arm(place)
        asked = _counts(table, mine)[inputs]
        good = _counts(table, mine & right)[inputs]
        for k in range(1, (most or (int(asked.min()) if asked.size else 0)) + 1):
            line = _line(asked, good, k, table.depends(inputs), level)
            lines.append({"prompt": name[0], "label": name[1], **line})
    if not any(line["k"] > 1 for line in lines):
        raise UsageError("no arm was asked twice about every input: run with repeats=2 or more")
    return pd.DataFrame(lines)


def _line(
    asked: Floats, good: Floats, k: int, depends: Dependence, level: float
) -> dict[str, int | float]:
    """Return the figures of one k, over the inputs that were asked so often."""
    enough = asked >= k
    every = _drawn(good[enough], asked[enough], k)
    none = _drawn(asked[enough] - good[enough], asked[enough], k)
    whole, some = np.ones(int(enough.sum())), among(depends, enough)
    all_right, any_right = (share(part, whole, some, level) for part in (every, 1.0 - none))
    return {
        "k": k,
        "inputs": int(enough.sum()),
        "left_out": int((~enough).sum()),
        "all_right": all_right.value,
        "all_low": all_right.low,
        "all_high": all_right.high,
        "any_right": any_right.value,
        "any_low": any_right.low,
        "any_high": any_right.high,
    }


def _true(rows: "pd.DataFrame", table: Matrix) -> Flags:
    """Return the scored rows that are repeats of their own."""
    import pandas as pd

    keys = pd.DataFrame({"arm": table.arm_of, "input": table.input_of})
    repeat = rows["repeat"].to_numpy() if "repeat" in rows.columns else np.arange(len(rows))
    scored = keys[table.scored].assign(repeat=repeat[table.scored])
    twice = scored.duplicated(["arm", "input", "repeat"])
    if "request_id" in rows.columns:
        said = rows["request_id"].astype("object").to_numpy()[table.scored]
        ids = scored.assign(request=said)
        twice |= ids["request"].notna() & ids.duplicated(["arm", "input", "request"])
    true = np.zeros(len(rows), dtype=bool)
    true[np.flatnonzero(table.scored)[~twice.to_numpy()]] = True
    return true


def _counts(table: Matrix, rows: Flags) -> Floats:
    return np.bincount(table.input_of[rows], minlength=len(table.inputs)).astype(float)


def _drawn(good: Floats, asked: Floats, k: int) -> Floats:
    """Return the chance that k repeats drawn from those asked are all good: C(c, k) / C(n, k)."""
    return np.asarray(special.comb(good, k) / special.comb(asked, k), dtype=float)
