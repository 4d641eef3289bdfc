"""Score rows; a user's function never runs on the engine's loop."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from llmlab.records import Answer, Reading, Row
from llmlab.scores.documents import TARGET
from llmlab.scores.scorer import Aggregate, Scorer, as_float
from llmlab.scores.targets import missing
from llmlab.scores.unread import Read, Unread

Arm = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAnswers:
    """The reading of each row; None for a failed call and for a score of plain words."""

    said: list[Read[Any]]
    settled: Mapping[Arm, int]
    """By arm: how many numbers such as `1,234` were read by the mark that other answers show."""


def heard(rows: Sequence[Row], scorer: Scorer, *, alone: bool = False) -> ReadAnswers:
    """
    Read every row; an ambiguous number is read by the decimal mark that other answers show.

    The other answers of its arm decide; where those show none, those of all arms, if they all
    show the same. *alone* reads each answer for itself, as early stopping must.
    """
    said: list[Read[Any]] = [_read(row, scorer) for row in rows]
    unsure = [at for at, each in enumerate(said) if isinstance(each, Unread) and each.by_others]
    settled: dict[Arm, int] = defaultdict(int)
    if alone or not unsure or scorer.informed is None:
        return ReadAnswers(said=said, settled=settled)
    texts: dict[Arm, list[str]] = defaultdict(list)
    for row in rows:
        if isinstance(row.outcome, Answer) and not row.outcome.gap:
            texts[_arm(row)].append(row.outcome.text)
    everybody = scorer.informed([text for each in texts.values() for text in each])
    for arm in {_arm(rows[at]) for at in unsure}:
        knowing = scorer.informed(texts[arm]) or everybody
        for at in unsure if knowing is not None else ():
            if _arm(rows[at]) == arm and knowing is not None:
                said[at] = _read(rows[at], knowing)
                settled[arm] += not isinstance(said[at], Unread)
    return ReadAnswers(said=said, settled=settled)


def scored(
    rows: Iterable[Row],
    scorer: Scorer,
    targets: Mapping[str, object],
    *,
    values: Mapping[str, Mapping[str, object]] | None = None,
    groups: Mapping[str, object] | None = None,
    said: Sequence[Read[Any]] | None = None,
) -> list[Row]:
    """
    Return *rows* with a score each; *targets*, *values* and *groups* are by input id.

    A score that raises is a note on its row, not the end of the run; so is an answer that is cut,
    empty, refused or says nothing the score can read, or an input without a target: none of them
    has a score, and `Row.reading` says which it is. *said* is what `heard` read, where that is
    known.
    """
    listed = list(rows)
    known = heard(listed, scorer).said if said is None else said
    if scorer.aggregate is not None:
        return _aggregated(listed, known, scorer, scorer.aggregate, targets, groups)
    lines = values or {}
    return [
        score_row(row, scorer, targets.get(row.input_id), lines.get(row.input_id, {}), said=each)
        for row, each in zip(listed, known, strict=True)
    ]


def said_by(rows: Iterable[Row], scorer: Scorer | None) -> list[str | None]:
    """Return the reading of each answer, as text."""
    listed = list(rows)
    if scorer is None:
        return [None for _ in listed]
    return words_of(heard(listed, scorer).said, scorer)


def words_of(said: Sequence[Read[Any]], scorer: Scorer) -> list[str | None]:
    """Return readings as the column `said` has them."""
    if scorer.read is None:
        return [None for _ in said]
    return [None if each is None or isinstance(each, Unread) else scorer.written(each)
            for each in said]  # fmt: skip


def probabilities_of(said: Sequence[Read[Any]], scorer: Scorer) -> list[float | None]:
    """Return the probability of each reading; None where the score knows none."""
    chance = scorer.probability
    if chance is None:
        return [None for _ in said]
    return [None if each is None or isinstance(each, Unread) else chance(each) for each in said]


_AGAIN: Final = object()


def score_row(
    row: Row,
    scorer: Scorer,
    target: object,
    line: Mapping[str, object],
    *,
    said: Any = _AGAIN,
) -> Row:
    """Return *row* with its score, or with a note why it has none."""
    if not isinstance(row.outcome, Answer):
        return row
    found = _read(row, scorer) if said is _AGAIN else said
    if scorer.needs_target and missing(target):
        return _without(row, "untargeted", "the input has no target")
    if scorer.of_answer is not None:
        return _by_function(row, scorer, {**line, TARGET: target})
    if isinstance(found, Unread):
        return _without(row, row.outcome.gap or "unread", found.why, scorer.silent)
    return _valued(row, scorer, found, target)


def _read(row: Row, scorer: Scorer) -> Read[Any]:
    """Read a row; a gap is never read, not even by a user's function of the text."""
    if not isinstance(row.outcome, Answer):
        return None
    if row.outcome.gap:
        return Unread(_GAPS[row.outcome.gap])
    if row.outcome.calls_only and not scorer.reads_calls:
        return Unread("the answer calls a tool and has no text: score='tool' reads calls")
    if scorer.read is None:
        return row.outcome.text
    return scorer.read(row.outcome)


