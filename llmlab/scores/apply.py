"""Give rows their scores, in plain code: a user's function never runs on the engine's loop."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from llmlab.records import Answer, Row
from llmlab.scores.scorer import Scorer


def scored(rows: Iterable[Row], scorer: Scorer, targets: Mapping[str, object]) -> list[Row]:
    """
    Return *rows* with a score each; *targets* are by input id.

    A score that raises is a note on its row, not the end of the run, and a failed call has
    no score: what it would have said is not known.
    """
    return [_scored(row, scorer, targets.get(row.input_id)) for row in rows]


def _scored(row: Row, scorer: Scorer, target: object) -> Row:
    if not isinstance(row.outcome, Answer):
        return row
    try:
        return replace(row, score=float(scorer.score(row.outcome.text, target)), score_error="")
    except Exception as error:  # noqa: BLE001 - a user's function may raise anything
        return replace(
            row, score_error=f"score {scorer.name} raised {type(error).__name__}: {error}"
        )
