"""Send a plan, many at a time; every call that ends is a row, whatever became of it."""

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
from llmlab.runs.early_stopping import Early


class Planned(Struct, frozen=True, kw_only=True, gc=False):
    """A cell of the grid, ready to be sent."""

    cell: Cell
    prepared: Prepared


def renamed(planned: Planned, occurrence: int, caller: Caller) -> Planned:
    """Return a call that asks what others of its run ask, too, as the draw that it is."""
    cell, before = planned.cell, planned.prepared
    request = replace(cell.request, occurrence=occurrence)
    prepared = caller.prepare(request, before.model, before.endpoint)
    return Planned(cell=replace(cell, request=request), prepared=prepared)


@dataclass(slots=True)
class Tally:
    """How far a run is; counted on the engine's thread, read by whoever shows it."""

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
        """Count what is planned on top."""
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
    """A run: its name and who calls."""

    name: str
    caller: Caller
    deadline: Callable[[Prepared], float]
    at_once: int = 64
    passes: Callable[[], Awaitable[bool]] = always
    """Awaited before each call: it holds a paused run, and says False to end a stopped one."""
    early: Early | None = None
    """Looks at each row and says when the result is clear; then nothing more is sent."""

    async def rows(
        self,
        plan: Sequence[Planned],
        known: Mapping[str, Answer],
        *,
        tally: Tally,
        landed: list[Row],
    ) -> None:
        """
        Work through *plan*; append each row to *landed* as it comes.

        What the book knows is a row at once. Rows that have landed stay when the run is
        cancelled: the caller holds the list.
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
        queue = iter(missing)
        workers = min(self.at_once, len(missing))
        refused: list[BookError] = []
        try:
            with self.caller.book.flights.run():
                async with asyncio.TaskGroup() as group:
                    for _ in range(workers):
                        work = self._work(queue, tally, landed)
                        group.create_task(_until_refused(work, refused))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if refused:
            # Such as a full disk: every worker says the same, and a person needs it once.
            raise refused[0]

    async def _work(
        self, queue: Iterator[tuple[Planned, int]], tally: Tally, landed: list[Row]
    ) -> None:
        for each, twin in queue:
            if not await self.passes() or (self.early is not None and self.early.over):
                return
            await self._land(each, await self._outcome(each, twin), tally, landed)

    async def _outcome(self, each: Planned, twin: int) -> Outcome:
        """A limit that is reached fails the calls that are left; what was paid for stays."""
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


async def _until_refused(work: Awaitable[None], refused: list[BookError]) -> None:
    """
    Await a worker until the book takes no more from it, and note what the book said.

    The others find the same where they would send; what they have under way is paid for, and lands.
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
