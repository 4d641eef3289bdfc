"""Run an experiment: plan, show the plan, send, return the rows of finished calls."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

from llmlab.archive.replay import QUESTIONS, plan_of, progress_of, replayed
from llmlab.backends.pulled import require_pulled
from llmlab.backends.served import retirements
from llmlab.calls.batch.batches import Batches, can_batch, refuse_waiting
from llmlab.calls.caller import Caller
from llmlab.calls.identity import recall
from llmlab.design.duplicates import occurrences, places
from llmlab.design.experiment import Experiment
from llmlab.errors import AttachmentError, UsageError
from llmlab.records import Answer, JudgeForecast, Plan, Progress, Row
from llmlab.runs.caching import saved_note, short_notes
from llmlab.runs.control import Control
from llmlab.runs.early_stopping import Early
from llmlab.runs.eta import EtaInputs, earlier
from llmlab.runs.forecast import forecast
from llmlab.runs.judge_forecast import judge_arm, judge_forecast
from llmlab.runs.runner import Planned, Runner, Tally, renamed, row_of
from llmlab.runs.services import STAND_IN_PERMITS, Services
from llmlab.wire import RunStopped


class RunObserver(Protocol):
    """Callbacks of a run, always called on the thread that started it."""

    def planned(self, plan: Plan) -> None:
        """Receive the plan, before anything is sent."""

    def moved(self, progress: Progress) -> None:
        """Receive the progress while the run goes on."""

    def ended(self, progress: Progress) -> None:
        """Receive the progress at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The rows of a run's finished calls, in the order of its plan."""

    rows: list[Row] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    unsent: int = 0
    """Calls that were planned and not made, because the run was interrupted."""
    by: Mapping[str, str] = field(default_factory=dict)
    """By provider, the identity of the endpoint that answered (`Endpoint.identity`)."""


def conduct(
    services: Services,
    experiment: Experiment,
    watch: RunObserver,
    *,
    control: Control,
) -> Landed:
    """
    Run *experiment*: send what the book does not answer; an interrupt keeps finished calls.

    With the design's `batch`, calls that a provider takes in batches are submitted so, at its
    lower price, and awaited. In replay mode the tape answers, and nothing is sent.

    Raises:
        UsageError: A model refuses a parameter or is not pulled, or an endpoint cannot be had.
        ReplayMiss: The tape has no outcome for a cell.
        Stopped: *control* ended it before there was a plan.
    """
    _check(experiment)
    if services.settings.mode == "replay":
        return _replay(services, experiment, watch)
    design = experiment.design
    caller = services.caller(design.budget)
    plan = services.engine.run(_prepared(services, experiment, caller), brake=control.brake)
    known = _known(caller, plan, batch=design.batch)
    limit = services.settings.budget.run if design.budget is None else design.budget
    at_once = _at_once(services, plan)
    pace = _pace(services, at_once, batch=design.batch)
    watch.planned(_seen(services, experiment, plan, known, limit=limit, pace=pace))
    _remember_templates(caller, experiment)
    tally = Tally.of(plan)
    runner = _runner(services, experiment, caller, control, at_once)
    tick = _ticking(services, plan, tally, watch, limit)
    sent = _sent(services, runner, plan, known, tally, tick, control, batch=design.batch)
    watch.ended(replace(tally.progress(limit), ended=_ended(runner.early, sent.unsent)))
    services.counting.learn(plan, _answers(sent.rows))
    notes = _notes(services, experiment, runner.early, sent.rows)
    by = {each.prepared.request.provider: each.prepared.endpoint.identity for each in plan}
    rows = _in_order(sent.rows, plan)
    return replace(sent, rows=rows, notes=(*notes, *sent.notes), by=by)


def _runner(
    services: Services, experiment: Experiment, caller: Caller, control: Control, at_once: int
) -> Runner:
    return Runner(
        name=experiment.name,
        caller=caller,
        deadline=services.deadline,
        at_once=at_once,
        passes=control.passes,
        early=Early(experiment) if experiment.design.stop_when_clear else None,
    )


