"""Notes on uncertain costs: attempts that failed and may have been charged."""

from typing import TYPE_CHECKING

import numpy as np

from llmlab.stats.matrix import numbers

if TYPE_CHECKING:
    import pandas as pd


def charge_notes(rows: "pd.DataFrame") -> tuple[str, ...]:
    """Say how many attempts may have been charged beside what the costs say, and how much."""
    return (*_earlier(rows), *_unknown(rows))


def _earlier(rows: "pd.DataFrame") -> tuple[str, ...]:
    if "unsure_attempts" not in rows.columns:  # of an export from before there was one
        return ()
    attempts = numbers(rows, "unsure_attempts")
    calls = int((attempts > 0).sum())
    if not calls:
        return ()
    dollars = float(numbers(rows, "unsure_usd").sum())
    most = "an unknown sum" if np.isnan(dollars) else f"${dollars:.4g} at most"
    whose = "1 call was" if calls == 1 else f"{calls:,} calls were"
    said = f"{whose} tried again after {int(np.nansum(attempts)):,} attempts that may have been"
    return (f"{said} charged as well: {most}, not in the costs (see the column unsure_usd).",)


def _unknown(rows: "pd.DataFrame") -> tuple[str, ...]:
    failed = rows["status"].to_numpy() != "ok"
    lost = int((failed & np.isnan(numbers(rows, "cost_usd"))).sum())
    if not lost:
        return ()
    return (f"{lost:,} of the failed calls may have been charged, and nobody knows how much.",)
