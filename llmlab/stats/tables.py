"""Further tables of a run, as small DataFrames."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from llmlab.errors import UsageError, suggest
from llmlab.stats.against import Against
from llmlab.stats.arms import Arm, arms
from llmlab.stats.checks import Ints
from llmlab.stats.clusters import Cluster
from llmlab.stats.cuped import cuped
from llmlab.stats.deflation import best_of, deflate
from llmlab.stats.equivalence import Equivalence, equivalence
from llmlab.stats.frontier import break_even, frontier
from llmlab.stats.matrix import Matrix, Name, matrix, name_of, numbers, pair_names
from llmlab.stats.multiple import holm
from llmlab.stats.onesided import above
from llmlab.stats.planning import plan
from llmlab.stats.sequential_pairs import Watched, looked_equivalence

if TYPE_CHECKING:
    import pandas as pd

Said: TypeAlias = str | tuple[str, str]
"""An arm as people name it: `prompt · label`, (prompt, label), or a prompt or label alone."""

Covariates: TypeAlias = "Said | Mapping[Any, float] | pd.Series[Any] | pd.DataFrame"
"""An arm that was run on more inputs, or numbers by input id."""


def arm_called(names: Sequence[Name], said: Said) -> Name:
    """
    Return the one arm that *said* means.

    Raises:
        UsageError: None or several; the arms are listed.
    """
    if isinstance(said, tuple):
        found = [name for name in names if name == said]
    else:
        found = [name for name in names if said in (name_of(name), *name)]
    if len(found) == 1:
        return found[0]
    whole = [name_of(name) for name in names]
    if found:
        listed = ", ".join(repr(name_of(name)) for name in found)
        raise UsageError(f"{said!r} means {len(found)} arms; say one of {listed}")
    raise UsageError(f"no arm is called {said!r}; {suggest(said, whole)}")


def not_worse(
    rows: "pd.DataFrame",
    *,
    than: Said,
    margin: float,
    cluster: Cluster = None,
    alpha: float = 0.05,
    bound: float | None = None,
) -> "pd.DataFrame":
    """
    Return for every other arm whether it is not worse than *than* by *margin* or more.

    One row an arm, cheapest first: `difference` is the arm minus *than*, `p_adjusted` Holm over
    arms, `not_worse` at *alpha* after that, `cheaper` the share of cost that is saved. *bound*
    is the largest difference of two scores, for a run that was watched as it went.
    """
    import pandas as pd

    table = matrix(rows, cluster=cluster)
    base = table.names.index(arm_called(table.names, than))
    costs = {arm.name: arm.cost_per_1000_usd for arm in _plain_arms(rows)}
    others = [at for at in range(len(table.names)) if at != base]
    watched = None if bound is None else Watched.read(rows, cluster, bound)
    found = [
        looked_equivalence(watched, base, at, margin=margin, alpha=alpha)
        if watched is not None
        else _equivalence(table, base, at, margin=margin, alpha=alpha)
        for at in others
    ]
    adjusted = holm([each.p_not_worse for each in found])
    lines = [
        {
            "prompt": table.names[at][0],
            "label": table.names[at][1],
            "inputs": each.inputs,
            "difference": each.difference,
            "low": each.low,
            "high": each.high,
            "margin": margin,
            "p": each.p_not_worse,
            "p_adjusted": float(p),
            "not_worse": bool(p <= alpha),
            "equivalent": each.equivalent,
            "cost_per_1000_usd": costs[table.names[at]],
            "cheaper": 1.0 - costs[table.names[at]] / (costs[table.names[base]] or np.nan),
            "test": each.test,
        }
        for at, each, p in zip(others, found, adjusted, strict=True)
    ]
    return pd.DataFrame(lines).sort_values("cost_per_1000_usd", ignore_index=True)


def _equivalence(table: Matrix, base: int, at: int, *, margin: float, alpha: float) -> Equivalence:
    lines, (low, high) = table.of_pair(base, at), table.limits
    reach = high - low
    return equivalence(
        table.scores[lines, base],
        table.scores[lines, at],
        margin=margin,
        clusters=_listed(table.clusters_of(lines)),
        alpha=alpha,
        ends=(-reach, reach),
        steps=table.steps,
    )


def planned(
    rows: "pd.DataFrame",
    *,
    difference: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    in_flight: int = 8,
    cluster: Cluster = None,
    repeats: int | None = None,
    against: Against = None,
) -> "pd.DataFrame":
    """
    Return what each pair of this run, taken as a pilot, needs: inputs, dollars, minutes.

    *difference* is what should be found; 0.05 for scores in 0..1, else it must be given.
    *repeats* plans with another number of repeats an input than the pilot had; *against* is the
    baseline that arms are compared with.
    """
    import pandas as pd

    if difference is None:
        scores = numbers(rows, "score")
        if np.nanmin(scores, initial=0.0) < 0.0 or np.nanmax(scores, initial=0.0) > 1.0:
            raise UsageError("scores are not in 0..1: say which difference= should be found")
        difference = 0.05
    found = plan(
        rows,
        difference=difference,
        power=power,
        alpha=alpha,
        in_flight=in_flight,
        cluster=cluster,
        repeats=repeats,
        against=against,
    )
    lines = []
    for each in found:
        line = asdict(each)
        lines.append({**pair_names(line.pop("a"), line.pop("b")), **line})
    return pd.DataFrame(lines)


def frontier_table(
    rows: "pd.DataFrame", *, cluster: Cluster = None, draws: int = 2_000
) -> "pd.DataFrame":
    """
    Return the arms from cheap to dear with the chance that each is on the frontier.

    `break_even_usd` is, for an arm on the frontier, the extra dollars per 1,000 calls for one
    point of score against the arm before it: whoever values a point higher takes it. With
    `low` and `high` (95 %); infinite where the dear one may not be better at all.
    """
    import pandas as pd

    frame = pd.DataFrame([asdict(each) for each in frontier(rows, cluster=cluster, draws=draws)])
    steps = {each.dear: each for each in break_even(rows, cluster=cluster, draws=draws)}
    names = list(zip(frame["prompt"], frame["label"], strict=True))
    for column, field in (
        ("break_even_usd", "dollars_per_point"),
        ("break_even_low", "low"),
        ("break_even_high", "high"),
    ):
        frame[column] = [getattr(steps[name], field) if name in steps else np.nan for name in names]
    return frame


def deflated(
    rows: "pd.DataFrame",
    *,
    trials: int,
    baseline: Said | float,
    cluster: Cluster = None,
) -> "pd.DataFrame":
    """
    Return each arm's lead over *baseline* (an arm, or a constant score), deflated for luck.

    *trials* counts every variant that was tried on these inputs. `probability` is that of the
    deflated Sharpe ratio; `p_best` the one-sided p-value as the best of so many (Sidak).
    """
    import pandas as pd

    table = matrix(rows, cluster=cluster)
    base, skipped = baseline_of(table, baseline)
    lines = []
    for at, name in enumerate(table.names):
        gaps = table.scores[:, at] - base
        keep = table.of_arm(at) & ~np.isnan(gaps)
        if name == skipped or keep.sum() < 2 or np.ptp(gaps[keep]) == 0.0:  # noqa: PLR2004
            continue
        codes = table.clusters_of(keep)
        found = deflate(gaps[keep], trials, codes=codes, steps=table.steps)
        p = above(gaps[keep], 0.0, codes, steps=table.steps)
        lines.append(
            {
                "prompt": name[0],
                "label": name[1],
                "inputs": int(keep.sum()),
                "lead": float(gaps[keep].mean()),
                "p": p,
                "p_best": best_of(p, trials) if not np.isnan(p) else np.nan,
                **asdict(found),
            }
        )
    if not lines:
        raise UsageError("no arm differs from the baseline on two inputs: nothing to deflate")
    return pd.DataFrame(lines).sort_values("lead", ascending=False, ignore_index=True)


def baseline_of(table: Matrix, baseline: Said | float) -> tuple[Any, Name | None]:
    """Return the scores of an arm and its name, or the number that is compared with."""
    if isinstance(baseline, str | tuple):
        name = arm_called(table.names, baseline)
        return table.scores[:, table.names.index(name)], name
    return float(baseline), None


def cuped_pair(
    rows: "pd.DataFrame",
    a: Said,
    b: Said,
    covariates: Covariates,
    *,
    cluster: Cluster = None,
) -> "pd.Series[Any]":
    """
    Return B minus A with covariates of the inputs taken out.

    *covariates* is an arm that was run on more inputs (a cheap one), or numbers by input id; the
    inputs that have them are the pool.
    """
    import pandas as pd

    table = matrix(rows, cluster=cluster)
    one, other = (table.names.index(arm_called(table.names, said)) for said in (a, b))
    gaps = pd.Series(
        table.scores[:, other] - table.scores[:, one], index=list(map(str, table.inputs))
    )
    if isinstance(covariates, str | tuple):
        place = table.names.index(arm_called(table.names, covariates))
        known = pd.DataFrame({"score": table.scores[:, place]}, index=gaps.index)
    else:
        known = pd.DataFrame(
            covariates if isinstance(covariates, pd.DataFrame) else pd.Series(covariates)
        )
        known.index = known.index.map(str)
    pool = known.dropna().astype(float)
    usable = np.asarray(gaps.notna() & gaps.index.isin(pool.index), dtype=bool)
    sample = gaps[usable]
    found = cuped(
        np.asarray(sample, dtype=float),
        np.asarray(pool.loc[sample.index], dtype=float),
        np.asarray(pool, dtype=float),
        codes=table.clusters_of(usable),
        steps=table.steps,
    )
    return pd.Series(asdict(found))


def _listed(codes: Ints | None) -> list[int] | None:
    return None if codes is None else codes.tolist()


def _plain_arms(rows: "pd.DataFrame") -> tuple[Arm, ...]:
    return arms(rows, compared=())
