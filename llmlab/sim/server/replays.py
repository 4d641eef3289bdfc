"""Idempotency keys, as a gateway implements them: the same key gets the same reply."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from llmlab.sim.call import Reply
from llmlab.sim.server.spoil import Manner

Answered: TypeAlias = tuple[Reply, Manner]


class Replays:
    """
    Stores every reply, errors too, by the idempotency key in the header *header*.

    A repetition of a request that is under way waits for its reply; without the header nothing is
    stored.
    """

    def __init__(self, header: str) -> None:
        self._header = header
        self._kept: dict[tuple[str, str], asyncio.Future[Answered]] = {}

    async def answer(
        self, provider: str, headers: Mapping[str, str], work: Callable[[], Awaitable[Answered]]
    ) -> Answered:
        """Return the stored reply of this key, or that of *work*."""
        name = headers.get(self._header, "") if self._header else ""
        if not name:
            return await work()
        kept = self._kept.get((provider, name))
        if kept is None:
            kept = self._kept[provider, name] = asyncio.ensure_future(_done(work))
        return await asyncio.shield(kept)


async def _done(work: Callable[[], Awaitable[Answered]]) -> Answered:
    return await work()
