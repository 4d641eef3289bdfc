"""Send a plan concurrently; every finished call is a row, an answer or a failure."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from llmlab.calls.caller import Caller, Prepared
from llmlab.calls.prepared import FREE
from llmlab.design.grid import Cell
from llmlab.errors import BookError, LimitError
from llmlab.records import Answer, Failure, Outcome, Progress, Row
from llmlab.runs.caching import CacheFill
from llmlab.runs.early_stopping import Early


class Planned(Struct, frozen=True, kw_only=True, gc=False):
    """A cell of the grid, ready to be sent."""

    cell: Cell
    prepared: Prepared


def renamed(planned: Planned, occurrence: int, caller: Caller) -> Planned:
    """Return a call that equals another of its run, numbered so that it is a draw of its own."""
    cell, before = planned.cell, planned.prepared
    request = replace(cell.request, occurrence=occurrence)
    prepared = caller.prepare(request, before.model, before.endpoint)
    return Planned(cell=replace(cell, request=request), prepared=prepared)


@dataclass(slots=True)
class Tally:
    """Progress counters of a run: written on the engine's thread, read by observers."""

    total: int
    per_arm: dict[tuple[str, str], int]
    done: int = 0
    from_book: int = 0
    failed: int = 0
    spent: Decimal = Decimal(0)
    unpriced: int = 0
    arms_done: dict[tuple[str, str], int] = field(default_factory=dict)
    arms_failed: dict[tuple[str, str], int] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, plan: Sequence[Planned]) -> "Tally":
        """Count what *plan* holds for each arm."""
        per_arm: dict[tuple[str, str], int] = {}
        for each in plan:
            arm = _arm(each.cell)
            per_arm[arm] = per_arm.get(arm, 0) + 1
        return cls(total=len(plan), per_arm=per_arm)

    def more(self, plan: Sequence[Planned]) -> None:
        """Add calls that are planned later."""
        with self.lock:
            self.total += len(plan)
            for each in plan:
                arm = _arm(each.cell)
                self.per_arm[arm] = self.per_arm.get(arm, 0) + 1

    def count(self, cell: Cell, outcome: Outcome) -> None:
        """Add one finished call."""
        arm = _arm(cell)
        with self.lock:
            self.done += 1
            self.arms_done[arm] = self.arms_done.get(arm, 0) + 1
            if isinstance(outcome, Failure):
                self.failed += 1
                self.arms_failed[arm] = self.arms_failed.get(arm, 0) + 1
            elif outcome.from_book:
                self.from_book += 1
            elif outcome.backend == "live":
                self.spent += outcome.cost or 0
                self.unpriced += outcome.cost is None

    def progress(self, limit: float | None) -> Progress:
        """Return where the run stands now."""
        with self.lock:
            arms = tuple(
                (prompt, label, self.arms_done.get(arm, 0), total, self.arms_failed.get(arm, 0))
                for arm, total in self.per_arm.items()
                for prompt, label in (arm,)
            )
            return Progress(
                total=self.total,
                done=self.done,
                from_book=self.from_book,
                failed=self.failed,
                spent_usd=None if self.unpriced else float(self.spent),
                limit_usd=limit,
                elapsed_s=time.monotonic() - self.started,
                arms=arms,
            )


async def always() -> bool:
    """Let every call be sent, at once."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Sends the calls of one run."""

    name: str
    caller: Caller
    deadline: Callable[[Prepared], float]
    at_once: int = 64
    passes: Callable[[], Awaitable[bool]] = always
    """Awaited before each call: waits while the run is paused; False when it was stopped."""
    early: Early | None = None
    """Checks each row; once the result is clear, nothing more is sent."""

    async def rows(
        self,
        plan: Sequence[Planned],
        known: Mapping[str, Answer],
        *,
        tally: Tally,
        landed: list[Row],
    ) -> None:
        """
        Send *plan*; append each row to *landed* when its call has finished.

        Calls that the book answers are rows at once. Where prompts are to be cached, one call of
        those that share a beginning goes first, and fills the cache. The rows stay when the run
        is cancelled: the caller holds the list.
        """
        missing: list[tuple[Planned, int]] = []
        times: dict[str, int] = {}
        for each in plan:
            key = each.prepared.key
            answer = known.get(key)
            if answer is None:
                missing.append((each, times.get(key, 0)))
                times[key] = times.get(key, 0) + 1
            else:
                await self._land(each, answer, tally, landed)
        for part in _led(missing):
            await self._send(part, tally, landed)

    async def _send(
        self, part: Sequence[tuple[Planned, int]], tally: Tally, landed: list[Row]
    ) -> None:
        """Send concurrently; an error of the book ends it once calls under way have finished."""
        queue = iter(part)
        workers = min(self.at_once, len(part))
        refused: list[BookError] = []
        try:
            with self.caller.context.book.flights.run():
                async with asyncio.TaskGroup() as group:
                    for _ in range(workers):
                        work = self._work(queue, tally, landed)
                        group.create_task(_until_refused(work, refused))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if refused:
            # Such as a full disk: every worker has the same error, and it is raised once.
            raise refused[0]

    async def _work(
        self, queue: Iterator[tuple[Planned, int]], tally: Tally, landed: list[Row]
    ) -> None:
        for each, twin in queue:
            if not await self.passes() or (self.early is not None and self.early.over):
                return
            await self._land(each, await self._outcome(each, twin), tally, landed)

    async def _outcome(self, each: Planned, twin: int) -> Outcome:
        """Make a call that passes a spending limit a failure; the run goes on, answers stay."""
        try:
            return await self.caller.outcome(
                each.prepared,
                run=self.name,
                deadline=self.deadline(each.prepared),
                reuse=True,
                twin=twin,
            )
        except LimitError as error:
            backend = each.prepared.endpoint.backend
            return Failure(
                kind="LimitError", message=str(error), attempts=0, backend=backend, cost=FREE
            )

    async def _land(self, each: Planned, outcome: Outcome, tally: Tally, landed: list[Row]) -> None:
        row = row_of(self.name, each, outcome)
        landed.append(row)
        tally.count(each.cell, outcome)
        if self.early is not None:
            await self.early.landed(row)


def _led(missing: list[tuple[Planned, int]]) -> list[list[tuple[Planned, int]]]:
    """Return what is sent one after the other: those that fill a cache, if any do, and the rest."""
    fill = CacheFill()
    first = [each for each in missing if fill.is_first(each[0].prepared)]
    if not first:
        return [missing]
    leading = {id(each) for each in first}
    return [first, [each for each in missing if id(each) not in leading]]


async def _until_refused(work: Awaitable[None], refused: list[BookError]) -> None:
    """
    Await a worker; note the error when the book can no longer be written.

    The other workers meet it before their next call; calls under way are paid for and finish.
    """
    try:
        await work
    except BookError as error:
        refused.append(error)


def row_of(run: str, each: Planned, outcome: Outcome) -> Row:
    """Make the row of a cell that has ended."""
    return Row(
        run=run,
        request=each.prepared.request,
        request_hash=each.prepared.key,
        input_id=each.cell.input.id,
        outcome=outcome,
    )


def _arm(cell: Cell) -> tuple[str, str]:
    return cell.request.prompt.name, cell.request.label
