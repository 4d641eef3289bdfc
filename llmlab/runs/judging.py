"""
Put the comparisons to a judge; its calls are calls like any other.

They go through the lab's own caller: limits hold, every call is in the book under the run's
name, and what was judged once is not asked again.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from llmlab.archive.replay import QUESTIONS, asked_apart, question_id
from llmlab.calls.identity import content_of, recall
from llmlab.design.duplicates import occurrences
from llmlab.design.experiment import Experiment
from llmlab.design.grid import Cell, Input, request_options
from llmlab.records import Answer, Parameters, Plan, Request, Row
from llmlab.runs.counting import shown
from llmlab.runs.judge_forecast import judge_arm
from llmlab.runs.runner import Planned, Runner, Tally, renamed
from llmlab.scores.judge import (
    CHOICE,
    MARKS,
    Judge,
    Judged,
    Match,
    MatchResult,
    agreement,
    judged,
    mark_of,
    match_result,
    matches,
    question,
    verdict_of,
)
from llmlab.scores.judge_reply import Choice
from llmlab.wire import RunStopped

if TYPE_CHECKING:
    from llmlab.book import Book
    from llmlab.calls.caller import Caller
    from llmlab.catalogue import ModelVariant
    from llmlab.runs.conduct import RunObserver
    from llmlab.runs.control import Control
    from llmlab.runs.services import Services
    from llmlab.wire import Endpoint

Scored = tuple[list[Row], list[str | None], tuple[str, ...]]


def judge_rows(
    services: "Services",
    experiment: Experiment,
    judge: Judge,
    rows: list[Row],
    *,
    watch: "RunObserver",
    control: "Control",
) -> Scored:
    """Return *rows* with the scores of *judge*, what it said of each, and notes."""
    arm = judge_arm(services.catalogue, judge, services.settings.models)
    listed = matches(rows, experiment.names, judge.against)
    cells = _cells(experiment, judge, arm, rows, listed)
    reminders = _cells(experiment, judge, arm, rows, listed, again=True)
    asked = JudgeQuestions(first=tuple(cells), again=tuple(reminders))
    if services.settings.mode == "replay":
        replies = _replayed(services, asked)
    else:
        replies = _ask(
            services, experiment, services.caller(experiment.design.budget), asked, watch, control
        )
    result = judged(_settled(rows, listed, replies.choices))
    notes = _notes(judge, arm, result, replies)
    marks, unread = _marks(services.book, judge, rows)
    return (
        [_scored(row, at, result) for at, row in enumerate(rows)],
        [result.said.get(at) for at in range(len(rows))],
        (*notes, *_unread_marks(judge, unread), *_agreement_note(judge, result, marks)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeQuestions:
    """The questions to a judge, and each again with a reminder of the form, in the same order."""

    first: tuple[Cell, ...]
    again: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """What was chosen for each question, the calls behind it, and how many were asked again."""

    choices: Sequence[Choice | None]
    rows: Sequence[Row]
    again: int = 0
    unread: int = 0
    """Calls whose reply could not be read the second time either."""


def _cells(
    experiment: Experiment,
    judge: Judge,
    arm: "ModelVariant",
    rows: Sequence[Row],
    listed: Sequence[Match],
    *,
    again: bool = False,
) -> list[Cell]:
    """Write each comparison twice, once in either order."""
    inputs = {each.id: each for each in experiment.inputs}
    options = request_options(arm, _parameters(judge, arm))
    made = []
    for number, match in enumerate(listed):
        if _text(rows[match.one]) == _text(rows[match.other]):
            continue  # the same words are a tie, for nothing
        about = inputs[match.input_id]
        task = shown(experiment.templates, about.values)
        texts = _text(rows[match.one]), _text(rows[match.other])
        for order in (texts, texts[::-1]):
            request = options.request(
                question(judge, task, about.target, order, again=again),
                repeat=rows[match.one].request.repeat,
            )
            made.append(Cell(request=request, arm=arm, input=Input(id=f"{number}")))
    return made


def _parameters(judge: Judge, arm: "ModelVariant") -> Parameters:
    """Ask for a choice by a schema where the model follows one."""
    structured = arm.model.rules.schema != "none"
    return Parameters(max_tokens=judge.max_tokens, schema=CHOICE if structured else None)


def _ask(
    services: "Services",
    experiment: Experiment,
    caller: "Caller",
    asked: JudgeQuestions,
    watch: "RunObserver",
    control: "Control",
) -> Replies:
    """
    Send what the book does not know; ask once more where a reply cannot be read.

    Each comparison is judged by calls of its own, also where another asks the very same. A call
    that failed chose nothing, and is not asked again here: its attempts were made.
    """
    if not asked.first or control.brake.is_pulled():
        return Replies(choices=[None for _ in asked.first], rows=[])
    endpoint = services.engine.run(services.backends.endpoint(asked.first[0].request.provider))
    first, again = (_planned(caller, cells, endpoint) for cells in (asked.first, asked.again))
    known = _known(caller, first)
    watch.planned(
        _plan(experiment, first, _worst(first, again), known, services.settings.budget.run)
    )
    tally = Tally.of(first)
    landed = _sent(services, experiment, caller, first, known, tally, watch, control)
    unread = _unread(landed)
    reminded = [again[at] for at, each in enumerate(first) if each.prepared.key in unread]
    tally.more(reminded)
    second = _sent(
        services, experiment, caller, reminded, _known(caller, reminded), tally, watch, control
    )
    watch.ended(tally.progress(None))
    for row in (*landed, *second):
        content = content_of(row.request)
        # As a single question is kept: a tape then has it, failed ones too.
        asked_for = replace(row, run=QUESTIONS, input_id=question_id(content))
        services.recorder.question(asked_for, by=endpoint.identity, content=content)
    keys = [(one.prepared.key, other.prepared.key) for one, other in zip(first, again, strict=True)]
    return _replies(keys, landed, second)


def _planned(caller: "Caller", cells: Sequence[Cell], endpoint: "Endpoint") -> list[Planned]:
    """Prepare each question; the n-th of equal ones is a call of its own."""
    plan = [
        Planned(cell=cell, prepared=caller.prepare(cell.request, cell.arm.model, endpoint))
        for cell in cells
    ]
    for at, number in occurrences([each.prepared.key for each in plan]).items():
        plan[at] = renamed(plan[at], number, caller)
    return plan


def _known(caller: "Caller", plan: Sequence[Planned]) -> dict[str, Answer]:
    stored = caller.context.book.answers([each.prepared.key for each in plan])
    return {key: recall(blob) for key, blob in stored.items()}


def _sent(
    services: "Services",
    experiment: Experiment,
    caller: "Caller",
    plan: Sequence[Planned],
    known: Mapping[str, Answer],
    tally: Tally,
    watch: "RunObserver",
    control: "Control",
) -> list[Row]:
    """Send what is not known; an interrupt keeps what landed, and the rest has no verdict."""
    landed: list[Row] = []
    if not plan:
        return landed
    runner = Runner(
        name=experiment.name,
        caller=caller,
        deadline=services.deadline,
        at_once=services.settings.max_in_flight,
        passes=control.passes,
    )
    work = runner.rows(plan, known, tally=tally, landed=landed)
    with suppress(KeyboardInterrupt, RunStopped):
        services.engine.run(
            work, tick=lambda: watch.moved(tally.progress(None)), brake=control.brake
        )
    return landed


def _unread(rows: Sequence[Row]) -> set[str]:
    """Return the keys of the calls that were answered with nothing that can be read."""
    return {
        row.request_hash
        for row in rows
        if isinstance(row.outcome, Answer) and verdict_of(row.outcome) is None
    }


def _replies(
    keys: Sequence[tuple[str, str]], first: Sequence[Row], second: Sequence[Row]
) -> Replies:
    """Take the first reply where it says something, else the second, by the keys of both."""
    said = {
        row.request_hash: verdict_of(row.outcome)
        for row in (*first, *second)
        if isinstance(row.outcome, Answer)
    }
    return Replies(
        choices=[said.get(one) or said.get(other) for one, other in keys],
        rows=[*first, *second],
        again=len(second),
        unread=len(_unread(second)),
    )


def _replayed(services: "Services", asked: JudgeQuestions) -> Replies:
    """Take from the tape what was chosen for each cell; `ReplayMiss` when it has not the call."""
    drop = services.settings.drop_parameters
    first = [_from_tape(services, each) for each in asked_apart(asked.first, drop=drop)]
    reminders = asked_apart(asked.again, drop=drop)
    unread = _unread(first)
    second, keys = [], []
    for row, reminder in zip(first, reminders, strict=True):
        again = _from_tape(services, reminder) if row.request_hash in unread else None
        keys.append((row.request_hash, "" if again is None else again.request_hash))
        second += [] if again is None else [again]
    return _replies(keys, first, second)


def _from_tape(services: "Services", request: "Request") -> Row:
    name = question_id(content_of(request))
    line = services.tape.find(request, run=QUESTIONS, input_id=name)
    return Row(
        run=QUESTIONS, request=request, request_hash=line.key, input_id=name, outcome=line.outcome
    )


def _settled(
    rows: Sequence[Row], listed: Sequence[Match], answers: Sequence[Choice | None]
) -> list[MatchResult]:
    choices = iter(answers)
    return [
        MatchResult(match=match, result=0.5)
        if _text(rows[match.one]) == _text(rows[match.other])
        else match_result(match, next(choices), next(choices))
        for match in listed
    ]


def _worst(first: Sequence[Planned], again: Sequence[Planned]) -> float | None:
    """Return dollars at most, every question asked a second time."""
    worst = [each.prepared.worst for each in (*first, *again)]
    return None if None in worst else float(sum(each or 0 for each in worst))


def _plan(
    experiment: Experiment,
    plan: Sequence[Planned],
    worst: float | None,
    known: Mapping[str, Answer],
    limit: float | None,
) -> Plan:
    label, backend = plan[0].cell.request.label, plan[0].prepared.endpoint.backend
    return Plan(
        name=f"{experiment.name}: judge",
        calls=len(plan),
        from_book=len(known),
        models=(label,),
        inputs=len(experiment.inputs),
        worst_usd=worst,
        limit_usd=limit,
        live=(label,) if backend == "live" else (),
        stand_ins=(label,) if backend == "stand-in" else (),
        notes=(_TWICE,),
    )


_TWICE: Final = (
    "A reply that cannot be read is asked for once more: the most that it may cost counts every "
    "question twice."
)


def _text(row: Row) -> str:
    return row.outcome.text if isinstance(row.outcome, Answer) else ""


def _scored(row: Row, at: int, result: Judged) -> Row:
    if not isinstance(row.outcome, Answer):
        return row
    if at in result.scores:
        return replace(row, score=result.scores[at], score_error="", reading="scored")
    gap = row.outcome.gap
    if gap:
        why = f"the answer is {gap}: the judge is not asked about it"
        return replace(row, score=None, score_error=why, reading=gap)
    # Whether the judge could not be read or was not asked, nothing is known of the answer.
    why = "the judge has no verdict on it that can be read, or nothing to compare it with"
    return replace(row, score=None, score_error=why, reading="unscored")


def _notes(judge: Judge, arm: "ModelVariant", result: Judged, replies: Replies) -> tuple[str, ...]:
    total = len(result.settled)
    if not total:
        return ("The judge had nothing to compare: no input was answered by two arms.",)
    costs = [each.outcome.cost for each in replies.rows]
    known = [float(cost) for cost in costs if cost is not None]
    money = f"${sum(known):.4g}" if len(known) == len(costs) else "an unknown sum"
    simulated = any(each.outcome.backend == "stand-in" for each in replies.rows)
    against = "the first arm" if judge.against == "first" else "every other arm"
    who = f"Judged by {arm.label}, each arm against {against}, in both orders"
    counts = f"{total:,} comparisons, {result.flips:,} flipped with the order (ties)"
    notes = [f"{who}: {counts}, cost {money}{', simulated' if simulated else ''}."]
    if replies.again:
        asked = f"{replies.again:,} replies of the judge could not be read and were asked for again"
        notes.append(f"{asked}; {replies.unread:,} could not be read then either.")
    if result.lost:
        notes.append(f"{result.lost:,} of {total:,} comparisons have no verdict of the judge.")
    return tuple(notes)


def _marks(book: "Book", judge: Judge, rows: Sequence[Row]) -> tuple[dict[int, float], int]:
    """Return people's marks by the place of the answer, and how many cannot be read."""
    labels = book.labels(judge.labels)
    marks, unread = {}, 0
    for at, row in enumerate(rows):
        if row.request_hash in labels:
            mark = mark_of(labels[row.request_hash])
            unread += mark is None
            if mark is not None:
                marks[at] = mark
    return marks, unread


def _unread_marks(judge: Judge, count: int) -> tuple[str, ...]:
    if not count:
        return ()
    what = f"{count:,} of people's marks {judge.labels!r} are left out"
    return (f"{what}: a mark is a number or one of {', '.join(MARKS)}.",)


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