_GAPS: Final = {
    "cut": "the answer was cut at the output limit: raise max_tokens",
    "empty": "the answer is empty",
    "refused": "the model refused to answer",
    "filtered": "the provider's filter stopped the answer",
    "unread": "the answer ended for a reason that llmlab does not know: see its warnings",
}


def _valued(row: Row, scorer: Scorer, said: Any, target: object) -> Row:
    try:
        value = float(scorer.value(said, target))
    except Exception as error:  # noqa: BLE001 - a user's function may raise anything
        return _raised(row, scorer, error)
    return _with(row, scorer, value, getattr(said, "wrong", ""))


def _by_function(row: Row, scorer: Scorer, line: Mapping[str, object]) -> Row:
    """Score by a function of the whole answer: it sees `finish`, and may score a gap itself."""
    outcome = row.outcome
    assert isinstance(outcome, Answer)  # noqa: S101 - checked before
    assert scorer.of_answer is not None  # noqa: S101 - checked before
    try:
        value = float(scorer.of_answer(outcome, line))
    except Exception as error:  # noqa: BLE001 - a user's function may raise anything
        if outcome.gap:
            return _without(row, outcome.gap, _GAPS[outcome.gap])
        return _raised(row, scorer, error)
    if math.isnan(value) and outcome.gap:
        return _without(row, outcome.gap, _GAPS[outcome.gap])
    return _with(row, scorer, value)


def _with(row: Row, scorer: Scorer, value: float, note: str = "") -> Row:
    if math.isinf(value):
        return _without(row, "unscored", f"score {scorer.name} is infinite")
    if math.isnan(value):
        why = f"score {scorer.name} found nothing to score in the answer"
        return _without(row, "unread", why)
    return replace(row, score=value, score_error=note, reading="scored")


def _raised(row: Row, scorer: Scorer, error: Exception) -> Row:
    why = f"score {scorer.name} raised {type(error).__name__}: {error}"
    return _without(row, "unscored", why)


def _without(row: Row, reading: Reading, why: str, score: float | None = None) -> Row:
    """Return *row* without a score, or with the one that `missing=` gives to an unread answer."""
    told = why if score is None else f"{why}; scored {score:g}, as missing= says"
    return replace(row, score=score, score_error=told, reading=reading)


def _aggregated(
    rows: list[Row],
    said: Sequence[Read[Any]],
    scorer: Scorer,
    aggregate: Aggregate,
    targets: Mapping[str, object],
    groups: Mapping[str, object] | None,
) -> list[Row]:
    """Give each row its input's share of its arm's score over all inputs."""
    arms: dict[Arm, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row, each in zip(rows, said, strict=True):
        if isinstance(each, float) and not missing(targets.get(row.input_id)):
            arms[_arm(row)][row.input_id].append(each)
    shares = {name: _shares(by, aggregate, targets, groups) for name, by in arms.items()}
    return [
        _shared(row, scorer, each, targets.get(row.input_id), shares.get(_arm(row), {}))
        for row, each in zip(rows, said, strict=True)
    ]


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
    row: Row, scorer: Scorer, said: Read[Any], target: object, shares: Mapping[str, float]
) -> Row:
    if not isinstance(row.outcome, Answer):
        return row
    if missing(target):
        return _without(row, "untargeted", "the input has no target")
    # A repeat without a number has no score, though its input has one by the other repeats.
    if isinstance(said, Unread):
        return _without(row, row.outcome.gap or "unread", said.why)
    mine = shares.get(row.input_id, math.nan)
    if math.isnan(mine):
        why = f"{scorer.name} has no value: its numbers are too few, or all the same"
        return _without(row, "unscored", why)
    return replace(row, score=mine, score_error="", reading="scored")


def _arm(row: Row) -> Arm:
    return row.request.prompt.name, row.request.label
