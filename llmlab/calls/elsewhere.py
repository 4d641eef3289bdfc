"""Wait for another kernel that has the same question under way, instead of paying for it twice."""

import asyncio
from typing import Final

from llmlab.book import Elsewhere
from llmlab.calls.context import CallContext
from llmlab.calls.identity import recall
from llmlab.records import Answer

_FIRST_LOOK: Final = 0.02
_LAST_LOOK: Final = 0.25
"""Seconds between two looks, which grow: a call takes from a tenth of a second to minutes."""


async def answer_from(
    context: CallContext, key: str, found: Elsewhere, *, within: float
) -> tuple[Answer | None, bool]:
    """
    Return the answer that another kernel brings, and whether it has ended.

    None when it got none, or is not done in *within* seconds: then the question may be asked
    here. A kernel that died has ended.
    """
    ended = found.attempt is None or await _ended(context, found.attempt, within)
    stored = context.book.answer(key) if ended else None
    return (None if stored is None else recall(stored)), ended


async def _ended(context: CallContext, attempt: int, within: float) -> bool:
    until, wait = context.clock() + within, _FIRST_LOOK
    while not await asyncio.to_thread(context.book.has_ended, attempt):
        if context.clock() >= until:
            return False
        await context.sleep(wait)
        wait = min(2 * wait, _LAST_LOOK)
    return True
