"""What clients with one coroutine a call have in common: workers on one loop that lasts."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from time import perf_counter

from benchmarks.server import MODEL, WORDS
from benchmarks.worker import Ran


def words_of(number: int) -> str:
    """Return a prompt that nobody has sent before."""
    return f"{WORDS} {number}"


def body_of(number: int) -> dict[str, object]:
    """Return the request as every client sends it."""
    message = {"role": "user", "content": words_of(number)}
    return {"model": MODEL, "messages": [message], "max_completion_tokens": 512}


class Awaited(ABC):
    """A client that is awaited once a call."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._runner = asyncio.Runner()
        self._sent = 0
        self._runner.run(self.open())

    @abstractmethod
    async def open(self) -> None:
        """Make the client, on the loop that it will live on."""

    @abstractmethod
    async def one(self, number: int) -> float | None:
        """Make one call and read its text and usage; return when the first words came, if known."""

    @abstractmethod
    async def shut(self) -> None:
        """Close the client."""

    def run(self, calls: int, in_flight: int) -> Ran:
        """Make the calls from *in_flight* workers."""
        numbers = iter(range(self._sent, self._sent + calls))
        self._sent += calls
        return self._runner.run(self._many(numbers, in_flight))

    def close(self) -> None:
        """Close the client and its loop."""
        self._runner.run(self.shut())
        self._runner.close()

    async def _many(self, numbers: Iterator[int], in_flight: int) -> Ran:
        ran = Ran()
        await asyncio.gather(*(self._work(numbers, ran) for _ in range(in_flight)))
        return ran

    async def _work(self, numbers: Iterator[int], ran: Ran) -> None:
        for number in numbers:
            start = perf_counter()
            try:
                first = await self.one(number)
            except Exception as error:  # noqa: BLE001 - whatever a client raises is counted
                ran.errors += 1
                ran.error = ran.error or f"{type(error).__name__}: {error}"
                continue
            ran.latencies.append(perf_counter() - start)
            if first is not None:
                ran.firsts.append(first - start)
