"""Give rows their scores, in plain code: a user's function never runs on the engine's loop."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from llmlab.records import Answer, Row
from llmlab.scores.documents import TARGET
from llmlab.scores.scorer import Aggregate, Scorer, as_float, missing


def scored(
    rows: Iterable[Row],
    scorer: Scorer,
    targets: Mapping[str, object],
    *,
    values: Mapping[str, Mapping[str, object]] | None = None,
    groups: Mapping[str, object] | None = None,
) -> list[Row]:
    """
    Return *rows* with a score each; *targets*, *values* and *groups* are by input id.

    A score that raises is a note on its row, not the end of the run; so is an answer that
    says nothing the score can read, or an input without a target. A failed call has no score:
    what it would have said is not known.
    """
    listed = list(rows)
    if scorer.aggregate is not None:
        return _aggregated(listed, scorer, scorer.aggregate, targets, groups)
    lines = values or {}
    return [
        score_row(row, scorer, targets.get(row.input_id), lines.get(row.input_id, {}))
        for row in listed
    ]


def said_by(rows: Iterable[Row], scorer: Scorer | None) -> list[str | None]:
    """Return what the score takes each answer to say, as text."""
    reader = None if scorer is None else scorer.said
    if reader is None:
        return [None for _ in rows]
    return [
        None if not isinstance(row.outcome, Answer) else _word(reader(row.outcome)) for row in rows
    ]


def score_row(row: Row, scorer: Scorer, target: object, line: Mapping[str, object]) -> Row:
    """Return *row* with its score, or with a note why it has none."""
    if not isinstance(row.outcome, Answer):
        return row
    if scorer.needs_target and missing(target):
        return replace(row, score=None, score_error="the input has no target")
    try:
        if scorer.of_answer is not None:
            value = float(scorer.of_answer(row.outcome, {**line, TARGET: target}))
        else:
            value = float(scorer.score(row.outcome.text, target))
    except Exception as error:  # noqa: BLE001 - a user's function may raise anything
        return replace(
            row, score_error=f"score {scorer.name} raised {type(error).__name__}: {error}"
        )
    if math.isinf(value):
        return replace(row, score_error=f"score {scorer.name} is infinite")
    unread = f"score {scorer.name} found nothing to value in the answer"
    return replace(row, score=value, score_error=unread if math.isnan(value) else "")


def _aggregated(
    rows: list[Row],
    scorer: Scorer,
    aggregate: Aggregate,
    targets: Mapping[str, object],
    groups: Mapping[str, object] | None,
) -> list[Row]:
    """Give each row its input's share of what its arm scores over all inputs."""
    said = said_by(rows, scorer)
    arms: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row, word in zip(rows, said, strict=True):
        if word is not None and not missing(targets.get(row.input_id)):
            arms[row.request.prompt.name, row.request.label][row.input_id].append(float(word))
    shares = {name: _shares(by, aggregate, targets, groups) for name, by in arms.items()}
    return [_shared(row, scorer, word, shares) for row, word in zip(rows, said, strict=True)]


def _shares(
    by_input: Mapping[str, Sequence[float]],
    aggregate: Aggregate,
    targets: Mapping[str, object],
    groups: Mapping[str, object] | None,
) -> dict[str, float]:
    """Average repeats, then ask the aggregate for one number an input."""
    ids = sorted(by_input)
    values = aggregate(
        np.array([np.mean(by_input[each]) for each in ids]),
        np.array([as_float(targets[each]) for each in ids]),
        None if groups is None else [groups[each] for each in ids],
    )
    return dict(zip(ids, map(float, values), strict=True))


def _shared(
    row: Row,
    scorer: Scorer,
    word: str | None,
    shares: Mapping[tuple[str, str], Mapping[str, float]],
) -> Row:
    if not isinstance(row.outcome, Answer):
        return row
    mine = shares.get((row.request.prompt.name, row.request.label), {}).get(row.input_id)
    # A repeat that says no number shares nothing, though its input has a score by the others.
    if word is None or mine is None or math.isnan(mine):
        return replace(row, score_error=f"score {scorer.name} found nothing to value in the answer")
    return replace(row, score=mine, score_error="")


def _word(said: object) -> str | None:
    if said is None:
        return None
    return repr(said) if isinstance(said, float) else str(said)
