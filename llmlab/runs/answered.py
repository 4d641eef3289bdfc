"""Which model answered, where that is not the one that was asked."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from llmlab.records import OWN_MACHINE, Answer, Row

_SNAPSHOT: Final = re.compile(r"[-@:_](20\d\d-?[01]\d-?[0-3]\d|\d{4}|latest|0|v\d+(:\d+)?)$")
"""What a name has more where it is the same model: a date, `latest`."""


def others(rows: Sequence[Row]) -> tuple[str, ...]:
    """Say of each arm by which other model its provider answered, and how often."""
    found: Counter[tuple[str, str, str]] = Counter()
    asked: Counter[str] = Counter()
    for row in rows:
        answer, request = row.outcome, row.request
        if not isinstance(answer, Answer) or answer.backend != "live":
            continue
        if request.provider in OWN_MACHINE:
            continue
        asked[request.label] += 1
        if answer.model != request.model and not is_same(request.model, answer.model):
            found[request.label, request.model, answer.model] += 1
    return tuple(
        f"{label}, {count:,} of {asked[label]:,} answers: {model} was asked, and the provider says "
        f"that {other} answered."
        for (label, model, other), count in found.items()
    )


def is_same(asked: str, said: str) -> bool:
    """Say whether two names are one model: a snapshot, an alias, with or without a maker's name."""
    return _bare(asked) == _bare(said)


def _bare(name: str) -> str:
    return _SNAPSHOT.sub("", name.lower().rpartition("/")[2])
