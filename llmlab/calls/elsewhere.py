"""Wait for another kernel that has the same question under way: it is paid for once."""

import asyncio
from typing import Final

from llmlab.book import Elsewhere
from llmlab.calls.context import CallContext
from llmlab.calls.identity import recall
from llmlab.records import Answer

_FIRST_WAIT: Final = 0.02
_LAST_WAIT: Final = 0.25
"""Seconds between two checks, which grow: a call takes from a tenth of a second to minutes."""


async def answer_from(
    context: CallContext, key: str, found: Elsewhere, *, within: float
) -> tuple[Answer | None, bool]:
    """
    Return the answer of another kernel's attempt, and whether that attempt has ended.

    The answer is None when the attempt failed, or has not ended in *within* seconds: then the
    question may be asked here. The attempt of a kernel that died has ended.
    """
    ended = found.attempt is None or await _ended(context, found.attempt, within)
    stored = context.book.answer(key) if ended else None
    return (None if stored is None else recall(stored)), ended


async def _ended(context: CallContext, attempt: int, within: float) -> bool:
    until, wait = context.clock() + within, _FIRST_WAIT
    while not await asyncio.to_thread(context.book.has_ended, attempt):
        if context.clock() >= until:
            return False
        await context.sleep(wait)
        wait = min(2 * wait, _LAST_WAIT)
    return True
