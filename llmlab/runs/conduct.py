"""Conduct an experiment: plan, show, send, and hand back what landed."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from llmlab.records import Plan, Progress, Row
from llmlab.runs.caller import Caller
from llmlab.runs.experiment import Experiment
from llmlab.runs.forecast import forecast
from llmlab.runs.identity import recall
from llmlab.runs.parts import Parts
from llmlab.runs.run import Planned, Runner, Tally


class Watch(Protocol):
    """Somebody who looks on; always called on the thread that started the run."""

    def planned(self, plan: Plan) -> None:
        """Look at what will be sent, before it is."""

    def moved(self, progress: Progress) -> None:
        """Look at how far it is."""

    def ended(self, progress: Progress) -> None:
        """Look at how it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The rows of a run, as far as it came."""

    rows: list[Row] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def conduct(
    parts: Parts, experiment: Experiment, watch: Watch, *, budget: float | None = None
) -> Landed:
    """
    Send what the book does not answer; an interrupt keeps what has landed.

    Raises:
        UsageError: A model refuses a parameter, or an endpoint cannot be had.
    """
    caller = parts.caller(budget)
    plan = parts.engine.run(_prepared(parts, experiment, caller))
    stored = caller.book.answers([each.prepared.key for each in plan])
    known = {key: recall(blob) for key, blob in stored.items()}
    limit = parts.settings.budget.run if budget is None else budget
    author = parts.backends.author
    seen = forecast(
        experiment, plan, known, caller.prices, limit=limit, author=author, at=time.time()
    )
    watch.planned(seen)
    _remember_templates(caller, experiment)
    rows: list[Row] = []
    tally = Tally.of(plan)
    runner = Runner(
        name=experiment.name,
        caller=caller,
        deadline=parts.deadline,
        at_once=parts.settings.max_in_flight,
    )
    work = runner.rows(plan, known, tally=tally, landed=rows)
    notes: tuple[str, ...] = ()
    try:
        parts.engine.run(work, tick=lambda: watch.moved(tally.progress(limit)))
    except KeyboardInterrupt:
        notes = (_interrupted(len(rows), len(plan)),)
    watch.ended(tally.progress(limit))
    return Landed(rows=rows, notes=(*notes, *_trouble(parts)))


async def _prepared(parts: Parts, experiment: Experiment, caller: Caller) -> list[Planned]:
    plan = []
    for cell in experiment.cells:
        endpoint = await parts.backends.endpoint(cell.request.provider)
        prepared = caller.prepare(cell.request, cell.arm.model, endpoint)
        plan.append(Planned(cell=cell, prepared=prepared))
    return plan


def _remember_templates(caller: Caller, experiment: Experiment) -> None:
    """Keep the words of each version, so that a row's version can be read years later."""
    for template in experiment.templates:
        words = f"[system]\n{template.system}\n" if template.system else ""
        caller.book.note_template(
            template.name, template.version, f"{words}[user]\n{template.user}"
        )


def _interrupted(done: int, total: int) -> str:
    return f"interrupted: {done} of {total} calls are done; run the cell again to send the rest"


def _trouble(parts: Parts) -> tuple[str, ...]:
    trouble = parts.backends.trouble
    return (f"stand-ins answered by a seeded rule: {trouble}",) if trouble else ()
