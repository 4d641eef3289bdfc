"""Replay: the rows of an experiment from a tape; nothing is started, nothing is sent."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from msgspec.structs import replace

from llmlab.archive.tape import Tape
from llmlab.calls.identity import content_of
from llmlab.catalogue import Model
from llmlab.catalogue.parameters import check
from llmlab.design.duplicates import occurrences, places
from llmlab.design.experiment import Experiment
from llmlab.design.grid import Cell
from llmlab.errors import ReplayMiss
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Plan, Progress, Request, Row

QUESTIONS = "ask"
"""The run in which single questions are kept; no experiment may have this name."""


def replayed(tape: Tape, experiment: Experiment, *, drop: bool = False) -> list[Row]:
    """
    Return the rows as they were recorded, in the order of the plan.

    A run with `stop_when_clear` may have stopped early: cells that it left out are left out.

    Raises:
        ReplayMiss: The tape has no outcome for a cell.
        BadParameter: A model refuses a parameter, as it would live.
    """
    rows: list[Row] = []
    cells = experiment.cells
    asked = asked_apart(cells, drop=drop, place=places(experiment))
    for cell, request in zip(cells, asked, strict=True):
        try:
            line = tape.find(request, run=experiment.name, input_id=cell.input.id)
        except ReplayMiss:
            if rows and experiment.design.stop_when_clear:
                continue
            raise
        rows.append(
            Row(
                run=experiment.name,
                request=request,
                request_hash=line.key,
                input_id=cell.input.id,
                outcome=line.outcome,
            )
        )
    return rows


def replayed_answer(tape: Tape, request: Request, model: Model, *, drop: bool = False) -> Answer:
    """Return the recorded answer to a single question; `ReplayMiss` if there is none."""
    request = as_asked(request, model, drop=drop)
    line = tape.find(request, run=QUESTIONS, input_id=question_id(content_of(request)))
    if line.answer is None:
        raise ReplayMiss(f"{tape.name} has only a failed call of {request.name} for this question")
    return line.answer


def question_id(content: str) -> str:
    """Return the input id of a single question: the start of its content hash."""
    return content[:12]


def as_asked(request: Request, model: Model, *, drop: bool) -> Request:
    """Return *request* with the parameters that would really be sent."""
    checked = check(request.parameters, model, request.api, drop=drop)
    return replace(request, parameters=checked.parameters)


def asked_apart(
    cells: Sequence[Cell], *, drop: bool, place: Callable[[Cell], Any] | None = None
) -> list[Request]:
    """
    Return the request that each cell would really send, equal ones numbered as when sent.

    *place* orders equal cells; they keep their order when None.
    """
    asked = [as_asked(cell.request, cell.arm.model, drop=drop) for cell in cells]
    names = [_written(each, cell.arm.model) for each, cell in zip(asked, cells, strict=True)]
    later = occurrences(names, place=None if place is None else lambda at: place(cells[at]))
    for at, number in later.items():
        asked[at] = replace(asked[at], occurrence=number)
    return asked


def _written(request: Request, model: Model) -> Hashable:
    """Return what goes on the wire: different parameters may give the same request there."""
    adapter = adapter_of(request.provider, request.api, speaks=model.speaks, dialect=model.dialect)
    call = adapter.write(replace(request, stream=False), model, "")
    return call.url, call.body, request.provider, request.repeat


def plan_of(experiment: Experiment, rows: Sequence[Row]) -> Plan:
    """Return the plan of a replay: every call is answered, nothing will be paid."""
    return Plan(
        name=experiment.name,
        calls=len(rows),
        from_book=len(rows),
        prompts=tuple(template.name for template in experiment.templates),
        models=tuple(arm.label for arm in experiment.arms),
        inputs=len(experiment.inputs),
        repeats=max((row.request.repeat for row in rows), default=0) + 1,
        expected_usd=0.0,
        worst_usd=0.0,
        seconds=0.0,
        live=_labels(rows, stand_in=False),
        stand_ins=_labels(rows, stand_in=True),
        author="the tape",
        notes=experiment.notes,
    )


def progress_of(rows: Sequence[Row]) -> Progress:
    """Say that a replay is done; it spent nothing."""
    failed = sum(not isinstance(row.outcome, Answer) for row in rows)
    return Progress(
        total=len(rows),
        done=len(rows),
        from_book=len(rows) - failed,
        failed=failed,
        spent_usd=0.0,
        limit_usd=None,
        elapsed_s=0.0,
    )


def _labels(rows: Sequence[Row], *, stand_in: bool) -> tuple[str, ...]:
    fitting = (row for row in rows if (row.outcome.backend == "stand-in") is stand_in)
    return tuple(dict.fromkeys(row.request.label for row in fitting))
