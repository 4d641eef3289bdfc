"""
What real kernels buy when they die, are interrupted or run at once, by the provider's own books.

The simulator lives here, the kernels in processes of their own; a last run collects what is left.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

from llmlab.book import Book
from llmlab.sim import RuleAuthor, Simulator, environment
from tests.labs import KEYS

ROOT: Final = Path(__file__).parent.parent
CALLS: Final = 6
MODELS: Final = {"OpenAI": "gpt", "Anthropic": "claude", "xAI": "grok"}

Story: TypeAlias = Sequence[Sequence[str]]
"""Kernels that run at the same time, by the words of `tests.batch_kernel`."""

STORIES: Final[dict[str, Story]] = {
    "two kernels with one plan at once": (("slow", "3"), ("slow", "3")),
    **{f"SIGKILL at the reply to request {n}": (("kill", str(n)),) for n in range(1, 5)},
    **{f"Ctrl-C during request {n}": (("interrupt", str(n)),) for n in range(1, 4)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a story came to, once a last kernel had collected what was left."""

    ended: tuple[int | None, ...]
    """Exit codes of its kernels."""
    batches: int
    """Batches that hold a request."""
    bought: int
    """Requests handed in, over all batches."""
    twice: int
    """Requests handed in again."""
    answered: int
    settled: Decimal
    unknown: Decimal
    reserved: Decimal
    problems: tuple[str, ...]
    """What is wrong with the book, and batches that are still waited for."""


async def proved(folder: Path, model: str, story: Story) -> Proof:
    """Live through *story* with one provider, then run the plan to its end."""
    book = folder / "lab.db"
    async with Simulator(author=RuleAuthor(seed=1)) as simulator:
        ended = await asyncio.gather(*[_kernel(simulator, book, model, each) for each in story])
        _, rows = await _kernel(simulator, book, model, ())
        asked = Counter(
            json.dumps(body)
            for batch in simulator._memory.batches.values()
            for _, body in batch.requests
        )
        made = sum(bool(batch.requests) for batch in simulator._memory.batches.values())
    with Book.open(book) as kept:
        account, waiting = kept.account(), kept.batches()
        problems = [*kept.verify(), *(f"{each.id} is waited for" for each in waiting)]
    return Proof(
        ended=tuple(code for code, _ in ended),
        batches=made,
        bought=asked.total(),
        twice=asked.total() - len(asked),
        answered=rows.get("ok", 0),
        settled=account.settled,
        unknown=account.unknown,
        reserved=account.reserved,
        problems=tuple(problems),
    )


async def _kernel(
    simulator: Simulator, book: Path, model: str, fate: Sequence[str]
) -> tuple[int | None, dict[str, int]]:
    """Run the plan in a process; return its exit code and its rows by status."""
    env = {**os.environ, **KEYS, **environment(simulator)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.batch_kernel", str(book), model, *fate,
        cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode, json.loads(said) if said else {}


async def table() -> str:
    """Tell every story of every provider and write the table as Markdown."""
    import tempfile

    head = "what befell the kernels | provider | batches bought | calls bought twice | answered"
    lines = [f"| {head} | unknown, $ |", "|---|---|---|---|---|---|"]
    for story, kernels in STORIES.items():
        for provider, model in MODELS.items():
            with tempfile.TemporaryDirectory() as folder:
                done = await proved(Path(folder), model, kernels)
            assert done.answered == CALLS
            assert not done.problems
            assert done.reserved == 0
            lines.append(
                f"| {story} | {provider} | {done.batches} | {done.twice} | "
                f"{done.answered} of {CALLS} | {done.unknown or 0:f} |"
            )
    return "\n".join(lines) + "\n"
