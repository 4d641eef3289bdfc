"""Notes of a run on servers that reported no usage or cut the prompt."""

from collections import defaultdict
from collections.abc import Sequence

from llmlab.calls.uncounted import CUT, ESTIMATED
from llmlab.records import Answer, Row


def server_notes(rows: Sequence[Row]) -> tuple[str, ...]:
    """Gather the warnings of calls into one note a model label and kind."""
    guessed: dict[str, int] = defaultdict(int)
    cut: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        warnings = row.outcome.warnings if isinstance(row.outcome, Answer) else ()
        for warning in warnings:
            if warning == ESTIMATED:
                guessed[row.request.label] += 1
            elif warning.startswith(CUT):
                cut[row.request.label].append(warning)
    return (
        *(f"{label}, {count:,} {_calls(count)}: {ESTIMATED}." for label, count in guessed.items()),
        *(f"{label}, {len(each):,} {_calls(len(each))}: {each[0]}." for label, each in cut.items()),
    )


def _calls(count: int) -> str:
    return "call" if count == 1 else "calls"
