"""Conduct an experiment: plan, show, send, and hand back what landed."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from llmlab.archive.replay import QUESTIONS, plan_of, progress_of, replayed
from llmlab.backends.health import require_pulled
from llmlab.backends.served import retirements
from llmlab.calls.batch.batches import Batches, can_batch, refuse_waiting
from llmlab.calls.caller import Caller
from llmlab.calls.identity import recall
from llmlab.design.duplicates import occurrences, places
from llmlab.design.experiment import Experiment
from llmlab.errors import UsageError
from llmlab.records import Answer, Outcome, Plan, Progress, Row
from llmlab.runs.control import Control
from llmlab.runs.early_stopping import Early
from llmlab.runs.eta import EtaInputs, earlier
from llmlab.runs.forecast import forecast
from llmlab.runs.runner import Planned, Runner, Tally, renamed
from llmlab.runs.services import STAND_IN_PERMITS, Services
from llmlab.wire import RunStopped


class RunObserver(Protocol):
    """Somebody who looks on; always called on the thread that started the run."""

    def planned(self, plan: Plan) -> None:
        """Look at what will be sent, before it is."""

    def moved(self, progress: Progress) -> None:
        """Look at how far it is."""

    def ended(self, progress: Progress) -> None:
        """Look at how it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The rows of a run, as far as it came, in the order of its plan."""

    rows: list[Row] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    by: Mapping[str, str] = field(default_factory=dict)
    """Who answered for each provider, as the book tells answers apart."""


def conduct(
    services: Services,
    experiment: Experiment,
    watch: RunObserver,
    *,
    control: Control,
    budget: float | None = None,
    batch: bool = False,
) -> Landed:
    """
    Send what the book does not answer; an interrupt, or *control*, keeps what has landed.

    With *batch*, what a provider takes in batches is handed in so, at its lower price, and
    waited for. In replay mode the tape answers, and nothing is sent.

    Raises:
        UsageError: A model refuses a parameter or is not pulled, or an endpoint cannot be had.
        ReplayMiss: The tape has no outcome for a cell.
        Stopped: *control* ended it before there was a plan.
    """
    _check(experiment, batch=batch)
    if services.settings.mode == "replay":
        return _replay(services, experiment, watch)
    caller = services.caller(budget)
    plan = services.engine.run(_prepared(services, experiment, caller), brake=control.brake)
    known = _known(caller, plan, batch=batch)
    limit = services.settings.budget.run if budget is None else budget
    author = services.backends.author
    at, at_once = time.time(), _at_once(services, plan)
    seen = forecast(
        experiment,
        plan,
        known,
        caller.prices,
        limit=limit,
        author=author,
        at=at,
        pace=_pace(services, at_once, batch=batch),
        notes=(
            *experiment.notes,
            *retirements(services.catalogue, experiment.arms, now=at),
            *_old_prices(services),
        ),
    )
    watch.planned(seen)
    _remember_templates(caller, experiment)
    rows: list[Row] = []
    tally = Tally.of(plan)
    early = Early(experiment) if experiment.stop_when_clear else None
    runner = Runner(
        name=experiment.name,
        caller=caller,
        deadline=services.deadline,
        at_once=at_once,
        passes=control.passes,
        early=early,
    )
    apart = [each for each in plan if batch and _goes_by_batch(each, known)]
    todo = [each for each in plan if not (batch and _goes_by_batch(each, known))]

    tick = _ticking(services, plan, tally, watch, limit)
    batches = Batches(
        runner.caller,
        run=runner.name,
        poll=services.batch_poll_s,
        grace=services.batch_grace_s,
        passes=runner.passes,
    )
    with suppress(KeyboardInterrupt, RunStopped):
        work = runner.rows(todo, known, tally=tally, landed=rows)
        services.engine.run(work, tick=tick, brake=control.brake)
        if apart:
            work = _by_batch(runner, apart, batches, tally=tally, landed=rows)
            services.engine.run(work, tick=tick, brake=control.brake)
    watch.ended(tally.progress(limit))
    services.counting.learn(plan, _answers(rows))
    notes = (*_notes(services, experiment, early, rows, len(plan)), *batches.notes)
    by = {each.prepared.request.provider: each.prepared.endpoint.identity for each in plan}
    return Landed(rows=_in_order(rows, plan), notes=notes, by=by)


def _ticking(
    services: Services,
    plan: Sequence[Planned],
    tally: Tally,
    watch: RunObserver,
    limit: float | None,
) -> Callable[[], None]:
    """Return what shows how far the run is, and who makes it wait."""
    gates = {each.prepared.gate for each in plan}

    def tick() -> None:
        watch.moved(replace(tally.progress(limit), waits=_waits(services, gates)))

    return tick


def _waits(services: Services, gates: set[str]) -> tuple[tuple[str, float], ...]:
    """Return which providers of this run asked to wait, and for how many seconds more."""
    held = services.gates.held()
    return tuple((name, held[name]) for name in sorted(gates & held.keys()))


def _answers(rows: Sequence[Row]) -> list[tuple[str, Answer]]:
    return [(row.request_hash, row.outcome) for row in rows if isinstance(row.outcome, Answer)]


def _notes(
    services: Services,
    experiment: Experiment,
    early: Early | None,
    rows: Sequence[Row],
    planned: int,
) -> tuple[str, ...]:
    """Say what was cut short, who stood in, and what will soon not be repeatable."""
    cut = (_interrupted(len(rows), planned),) if len(rows) < planned else ()
    if early is not None:
        cut = (*(() if early.over else cut), *early.notes(rows))
    ends = retirements(services.catalogue, experiment.arms, now=time.time())
    return (*cut, *_trouble(services), *ends, *_old_prices(services))


def _old_prices(services: Services) -> tuple[str, ...]:
    """Say that costs rest on an old price table."""
    warning = services.prices.warning()
    return () if warning is None else (f"Costs: {warning}.",)


_BATCHES: Final = "batches"
"""Books of version 2 kept their batches under this name; a run of it would be taken for them."""


def _check(experiment: Experiment, *, batch: bool) -> None:
    if experiment.name in {QUESTIONS, _BATCHES}:
        raise UsageError(f"{experiment.name!r} is a name that the book needs: use another one")
    if batch and any(cell.request.stream for cell in experiment.cells):
        raise UsageError("a batch cannot be streamed: leave out stream=True or batch=True")
    if batch and experiment.stop_when_clear:
        raise UsageError("a batch cannot stop early: leave out stop_when_clear or batch=True")


def _known(caller: Caller, plan: Sequence[Planned], *, batch: bool) -> dict[str, Answer]:
    """Return what the book has; refuse to send singly what is in a batch."""
    stored = caller.book.answers([each.prepared.key for each in plan])
    if not batch:
        missing = [each.prepared for each in plan if each.prepared.key not in stored]
        refuse_waiting(caller, missing)
    return {key: recall(blob) for key, blob in stored.items()}


def _goes_by_batch(each: Planned, known: Mapping[str, Answer]) -> bool:
    return each.prepared.key not in known and can_batch(each.prepared)


async def _by_batch(
    runner: Runner, plan: Sequence[Planned], batches: Batches, *, tally: Tally, landed: list[Row]
) -> None:
    """Hand *plan* in, unless the run was stopped before; append its rows once they are there."""
    if not await runner.passes():
        return
    found = await batches.outcomes([each.prepared for each in plan])
    for each in plan:
        outcome = found.get(each.prepared.key)
        if outcome is None:
            continue  # the run was stopped before its batch had ended
        landed.append(_row(runner.name, each, outcome))
        tally.count(each.cell, outcome)


def _row(run: str, each: Planned, outcome: Outcome) -> Row:
    return Row(
        run=run,
        request=each.prepared.request,
        request_hash=each.prepared.key,
        input_id=each.cell.input.id,
        outcome=outcome,
    )


def _replay(services: Services, experiment: Experiment, watch: RunObserver) -> Landed:
    tape = services.tape
    rows = replayed(tape, experiment, drop=services.settings.drop_parameters)
    watch.planned(plan_of(experiment, rows))
    watch.ended(progress_of(rows))
    return Landed(rows=rows, notes=(f"replayed from {tape.name}: nothing was sent",))


def _in_order(rows: Sequence[Row], plan: Sequence[Planned]) -> list[Row]:
    """Put rows as they were planned: which call ended first is chance, and not to be kept."""
    places = {
        (each.cell.request.prompt.name, each.cell.request.label, each.cell.input.id,
         each.cell.request.repeat): number
        for number, each in enumerate(plan)
    }  # fmt: skip
    return sorted(rows, key=lambda row: places[_cell_of(row)])


def _cell_of(row: Row) -> tuple[str, str, str, int]:
    return row.request.prompt.name, row.request.label, row.input_id, row.request.repeat


def _at_once(services: Services, plan: Sequence[Planned]) -> int:
    """No more workers than the doors let through: a call that stands there cannot be held back."""
    gates = {(each.prepared.endpoint.provider, each.prepared.endpoint.backend) for each in plan}
    live = sum(backend == "live" for _, backend in gates)
    mine = {backend for _, backend in gates if backend != "live"}
    room = live * services.settings.per_provider + len(mine) * STAND_IN_PERMITS
    return max(1, min(services.settings.max_in_flight, room))


def _pace(services: Services, at_once: int, *, batch: bool) -> EtaInputs:
    """Say what is known of how fast this run can go."""
    return EtaInputs(
        at_once=at_once,
        per_provider=services.settings.per_provider,
        earlier=earlier(services.book),
        batch=batch,
    )


async def _prepared(services: Services, experiment: Experiment, caller: Caller) -> list[Planned]:
    plan, endpoints = [], {}
    for arm in experiment.arms:
        provider = arm.model.provider
        endpoints[provider] = await services.backends.endpoint(provider)
        await require_pulled(services.pulled, arm.model, endpoints[provider])
    for cell in experiment.cells:
        endpoint = endpoints[cell.request.provider]
        prepared = caller.prepare(cell.request, cell.arm.model, endpoint)
        services.counting.check(prepared.request, cell.arm.model)
        plan.append(Planned(cell=cell, prepared=prepared))
    place = places(experiment)
    later = occurrences([each.prepared.key for each in plan], place=lambda at: place(plan[at].cell))
    for at, number in later.items():
        plan[at] = renamed(plan[at], number, caller)
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


def _trouble(services: Services) -> tuple[str, ...]:
    trouble = services.backends.trouble
    return (f"stand-ins answered by a seeded rule: {trouble}",) if trouble else ()
