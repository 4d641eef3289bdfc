"""
Targets that came later: added to a kept run, whose rows are then scored again.

In: a book, the name of a run, targets by input id. Out: the run as it is kept from then on, with a
record of which inputs were resolved when.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from llmlab.archive import run_store
from llmlab.archive.row_codec import Taken
from llmlab.archive.run_store import RunHead
from llmlab.book import Book
from llmlab.errors import UsageError
from llmlab.records import Row
from llmlab.scores import Scorer, scored
from llmlab.scores.apply import heard, probabilities_of, words_of
from llmlab.scores.registry import scorer_of
from llmlab.scores.scorer import Score, ScoreFunction
from llmlab.scores.targets import is_number, missing, written

_SAME: Final = 1e-9


def resolve(
    book: Book,
    name: str,
    targets: Mapping[str, object],
    *,
    score: "str | Score | ScoreFunction | None" = None,
    replacing: bool = False,
    at: float,
) -> None:
    """
    Add *targets* (by input id) to the run called *name*, score it again, and keep it so.

    A missing target leaves its input unresolved; one that is there already changes nothing. *at*
    is the Unix time, which the run notes beside the inputs.

    Raises:
        UsageError: An input is unknown or lies in the future, a target is there and is another
            one, or the score is not the one by which the run was scored.
    """
    head, taken = run_store.taken(book, name)
    old = {each.row.input_id: each.extra_columns.get("target") for each in taken}
    given = {key: value for key, value in targets.items() if not missing(value)}
    _check_known(given, old)
    changed = _changed(given, old)
    _check_free([key for key in changed if old[key] is not None], old, given, replacing=replacing)
    _check_past(taken, changed, at)
    if not changed:
        return
    whole = _typed({**old, **{key: given[key] for key in changed}})
    scorer = _scorer(head, score, whole)
    made = _scored(taken, scorer, whole, head)
    _check_same(taken, made, changed, scorer)
    run_store.update(book, name, _head(head, scorer, changed, old, at), made)


def _check_known(given: Iterable[str], old: Mapping[str, object]) -> None:
    lost = [key for key in given if key not in old]
    if lost:
        raise UsageError(
            f"{len(lost):,} inputs are not in this run, the first is {lost[0]!r}: the index must "
            "have the run's input ids"
        )


def _changed(given: Mapping[str, object], old: Mapping[str, Any]) -> list[str]:
    return [key for key, value in given.items() if old[key] is None or written(value) != old[key]]


def _check_free(
    there: Sequence[str], old: Mapping[str, Any], given: Mapping[str, object], *, replacing: bool
) -> None:
    if there and not replacing:
        first = there[0]
        raise UsageError(
            f"{len(there):,} inputs have another target already, the first is {first!r} "
            f"({old[first]}, now {written(given[first])}): say replace=True to overwrite"
        )


def _check_past(taken: Sequence[Taken], changed: Sequence[str], at: float) -> None:
    """Refuse outcomes of inputs that are dated later than now: nobody can know them."""
    dates = {each.row.input_id: each.extra_columns.get("as_of") for each in taken}
    ahead = [key for key in changed if (dates[key] or -math.inf) > at]
    if ahead:
        day = datetime.fromtimestamp(float(dates[ahead[0]] or 0.0), UTC).date()
        raise UsageError(
            f"{len(ahead):,} inputs lie in the future, the first is {ahead[0]!r} ({day}): "
            "their outcome cannot be known"
        )


def _typed(targets: Mapping[str, object]) -> dict[str, object]:
    """Read kept targets, which are text, as numbers where those that came are numbers."""
    known = [each for each in targets.values() if each is not None]
    if not any(is_number(each) for each in known):
        return dict(targets)
    try:
        return {key: float(each) if isinstance(each, str) else each
                for key, each in targets.items()}  # fmt: skip
    except ValueError:
        return dict(targets)


def _scorer(
    head: RunHead, score: "str | Score | ScoreFunction | None", targets: Mapping[str, object]
) -> Scorer:
    named = score or head.about.get("scored_by")
    if not named:
        raise UsageError("say score=, as the run is to be scored: its own is not kept as text")
    return scorer_of(named, list(targets.values()))


def _scored(
    taken: Sequence[Taken], scorer: Scorer, targets: Mapping[str, object], head: RunHead
) -> list[Taken]:
    rows = [each.row for each in taken]
    found = heard(rows, scorer, alone=head.about.get("bound") is not None)
    made = scored(rows, scorer, targets, groups=head.about.get("cluster"), said=found.said)
    said, chances = words_of(found.said, scorer), probabilities_of(found.said, scorer)
    lines = []
    for each, row, word, chance in zip(taken, made, said, chances, strict=True):
        columns = {**each.extra_columns, "said": word, "target": _text(targets[row.input_id])}
        if scorer.probability is not None:
            columns["probability"] = chance
        lines.append(replace(each, row=row, extra_columns=columns))
    return lines


def _text(target: object) -> str | None:
    return None if missing(target) else written(target)


def _check_same(
    before: Sequence[Taken], after: Sequence[Taken], changed: Sequence[str], scorer: Scorer
) -> None:
    """Refuse another score than the run's: what was scored already must come out as it was."""
    if scorer.aggregate is not None:  # a correlation changes with every input that joins
        return
    fresh = set(changed)
    counts: dict[bool, int] = defaultdict(int)
    for one, other in zip(before, after, strict=True):
        if one.row.score is not None and one.row.input_id not in fresh:
            counts[_alike(one.row, other.row)] += 1
    if counts[False]:
        raise UsageError(
            f"score {scorer.name!r} is not how this run was scored: {counts[False]:,} of "
            f"{sum(counts.values()):,} scores would change; say score= as it was"
        )


def _alike(one: Row, other: Row) -> bool:
    return other.score is not None and math.isclose(
        one.score or 0.0, other.score, rel_tol=_SAME, abs_tol=_SAME
    )


def _head(
    head: RunHead, scorer: Scorer, changed: Sequence[str], old: Mapping[str, object], at: float
) -> RunHead:
    done = {
        "at": at,
        "inputs": list(changed),
        "replaced": sum(old[key] is not None for key in changed),
    }
    about = {
        **head.about,
        "chance": scorer.chance,
        "score_name": head.about.get("score_name") or scorer.name,
        "resolved": [*head.about.get("resolved", ()), done],
    }
    return replace(head, about=about)