def _sent(
    services: Services,
    runner: Runner,
    plan: Sequence[Planned],
    known: Mapping[str, Answer],
    tally: Tally,
    tick: Callable[[], None],
    control: Control,
    *,
    batch: bool,
) -> Landed:
    """Send call by call, then what goes by batch; an interrupt keeps the rows that came."""
    rows: list[Row] = []
    apart = [each for each in plan if batch and _goes_by_batch(each, known)]
    todo = [each for each in plan if not (batch and _goes_by_batch(each, known))]
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
    cleared = runner.early is not None and runner.early.over
    unsent = 0 if cleared else len(plan) - len(rows)
    notes = (*batches.notes, *(_unbatched(todo) if batch else ()))
    return Landed(rows=rows, notes=notes, unsent=unsent)


def _unbatched(plan: Sequence[Planned]) -> Iterator[str]:
    """Name the gateways whose calls were sent one by one although a batch was asked for."""
    live = (each.prepared for each in plan if each.prepared.endpoint.backend == "live")
    names = sorted({each.request.provider for each in live if each.model.speaks})
    if names:
        yield f"No batches at {', '.join(names)}: what it was asked went call by call."


def _seen(
    services: Services,
    experiment: Experiment,
    plan: Sequence[Planned],
    known: Mapping[str, Answer],
    *,
    limit: float | None,
    pace: EtaInputs,
) -> Plan:
    """Return what is shown before anything is sent."""
    at = time.time()
    seen = forecast(
        experiment,
        plan,
        known,
        services.prices,
        limit=limit,
        author=services.backends.author,
        at=at,
        pace=pace,
        notes=(
            *experiment.notes,
            *retirements(services.catalogue, experiment.arms, now=at),
            *_old_prices(services),
            *short_notes(each.prepared for each in plan),
        ),
    )
    return replace(seen, judge=_judge(services, experiment, at))


def _judge(services: Services, experiment: Experiment, at: float) -> JudgeForecast | None:
    """Estimate what the judge will cost, if there is one."""
    judge = experiment.judge
    if judge is None:
        return None
    arm = judge_arm(services.catalogue, judge, services.settings.models)
    endpoint = services.engine.run(services.backends.endpoint(arm.model.provider))
    live = endpoint.backend == "live"
    return judge_forecast(experiment, judge, arm, services.prices, live=live, at=at)


def _ticking(
    services: Services,
    plan: Sequence[Planned],
    tally: Tally,
    watch: RunObserver,
    limit: float | None,
) -> Callable[[], None]:
    """Return the callback that reports progress, and which providers asked to wait."""
    gates = {each.prepared.gate for each in plan}

    def tick() -> None:
        narrow = tuple(services.gates.narrow(gates).items())
        watch.moved(replace(tally.progress(limit), waits=_waits(services, gates), narrow=narrow))

    return tick


def _waits(services: Services, gates: set[str]) -> tuple[tuple[str, float], ...]:
    """Return which providers of this run asked to wait, and for how many seconds more."""
    held = services.gates.held()
    return tuple((name, held[name]) for name in sorted(gates & held.keys()))


def _answers(rows: Sequence[Row]) -> list[tuple[str, Answer]]:
    return [(row.request_hash, row.outcome) for row in rows if isinstance(row.outcome, Answer)]


def _notes(
    services: Services, experiment: Experiment, early: Early | None, rows: Sequence[Row]
) -> tuple[str, ...]:
    """Say where it stopped early, who stood in, and what will soon not be repeatable."""
    looked = () if early is None else early.notes(rows)
    ends = retirements(services.catalogue, experiment.arms, now=time.time())
    saved = saved_note(rows, services.prices)
    return (*looked, *_trouble(services), *ends, *_old_prices(services), *saved)


def _ended(early: Early | None, unsent: int) -> Literal["", "clear", "interrupted"]:
    """Say why a run ended before all of it was sent."""
    if unsent:
        return "interrupted"
    return "clear" if early is not None and early.over else ""


def _old_prices(services: Services) -> tuple[str, ...]:
    """Say that costs rest on an old price table."""
    warning = services.prices.warning()
    return () if warning is None else (f"Costs: {warning}.",)


