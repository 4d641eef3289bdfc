"""What a run's answers say of a server: words not counted or not read, a tier not asked for."""

from collections import defaultdict
from collections.abc import Sequence

from llmlab.calls.uncounted import CUT, ESTIMATED
from llmlab.providers.tiers import UNASKED
from llmlab.records import Answer, Row
from llmlab.runs.answered import others


def server_notes(rows: Sequence[Row]) -> tuple[str, ...]:
    """Gather the warnings of calls into one note a model label and kind."""
    guessed: dict[str, list[str]] = defaultdict(list)
    cut: dict[str, list[str]] = defaultdict(list)
    tiers: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        warnings = row.outcome.warnings if isinstance(row.outcome, Answer) else ()
        for warning in warnings:
            if warning == ESTIMATED:
                guessed[row.request.label].append(warning)
            elif warning.startswith(UNASKED):
                tiers[row.request.label, warning].append(row)
            elif warning.startswith(CUT):
                cut[row.request.label].append(warning)
    return (
        *others(rows),
        *(f"{_of(label, each)}: {each[0]}." for label, each in guessed.items()),
        *(f"{_of(label, each)}: {each[0]}." for label, each in cut.items()),
        *(
            f"{_of(label, each)}: {warning}; {_dollars(each)}."
            for (label, warning), each in tiers.items()
        ),
    )


def _of(label: str, calls: Sequence[object]) -> str:
    return f"{label}, {len(calls):,} {'call' if len(calls) == 1 else 'calls'}"


def _dollars(rows: Sequence[Row]) -> str:
    """Say what answers cost at the tier they came at."""
    costs = [row.outcome.cost for row in rows]
    known = [float(cost) for cost in costs if cost is not None]
    if len(known) < len(costs):
        return "the price of that is not known"
    it = "it" if len(costs) == 1 else "they"
    return f"{it} cost ${sum(known):.6f} at that price"
