"""Whatever befalls the kernels that send by batch, the provider's own books agree with ours."""

import asyncio
import os
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.book import Book
from tests.batch_world import WORDS, Kernel, Trouble, World, simulator

ALONE: tuple[Trouble, ...] = (
    "dies", "dies after", "interrupted", "refused", "unreachable", "busy", "lost reply",
    "busy yet taken",
)  # fmt: skip
TOGETHER: tuple[Trouble, ...] = ("none", "interrupted", "busy", "lost reply")

EVENTS = 16
"""More than a kernel has from its first write to its last."""

alone = st.builds(
    Kernel,
    asks=st.integers(1, len(WORDS)),
    trouble=st.sampled_from(ALONE),
    at=st.integers(1, 24),
    stays=st.booleans(),
).map(lambda kernel: [kernel])
together = st.lists(
    st.builds(
        Kernel, asks=st.integers(1, len(WORDS)), trouble=st.sampled_from(TOGETHER),
        at=st.integers(1, 16), stays=st.booleans(),
    ),
    min_size=2, max_size=2,
)  # fmt: skip
histories = st.lists(st.one_of(alone, together), min_size=1, max_size=4)


async def judged(model: str, history: list[list[Kernel]]) -> None:
    """Live through *history*, then run the whole plan in peace, and hold the books together."""
    with tempfile.TemporaryDirectory() as folder:
        async with simulator() as provider:
            world = World(provider, Path(folder), model)
            try:
                with world.watched():
                    for kernels in history:
                        ran = await world.run(kernels)
                        for kernel, rows in zip(kernels, ran, strict=True):
                            _goes_on(kernel, rows)
                    rows = await _in_peace(world)
            finally:
                await asyncio.to_thread(world.close)
            await asyncio.to_thread(_hold, world, rows)


def _goes_on(kernel: Kernel, rows: object) -> None:
    """A fault of the provider is a row, never the end of a run."""
    if kernel.trouble != "interrupted":
        assert not isinstance(rows, BaseException), f"{kernel}: {rows!r}"


async def _in_peace(world: World) -> pd.DataFrame:
    """Run all that is asked, twice at most: the first may find a row that failed before."""
    said: list[str] = []
    for _ in range(2):
        (rows,) = await world.run([Kernel()])
        assert isinstance(rows, pd.DataFrame), repr(rows)
        if set(rows["status"]) == {"ok"}:
            return rows
        said += rows["error"].dropna().unique().tolist()
    raise AssertionError(f"locked: {said}")


def _hold(world: World, rows: pd.DataFrame) -> None:
    """Nothing is paid that the book does not count, nothing is held, and the sums are right."""
    words = dict(zip(rows["request_hash"], rows["words"], strict=True)) if "words" in rows else {}
    handed_in, attempts = world.handed_in(), world.attempts()
    by_input = dict(zip(rows["request_hash"], rows["input_id"], strict=True))
    for key, tries in attempts.items():
        asked = words.get(key) or WORDS[int(by_input[key])]
        counted = [each for each in tries if each[0] == "ok" or each[2] > 0]
        assert len(tries) == 1 or all(each[0] != "ok" for each in tries[:-1]), tries
        assert handed_in[asked] <= len(counted), f"{asked}: bought {handed_in[asked]}, {tries}"
    with Book.open(world.book) as book:
        assert book.verify() == []
        assert book.account().reserved == 0


QUIET = pytest.mark.filterwarnings(
    # A kernel that died had not begun all that it was about to do.
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@QUIET
@pytest.mark.parametrize("trouble", ALONE)
@pytest.mark.parametrize("model", ["gpt", "claude", "grok"])
def test_one_trouble_at_any_event(model: str, trouble: Trouble) -> None:
    """Whatever befalls a kernel, and whenever: the next run ends, and nothing was bought twice."""
    for at in range(1, EVENTS):
        asyncio.run(judged(model, [[Kernel(trouble=trouble, at=at, stays=True)]]))


@QUIET
@pytest.mark.parametrize("model", ["gpt", "claude", "grok"])
@settings(max_examples=int(os.environ.get("LLMLAB_HISTORIES", "12")))
@given(history=histories)
def test_nothing_is_bought_twice_nor_held_for_ever(model: str, history: list[list[Kernel]]) -> None:
    """Deaths, interruptions, refusals and lost replies at any event of one or two kernels."""
    asyncio.run(judged(model, history))
