"""How often each arm is on the frontier of quality and cost, other inputs being drawn."""

from math import isnan

from llmlab.views.comparison import ComparisonView, arms

DRAWS = 2_000
"""Resamples of the inputs; a share is then known to about one in a hundred."""
_FEWEST = 2


def frontier_shares(shown: ComparisonView) -> dict[tuple[str, str], float]:
    """
    Return by (prompt, label) how often an arm is on the front when the inputs are resampled.

    Of the arms that the front is drawn of: stand-ins have no share beside real answers. Empty
    where there is nothing to resample. Source: see `llmlab.stats.frontier`.
    """
    from llmlab.stats import frontier

    rows, units = shown.rows, shown.rows["input_id"]
    if real := {(arm.prompt, arm.label) for arm in arms(shown) if not arm.simulated}:
        names = zip(rows["prompt"], rows["label"], strict=True)
        rows = rows[[name in real for name in names]]
    if shown.clusters is not None:
        units = units.map(shown.clusters)
    if units.nunique() < _FEWEST:
        return {}
    found = frontier(rows, cluster=shown.depends, draws=DRAWS)
    return {
        (each.prompt, each.label): each.probability for each in found if not isnan(each.probability)
    }
