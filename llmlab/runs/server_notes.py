"""What a run's answers say of a server: words not counted or not read, a tier not asked for."""

from collections import defaultdict
from collections.abc import Sequence

from llmlab.calls.uncounted import CUT, ESTIMATED
from llmlab.providers.tiers import UNASKED
from llmlab.records import Answer, Row
from llmlab.runs.answered import others


def server_notes(rows: Sequence[Row]) -> tuple[str, ...]:
    """Gather the warnings of calls into one note a model label and kind."""
    guessed: dict[str, int] = defaultdict(int)
    cut: dict[str, list[str]] = defaultdict(list)
    tiers: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        warnings = row.outcome.warnings if isinstance(row.outcome, Answer) else ()
        for warning in warnings:
            if warning == ESTIMATED:
                guessed[row.request.label] += 1
            elif warning.startswith(UNASKED):
                tiers[row.request.label, warning].append(row)
            elif warning.startswith(CUT):
                cut[row.request.label].append(warning)
    return (
        *others(rows),
        *(f"{label}, {count:,} {_calls(count)}: {ESTIMATED}." for label, count in guessed.items()),
        *(f"{label}, {len(each):,} {_calls(len(each))}: {each[0]}." for label, each in cut.items()),
        *(
            f"{_of(label, each)}: {warning}; {_dollars(each)}."
            for (label, warning), each in tiers.items()
        ),
    )


def _of(label: str, rows: Sequence[Row]) -> str:
    return f"{label}, {len(rows):,} {_calls(len(rows))}"


def _dollars(rows: Sequence[Row]) -> str:
    """Say what answers cost at the tier they came at."""
    costs = [row.outcome.cost for row in rows]
    known = [float(cost) for cost in costs if cost is not None]
    if len(known) < len(costs):
        return "the price of that is not known"
    it = "it" if len(costs) == 1 else "they"
    return f"{it} cost ${sum(known):.6f} at that price"


def _calls(count: int) -> str:
    return "call" if count == 1 else "calls"
