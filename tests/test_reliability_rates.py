"""A limiter of 100 a minute and a provider that enforces it: never a 429. # R-23, R-26, R-68."""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable

import pytest

from llmlab.book import Book, Limits
from llmlab.calls.caller import Caller
from llmlab.catalogue import Catalogue
from llmlab.pricing import Prices
from llmlab.records import Answer, Failure, Outcome, Parameters, Prompt, Request
from llmlab.secrets import Secret
from llmlab.settings import RateLimit
from llmlab.sim import Faults, RuleAuthor, Simulator
from llmlab.sim.server.limits import Limit
from llmlab.wire import Endpoint, Gates, Session

MODEL = "gpt-6-luna"
NOW = 1_763_820_000.0


class Minutes:
    """Fake time for everybody: moves to the next timer when nobody is doing anything."""

    def __init__(self) -> None:
        self.now = NOW
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def __call__(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> None:
        """Remember a timer."""
        self._number += 1
        heapq.heappush(self._timers, (self.now + delay, self._number, call))

    async def sleep(self, seconds: float) -> None:
        """Wait on fake time."""
        over = asyncio.Event()
        self.call_later(seconds, over.set)
        await over.wait()

    async def run(self, work: "asyncio.Future[list[Outcome]]", busy: Callable[[], int]) -> None:
        """Move from timer to timer while nothing is in flight, until *work* is done."""
        while not work.done():
            await asyncio.sleep(0.001)
            if busy() == 0 and self._timers and not work.done():
                self.now, _, call = heapq.heappop(self._timers)
                call()


async def _outcomes(
    calls: int,
    *,
    limit: Limit,
    ours: RateLimit,
    faults: str = "",
    times: list[float] | None = None,
) -> tuple[list[Outcome], Counter[int], float]:
    """Ask *calls* questions on fake time; return outcomes, statuses, and minutes taken."""
    time = Minutes()
    simulator = Simulator(
        author=RuleAuthor(),
        clock=time,
        limits={"openai": limit},
        faults=Faults.parse([faults] if faults else [], seed=2),
    )
    async with simulator:
        session = Session()
        gates = Gates(
            max_in_flight=64,
            per_provider=64,
            limits={"openai": ours},
            clock=time,
            call_later=time.call_later,
        )
        with Book.open(None) as book:
            caller = Caller(
                book=book, session=session, gates=gates, prices=Prices(), limits=Limits(),
                clock=time, now=time, sleep=time.sleep, jitter=lambda: 0.5,
            )  # fmt: skip
            work = asyncio.ensure_future(_ask_all(caller, simulator.base_url("openai"), calls))
            gate = gates["openai"]
            await time.run(work, lambda: gate.state.in_flight)
        await session.close()
    if times is not None:
        times += [each.at for each in simulator.log if each.status == 200]
    statuses = Counter(each.status for each in simulator.log)
    return work.result(), statuses, (time.now - NOW) / 60


async def _ask_all(caller: Caller, url: str, calls: int) -> list[Outcome]:
    model = Catalogue.load(None).arms(f"openai/{MODEL}")[0].model
    endpoint = Endpoint(provider="openai", base_url=url, key=Secret("sk-planted-00000000000000"))
    requests = [
        Request(
            provider="openai",
            model=MODEL,
            prompt=Prompt(name="p", user=f"Say {number}."),
            parameters=Parameters(max_tokens=30, effort="none"),
        )
        for number in range(calls)
    ]
    prepared = [caller.prepare(request, model, endpoint) for request in requests]
    return list(await asyncio.gather(*(caller.outcome(each) for each in prepared)))


async def test_five_minutes_at_the_limit_without_a_429() -> None:
    """500 calls at 100 a minute take about five windows and see no 429 at all. # R-68."""
    outcomes, statuses, minutes = await _outcomes(
        500, limit=Limit(rpm=100), ours=RateLimit(rpm=100)
    )

    assert all(isinstance(each, Answer) for each in outcomes)
    assert statuses == {200: 500}
    assert minutes == pytest.approx(4 * 60.5 / 60, abs=0.01)


async def test_headers_alone_keep_us_below_the_limit() -> None:
    """Without a limit of our own, what the replies say is left is enough after the first burst."""
    outcomes, statuses, _ = await _outcomes(200, limit=Limit(rpm=100), ours=RateLimit())

    assert all(isinstance(each, Answer) for each in outcomes)
    assert statuses[200] == 200
    assert statuses[429] <= 64, "only what was in flight before the first reply may be refused"


async def test_tokens_a_minute_hold_too() -> None:
    """A limit in tokens is kept: the output limit is reserved, and corrected by the usage."""
    outcomes, statuses, minutes = await _outcomes(
        120, limit=Limit(tpm=4_000), ours=RateLimit(tpm=4_000)
    )

    assert all(isinstance(each, Answer) for each in outcomes)
    assert statuses == {200: 120}
    assert minutes < 4


async def test_a_sick_provider_gets_little_more_than_its_usual_load() -> None:
    """Where nine of ten fail, 1,000 calls make at most 1.2 times as many requests, and a burst."""
    outcomes, statuses, _ = await _outcomes(1000, limit=Limit(), ours=RateLimit(), faults="500:0.9")

    assert len(outcomes) == 1000
    assert sum(statuses.values()) <= 1000 * 1.2 + 64 + 0.5 * 60
    kinds = Counter(each.kind for each in outcomes if isinstance(each, Failure))
    assert set(kinds) <= {"Unavailable", "BreakerOpen"}


async def test_a_thousand_in_flight_hold_together() -> None:
    """1,000 calls at once at a slow server: no error, one connection each, none left after."""
    simulator = Simulator(author=RuleAuthor(), faults=Faults.parse(["delay:0.05"]))
    async with simulator:
        session = Session()
        gates = Gates(max_in_flight=1000, per_provider=1000, limits={})
        with Book.open(None) as book:
            caller = Caller(
                book=book, session=session, gates=gates, prices=Prices(), limits=Limits()
            )
            outcomes = await _ask_all(caller, simulator.base_url("openai"), 1000)
            connections = session.connections
        await session.close()

    assert all(isinstance(each, Answer) for each in outcomes)
    assert connections is not None
    assert 0 < connections <= 1000
    assert session.connections == 0
