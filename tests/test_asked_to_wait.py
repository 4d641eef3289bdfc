"""A provider that asks for minutes: a question says so at once, a run says so while it waits."""

import asyncio
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.errors import Throttled
from llmlab.records import Progress
from llmlab.runs.handle import Handle
from llmlab.views.progress import progress_html, progress_line
from tests.loopback import Came, Loopback, Said
from tests.test_one_in_flight import ANSWER, MODEL

BODY = b'{"error": {"message": "Rate limit reached.", "type": "rate_limit_exceeded"}}'


def throttled(_: Came) -> Said:
    """Ask for a wait of 113 seconds."""
    return Said(body=BODY, status=429, headers={"retry-after": "113"})


def exhausted(_: Came) -> Said:
    """Answer, and say that nothing is left for 50 seconds."""
    left = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "50s"}
    return Said(body=ANSWER, headers={"x-ratelimit-limit-requests": "100", **left})


@pytest.mark.parametrize(("reply", "wait"), [(throttled, r"1[01]\d"), (exhausted, r"[45]\d")])
async def test_the_next_question_says_at_once_how_long_it_would_wait(reply: Any, wait: str) -> None:
    """With a deadline shorter than the wait it fails, and nothing is sent. # R-23."""
    with Loopback(reply) as server:
        async with Lab(book=None, env=server.env, config="/", attempts=1) as lab:
            await asyncio.gather(lab.ask_async("Spring?", MODEL), return_exceptions=True)
            with pytest.raises(Throttled, match=rf"openai asked to wait {wait} s more; the deadl"):
                await lab.ask_async("Summer?", MODEL, deadline=5)
            assert lab.book.account().reserved == 0
    assert len(server.log) == 1


async def test_a_run_shows_who_makes_it_wait() -> None:
    """Its calls wait; the progress names the provider and the seconds."""
    with Loopback(throttled) as server:
        async with Lab(book=None, env=server.env, config="/", max_in_flight=1) as lab:
            frame = pd.DataFrame({"n": ["1", "2"]})
            handle = await asyncio.to_thread(
                lambda: lab.start({"p": "Say {{ n }}."}, MODEL, on=frame, quiet=True)
            )
            shown = await _until_it_waits(handle)
            handle.stop(now=True)
            await asyncio.to_thread(handle.result, 30)
    assert shown.waits[0][0] == "openai"
    assert 60 < shown.waits[0][1] <= 113


async def _until_it_waits(handle: Handle[Any]) -> Progress:
    while not (progress := handle.progress()).waits:  # noqa: ASYNC110 - another thread moves it
        await asyncio.sleep(0.02)
    return progress


def test_a_wait_is_one_phrase_of_the_line() -> None:
    """In a cell and in a terminal."""
    progress = Progress(
        total=9, done=0, from_book=0, failed=0, spent_usd=0.0, limit_usd=None, elapsed_s=1.0,
        waits=(("openai", 49.6),),
    )  # fmt: skip

    assert "openai asked to wait 50 s" in progress_line(progress)
    assert "openai asked to wait 50 s" in progress_html(progress)
