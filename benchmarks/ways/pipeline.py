"""llmlab from inside: a plan through `Runner` and `Caller` on the engine's loop, as in a run."""

import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from benchmarks.server import MODEL
from benchmarks.ways.awaited import words_of
from benchmarks.worker import Ran
from llmlab.book import Book, Limits
from llmlab.calls.caller import Caller
from llmlab.catalogue import Catalogue, ModelVariant
from llmlab.design.grid import Cell, Input
from llmlab.pricing import Prices
from llmlab.records import Answer, Parameters, Prompt, Request
from llmlab.runs.runner import Planned, Runner, Tally
from llmlab.secrets import Secret
from llmlab.settings import RateLimit
from llmlab.wire import Endpoint, Engine, Gates, Session

if TYPE_CHECKING:
    from llmlab.records import Row

PLENTY: Final = RateLimit(rpm=1e8, tpm=1e12)
RICH: Final = Limits(run=Decimal(1_000_000), day=Decimal(1_000_000))
DEADLINE: Final = 60.0
PARAMETERS: Final = Parameters(max_tokens=512)


@dataclass(slots=True, kw_only=True)
class Made:
    """What lasts over the blocks: engine, session, book, prices."""

    url: str
    book: Book
    limits: Limits
    rates: dict[str, RateLimit]
    engine: Engine = field(default_factory=Engine)
    session: Session = field(default_factory=Session)
    prices: Prices = field(default_factory=Prices)
    catalogue: Catalogue = field(default_factory=lambda: Catalogue.load(None))
    sent: int = 0
    arm: ModelVariant = field(init=False)
    endpoint: Endpoint = field(init=False)

    def __post_init__(self) -> None:
        # One of each for all calls of an arm, as the grid of a run has it.
        self.arm = self.catalogue.arms(f"openai/{MODEL}")[0]
        key = Secret("sk-benchmark-0123456789")
        self.endpoint = Endpoint(provider="openai", base_url=self.url, key=key)

    def caller(self, in_flight: int) -> Caller:
        """Return who calls, through doors as wide as what is in flight."""
        return Caller(
            book=self.book,
            session=self.session,
            gates=Gates(max_in_flight=in_flight, per_provider=in_flight, limits=self.rates),
            prices=self.prices,
            limits=self.limits,
        )

    def planned(self, caller: Caller, *, stream: bool = False) -> Planned:
        """Prepare the next call, one that nobody has made before."""
        self.sent += 1
        request = Request(
            provider="openai",
            model=MODEL,
            prompt=Prompt(name="p", user=words_of(self.sent)),
            parameters=PARAMETERS,
            stream=stream,
        )
        cell = Cell(request=request, arm=self.arm, input=Input(id=str(self.sent)))
        prepared = caller.prepare(request, self.arm.model, self.endpoint)
        return Planned(cell=cell, prepared=prepared)

    async def rows(self, calls: int, in_flight: int) -> "list[Row]":
        """Prepare, send, price and keep so many calls: one run of its own name."""
        caller = self.caller(in_flight)
        name = f"run {self.sent}"
        plan = [self.planned(caller) for _ in range(calls)]
        rows: list[Row] = []
        runner = Runner(name=name, caller=caller, deadline=lambda _: DEADLINE, at_once=in_flight)
        await runner.rows(plan, {}, tally=Tally.of(plan), landed=rows)
        return rows

    def close(self) -> None:
        """Let go of connections, thread and book."""
        self.engine.at_close(self.session.close)
        self.engine.close()
        self.book.close()


class InFile:
    """Everything on: rates and spending limits with reservations, and the book in a file."""

    limits, rates = RICH, {"openai": PLENTY}

    def __init__(self, url: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name) / "lab.db"
        self.made = Made(url=url, book=self._book(), limits=self.limits, rates=self.rates)

    def _book(self) -> Book:
        return Book.open(self.path)

    def run(self, calls: int, in_flight: int) -> Ran:
        """Send a plan as a run does."""
        return ran_of(self.rows(calls, in_flight))

    def rows(self, calls: int, in_flight: int) -> "list[Row]":
        """Send a plan as a run does; return its rows."""
        return self.made.engine.run(self.made.rows(calls, in_flight))

    def close(self) -> None:
        """Close the book and remove its file."""
        self.made.close()
        self._folder.cleanup()


class Off(InFile):
    """The book in memory and no limits: what the pipeline itself costs."""

    limits, rates = Limits(), {}

    def _book(self) -> Book:
        return Book.open(None)


class Streamed(InFile):
    """Everything on, and each answer in pieces that somebody looks at."""

    def run(self, calls: int, in_flight: int) -> Ran:
        """Send from so many workers, as `%%llm` does one."""
        return self.made.engine.run(self._streams(calls, in_flight))

    async def _streams(self, calls: int, in_flight: int) -> Ran:
        import asyncio

        ran, caller = Ran(), self.made.caller(in_flight)
        numbers = iter(range(calls))

        async def work() -> None:
            for _ in numbers:
                await self._stream(caller, ran)

        await asyncio.gather(*(work() for _ in range(in_flight)))
        return ran

    async def _stream(self, caller: Caller, ran: Ran) -> None:
        start, texts = perf_counter(), 0
        firsts: list[float] = []

        def piece(each: Any) -> None:
            nonlocal texts
            if each.text:
                texts += 1
                if not firsts:
                    firsts.append(perf_counter() - start)

        planned = self.made.planned(caller, stream=True)
        outcome = await caller.outcome(
            planned.prepared, run="streams", deadline=DEADLINE, on_piece=piece
        )
        ran.latencies.append(perf_counter() - start)
        ran.firsts.extend(firsts)
        if not isinstance(outcome, Answer) or outcome.usage.output != texts:
            ran.errors += 1
            ran.error = ran.error or str(outcome)[:300]


def ran_of(rows: "list[Row]") -> Ran:
    """Say what a run's rows came to."""
    answers = [row.outcome for row in rows if isinstance(row.outcome, Answer)]
    failed = [row.outcome for row in rows if not isinstance(row.outcome, Answer)]
    return Ran(
        latencies=[each.latency + each.queued for each in answers if each.latency is not None],
        errors=len(failed),
        error=str(failed[0])[:300] if failed else "",
    )
