"""llmlab from outside: the public `Lab`, awaited question by question, or a whole A/B run."""

import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.server import MODEL, WORDS
from benchmarks.ways.awaited import Awaited, words_of
from benchmarks.worker import Ran
from llmlab import Lab

ARM = f"openai/{MODEL}"


class Labs:
    """A lab for each number in flight, on one book in a file: a lab's doors are its settings."""

    def __init__(self, url: str) -> None:
        self._env = {"OPENAI_API_KEY": "sk-benchmark-0123456789", "OPENAI_BASE_URL": url}
        self._folder = tempfile.TemporaryDirectory()
        self._labs: dict[int, Lab] = {}

    @property
    def book(self) -> Path:
        """Where the book lies."""
        return Path(self._folder.name) / "lab.db"

    def __getitem__(self, in_flight: int) -> Lab:
        if in_flight not in self._labs:
            self._labs[in_flight] = Lab(
                book=self.book,
                env=self._env,
                config=self._folder.name,
                max_in_flight=in_flight,
                per_provider=in_flight,
                deadline=60.0,
                budget={"run": 1e6, "day": 1e6},
                limits={"openai": {"rpm": 1e8, "tpm": 1e12}},
            )
        return self._labs[in_flight]

    def closed(self) -> int:
        """Close every lab; return the bytes of the book."""
        for lab in self._labs.values():
            lab.close()
        self._labs.clear()
        return self.book.stat().st_size if self.book.exists() else 0

    def close(self) -> None:
        """Close every lab and remove the book."""
        self.closed()
        self._folder.cleanup()


class Asked(Awaited):
    """`await lab.ask_async(...)` from another event loop, as a person's own script has it."""

    async def open(self) -> None:
        """Make no lab yet: how wide it should be is said with the calls."""
        self.labs = Labs(self.url)

    def run(self, calls: int, in_flight: int) -> Ran:
        """Ask the lab that is as wide as what is in flight."""
        self.lab = self.labs[in_flight]
        return super().run(calls, in_flight)

    async def one(self, number: int) -> float | None:
        """Ask one question."""
        answer = await self.lab.ask_async(words_of(number), ARM, max_tokens=512)
        assert answer.text
        assert answer.usage.output
        return None

    async def shut(self) -> None:
        """Close the labs."""
        self.labs.close()


class Streamed(Asked):
    """`async for piece in lab.stream(...)` from another event loop."""

    async def one(self, number: int) -> float | None:
        """Read every piece; note when the first words came."""
        first, texts, tokens = None, 0, None
        async for piece in self.lab.stream(words_of(number), ARM, max_tokens=512):
            if piece.answer is not None:
                tokens = piece.answer.usage.output
            elif piece.text:
                first = first or perf_counter()
                texts += 1
        assert texts == tokens, (texts, tokens)
        return first


class Compared:
    """A whole `lab.abtest`: the plan, the calls, the rows in the book, and the frame."""

    def __init__(self, url: str) -> None:
        self.labs = Labs(url)
        self._sent = 0

    def run(self, calls: int, in_flight: int) -> Ran:
        """Compare one prompt on so many inputs."""
        import pandas as pd

        lab = self.labs[in_flight]
        frame = pd.DataFrame({"n": range(self._sent, self._sent + calls)})
        self._sent += calls
        made = lab.abtest({"p": WORDS + " {{ n }}"}, ARM, on=frame, quiet=True, max_tokens=512)
        rows = made.rows
        failed = rows.loc[rows["status"] != "ok"]
        return Ran(
            latencies=(rows["latency_s"] + rows["queued_s"]).dropna().tolist(),
            errors=len(failed),
            error=str(failed.iloc[0].to_dict())[:300] if len(failed) else "",
        )

    def close(self) -> None:
        """Close the labs."""
        self.labs.close()