_BATCHES: Final = "batches"
"""Books of version 2 kept their batches under this run name, so no experiment may have it."""


def _check(experiment: Experiment) -> None:
    if experiment.name in {QUESTIONS, _BATCHES}:
        raise UsageError(f"the run name {experiment.name!r} is reserved: choose another one")


def _known(caller: Caller, plan: Sequence[Planned], *, batch: bool) -> dict[str, Answer]:
    """Return the book's answers; refuse to send single calls that are in an open batch."""
    stored = caller.context.book.answers([each.prepared.key for each in plan])
    if not batch:
        missing = [each.prepared for each in plan if each.prepared.key not in stored]
        refuse_waiting(caller, missing)
    return {key: recall(blob) for key, blob in stored.items()}


def _goes_by_batch(each: Planned, known: Mapping[str, Answer]) -> bool:
    return each.prepared.key not in known and can_batch(each.prepared)


async def _by_batch(
    runner: Runner, plan: Sequence[Planned], batches: Batches, *, tally: Tally, landed: list[Row]
) -> None:
    """Submit *plan* in batches, unless the run was stopped; append its rows when answered."""
    if not await runner.passes():
        return
    found = await batches.outcomes([each.prepared for each in plan])
    for each in plan:
        outcome = found.get(each.prepared.key)
        if outcome is None:
            continue  # the run was stopped before its batch had ended
        landed.append(row_of(runner.name, each, outcome))
        tally.count(each.cell, outcome)


def _replay(services: Services, experiment: Experiment, watch: RunObserver) -> Landed:
    tape = services.tape
    rows = replayed(tape, experiment, drop=services.settings.drop_parameters)
    watch.planned(plan_of(experiment, rows))
    watch.ended(progress_of(rows))
    return Landed(rows=rows, notes=(f"replayed from {tape.name}: nothing was sent",))


def _in_order(rows: Sequence[Row], plan: Sequence[Planned]) -> list[Row]:
    """Sort rows into the order of the plan: which call ended first is chance."""
    places = {
        (each.cell.request.prompt.name, each.cell.request.label, each.cell.input.id,
         each.cell.request.repeat): number
        for number, each in enumerate(plan)
    }  # fmt: skip
    return sorted(rows, key=lambda row: places[_cell_of(row)])


def _cell_of(row: Row) -> tuple[str, str, str, int]:
    return row.request.prompt.name, row.request.label, row.input_id, row.request.repeat


def _at_once(services: Services, plan: Sequence[Planned]) -> int:
    """Return the number of workers: no more than the gates pass, so that a pause holds at once."""
    gates = {(each.prepared.endpoint.provider, each.prepared.endpoint.backend) for each in plan}
    live = sum(backend == "live" for _, backend in gates)
    mine = {backend for _, backend in gates if backend != "live"}
    room = live * services.settings.per_provider + len(mine) * STAND_IN_PERMITS
    return max(1, min(services.settings.max_in_flight, room))


def _pace(services: Services, at_once: int, *, batch: bool) -> EtaInputs:
    """Return what the time estimate is made from."""
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
        try:
            prepared = caller.prepare(cell.request, cell.arm.model, endpoint)
        except AttachmentError as error:
            raise AttachmentError(f"input {cell.input.id!r}: {error}") from None
        services.counting.check(prepared.request, cell.arm.model)
        plan.append(Planned(cell=cell, prepared=prepared))
    place = places(experiment)
    later = occurrences([each.prepared.key for each in plan], place=lambda at: place(plan[at].cell))
    for at, number in later.items():
        plan[at] = renamed(plan[at], number, caller)
    return plan


def _remember_templates(caller: Caller, experiment: Experiment) -> None:
    """Store the text of each prompt version, so that a row's version can be read years later."""
    for template in experiment.templates:
        caller.context.book.note_template(template.name, template.version, template.marked)


def _trouble(services: Services) -> tuple[str, ...]:
    trouble = services.backends.trouble
    return (f"stand-ins answered by a seeded rule: {trouble}",) if trouble else ()
