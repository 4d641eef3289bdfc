"""Who is asked next, and where: what was read once is not read again, and nobody starves."""

import asyncio
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from llmlab.sim.authors.turns import PATIENCE, Turns, shared


async def _ask(turns: Turns, text: str, asked: list[tuple[str, str]]) -> None:
    async with turns.take(text) as address:
        asked.append((address, text))
        await asyncio.sleep(0)


async def _all(turns: Turns, texts: list[str]) -> list[tuple[str, str]]:
    asked: list[tuple[str, str]] = []
    await asyncio.gather(*(_ask(turns, text, asked) for text in texts))
    return asked


async def test_what_one_copy_reads_is_asked_there_together() -> None:
    """Two kinds of prompt that arrive mixed are each read by one copy alone."""
    texts = ["Is it up? A", "Label this: B"] * 6

    asked = await _all(Turns(("one", "two")), texts)

    assert len(asked) == len(texts)
    for kind in set(texts):
        assert len({address for address, text in asked if text == kind}) == 1


async def test_a_copy_goes_on_with_what_it_has_just_read() -> None:
    """One copy answers all that ask alike before it reads something else."""
    asked = await _all(Turns(("one",)), ["apple pie", "beef stew", "apple pie", "beef stew"])

    assert [text for _, text in asked] == ["apple pie"] * 2 + ["beef stew"] * 2


async def test_nobody_is_passed_over_for_ever() -> None:
    """A question unlike all others is answered after `PATIENCE` later ones at the latest."""
    texts = ["alike"] + ["other"] + ["alike"] * (PATIENCE * 3)

    asked = await _all(Turns(("one",)), texts)

    assert [text for _, text in asked].index("other") == 1 + PATIENCE


async def test_an_idle_copy_takes_what_there_is() -> None:
    """No copy waits for its favourite while a question stands in the line."""
    turns = Turns(("one", "two"))

    async with turns.take("same") as first, turns.take("same") as second:
        assert {first, second} == {"one", "two"}


async def test_whoever_gives_up_leaves_no_copy_behind() -> None:
    """Cancelled in the line or with a copy in hand: the copy serves the next one."""
    turns = Turns(("one",))
    asked: list[tuple[str, str]] = []
    tasks = [asyncio.create_task(_ask(turns, text, asked)) for text in "abcde"]
    await asyncio.sleep(0)

    for task in tasks[:4]:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async with asyncio.timeout(5), turns.take("f") as address:
        assert address == "one"
    await tasks[4]


async def test_a_turn_given_and_cancelled_at_once_is_given_on() -> None:
    """Whoever is cancelled between being called and waking up does not keep the copy."""
    turns = Turns(("one",))
    asked: list[tuple[str, str]] = []
    holder = turns.take("a")
    await holder.__aenter__()
    left = asyncio.create_task(_ask(turns, "a", asked))
    called = asyncio.create_task(_ask(turns, "b", asked))
    await asyncio.sleep(0)

    left.cancel()
    await holder.__aexit__(None, None, None)
    called.cancel()
    await asyncio.gather(called, left, return_exceptions=True)

    async with asyncio.timeout(5), turns.take("d") as address:
        assert address == "one"
    assert asked == []


@given(st.text("ab", max_size=30), st.text("ab", max_size=30))
def test_shared_counts_the_common_beginning(one: str, other: str) -> None:
    """The count is the longest beginning that both have."""
    count = shared(one, other)

    assert one[:count] == other[:count]
    assert count == min(len(one), len(other)) or one[count] != other[count]
