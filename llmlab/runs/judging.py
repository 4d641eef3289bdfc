"""
Put the comparisons to a judge; its calls are calls like any other.

They go through the lab's own caller: limits hold, every call is in the book under the run's
name, and what was judged once is not asked again.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from llmlab.calls.identity import content_of, recall
from llmlab.errors import UsageError
from llmlab.records import Answer, Parameters, Plan, Row
from llmlab.runs.counting import shown
from llmlab.runs.experiment import Experiment
from llmlab.runs.plan import Cell, Input, asking_of
from llmlab.runs.replay import QUESTIONS, asked_apart, question_id
from llmlab.runs.run import Planned, Runner, Tally, renamed
from llmlab.runs.twins import occurrences
from llmlab.scores.judge import (
    Choice,
    Judge,
    Judged,
    Match,
    Settled,
    agreement,
    choice_of,
    judged,
    mark_of,
    matches,
    question,
    settle,
)

if TYPE_CHECKING:
    from llmlab.book import Book
    from llmlab.calls.caller import Caller
    from llmlab.catalogue import Arm
    from llmlab.runs.conduct import Watch
    from llmlab.runs.parts import Parts

Scored = tuple[list[Row], list[str | None], tuple[str, ...]]


def judge_rows(
    parts: "Parts",
    experiment: Experiment,
    rows: list[Row],
    *,
    watch: "Watch",
    budget: float | None = None,
) -> Scored:
    """
    Return *rows* with the judge's scores, what it said of each, and notes.

    Raises:
        UsageError: There is only one arm, or a person's mark in the book cannot be read.
    """
    judge = experiment.judge
    if judge is None or len(experiment.names) < 2:  # noqa: PLR2004 - nothing to compare with
        raise UsageError("a judge compares answers: give two prompts or two models")
    arm = parts.catalogue.arms(judge.model or parts.settings.models)[0]
    listed = matches(rows, experiment.names, judge.against)
    cells = _cells(experiment, judge, arm, rows, listed)
    if parts.settings.mode == "replay":
        answers, paid = _replayed(parts, cells)
    else:
        answers, paid = _ask(parts, experiment, parts.caller(budget), cells, watch)
    result = judged(_settled(rows, listed, answers))
    notes = _notes(judge, arm, result, paid)
    marks = _marks(parts.book, judge, rows)
    return (
        [_scored(row, at, result) for at, row in enumerate(rows)],
        [result.said.get(at) for at in range(len(rows))],
        (*notes, *_agreement_note(judge, result, marks)),
    )


def _cells(
    experiment: Experiment,
    judge: Judge,
    arm: "Arm",
    rows: Sequence[Row],
    listed: Sequence[Match],
) -> list[Cell]:
    """Write each comparison twice, once in either order."""
    inputs = {each.id: each for each in experiment.inputs}
    asking = asking_of(arm, Parameters(max_tokens=judge.max_tokens))
    made = []
    for number, match in enumerate(listed):
        if _text(rows[match.one]) == _text(rows[match.other]):
            continue  # the same words are a tie, for nothing
        about = inputs[match.input_id]
        task = shown(experiment.templates, about.values)
        texts = _text(rows[match.one]), _text(rows[match.other])
        for order in (texts, texts[::-1]):
            request = asking.request(
                question(judge, task, about.target, order),
                repeat=rows[match.one].request.repeat,
            )
            made.append(Cell(request=request, arm=arm, input=Input(id=f"{number}")))
    return made


def _ask(
    parts: "Parts",
    experiment: Experiment,
    caller: "Caller",
    cells: Sequence[Cell],
    watch: "Watch",
) -> tuple[list[Choice | None], list[Row]]:
    """
    Send what the book does not know; return what was chosen for each cell, and the rows.

    Each comparison is judged by calls of its own, also where another asks the very same. A call
    that failed, or said no letter, chose nothing.
    """
    if not cells:
        return [], []
    endpoint = parts.engine.run(parts.backends.endpoint(cells[0].request.provider))
    plan = [
        Planned(cell=cell, prepared=caller.prepare(cell.request, cell.arm.model, endpoint))
        for cell in cells
    ]
    for at, number in occurrences([each.prepared.key for each in plan]).items():
        plan[at] = renamed(plan[at], number, caller)
    stored = caller.book.answers([each.prepared.key for each in plan])
    known = {key: recall(blob) for key, blob in stored.items()}
    watch.planned(_plan(experiment, plan, len(known), parts.settings.budget.run))
    tally, landed = Tally.of(plan), list[Row]()
    runner = Runner(
        name=experiment.name,
        caller=caller,
        deadline=parts.deadline,
        at_once=parts.settings.max_in_flight,
    )
    work = runner.rows(plan, known, tally=tally, landed=landed)
    # An interrupt keeps the answers and what was judged so far; the rest has no verdict.
    with suppress(KeyboardInterrupt):
        parts.engine.run(work, tick=lambda: watch.moved(tally.progress(None)))
    watch.ended(tally.progress(None))
    said = {
        row.request_hash: choice_of(row.outcome.text)
        for row in landed
        if isinstance(row.outcome, Answer)
    }
    for row in landed:
        content = content_of(row.request)
        # As a single question is kept: a tape then has it, failed ones too.
        question = replace(row, run=QUESTIONS, input_id=question_id(content))
        parts.keeper.question(question, by=endpoint.identity, content=content)
    return [said.get(each.prepared.key) for each in plan], landed


def _replayed(parts: "Parts", cells: Sequence[Cell]) -> tuple[list[Choice | None], list[Row]]:
    """Take from the tape what was chosen for each cell; `ReplayMiss` when it has not the call."""
    rows = []
    for request in asked_apart(cells, drop=parts.settings.drop_parameters):
        name = question_id(content_of(request))
        line = parts.tape.find(request, run=QUESTIONS, input_id=name)
        rows.append(
            Row(run=QUESTIONS, request=request, request_hash=line.key, input_id=name,
                outcome=line.outcome)
        )  # fmt: skip
    said = [
        choice_of(row.outcome.text) if isinstance(row.outcome, Answer) else None for row in rows
    ]
    return said, rows


def _settled(
    rows: Sequence[Row], listed: Sequence[Match], answers: Sequence[Choice | None]
) -> list[Settled]:
    choices = iter(answers)
    return [
        Settled(match=match, result=0.5)
        if _text(rows[match.one]) == _text(rows[match.other])
        else settle(match, next(choices), next(choices))
        for match in listed
    ]


def _plan(experiment: Experiment, plan: Sequence[Planned], known: int, limit: float | None) -> Plan:
    worst = [each.prepared.worst for each in plan]
    return Plan(
        name=f"{experiment.name}: judge",
        calls=len(plan),
        from_book=known,
        models=(plan[0].cell.request.label,),
        inputs=len(experiment.inputs),
        worst_usd=None if None in worst else float(sum(each or 0 for each in worst)),
        limit_usd=limit,
        live=(plan[0].cell.request.label,) if plan[0].prepared.endpoint.backend == "live" else (),
        stand_ins=(
            (plan[0].cell.request.label,) if plan[0].prepared.endpoint.backend == "stand-in" else ()
        ),
    )


def _text(row: Row) -> str:
    return row.outcome.text if isinstance(row.outcome, Answer) else ""


def _scored(row: Row, at: int, result: Judged) -> Row:
    if not isinstance(row.outcome, Answer):
        return row
    if at in result.scores:
        return replace(row, score=result.scores[at], score_error="")
    return replace(row, score=None, score_error="score judge found nothing to compare it with")


def _notes(judge: Judge, arm: "Arm", result: Judged, answers: Sequence[Row]) -> tuple[str, ...]:
    total = len(result.settled)
    if not total:
        return ("The judge had nothing to compare: no input was answered by two arms.",)
    costs = [each.outcome.cost for each in answers]
    known = [float(cost) for cost in costs if cost is not None]
    money = f"${sum(known):.4g}" if len(known) == len(costs) else "an unknown sum"
    simulated = any(each.outcome.backend == "stand-in" for each in answers)
    against = "the first arm" if judge.against == "first" else "every other arm"
    who = f"Judged by {arm.label}, each arm against {against}, in both orders"
    counts = f"{total:,} comparisons, {result.flips:,} flipped with the order (ties)"
    notes = [f"{who}: {counts}, cost {money}{', simulated' if simulated else ''}."]
    if result.lost:
        notes.append(f"{result.lost:,} of {total:,} comparisons have no verdict of the judge.")
    return tuple(notes)


def _marks(book: "Book", judge: Judge, rows: Sequence[Row]) -> dict[int, float]:
    """Return people's marks by the place of the answer; the book has them by its key."""
    labels = book.labels(judge.labels)
    return {
        at: mark_of(labels[row.request_hash])
        for at, row in enumerate(rows)
        if row.request_hash in labels
    }


def _agreement_note(judge: Judge, result: Judged, marks: dict[int, float]) -> tuple[str, ...]:
    if not marks:
        return ()
    found = agreement(result.settled, marks)
    if not found.matches:
        return (f"People's marks {judge.labels!r} are of no two answers that were compared.",)
    from llmlab.stats import wilson

    limits = wilson(found.agreed, found.matches)
    share = f"{found.agreed:,} of {found.matches:,} comparisons ({found.agreed / found.matches:.0%}"
    sure = f"95 % interval {limits.low:.0%} to {limits.high:.0%}; kappa {found.kappa:.2f})"
    return (f"The judge agrees with people's marks {judge.labels!r} in {share}, {sure}.",)
