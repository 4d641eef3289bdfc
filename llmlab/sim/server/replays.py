"""What a gateway does that honours idempotency keys: the same key has the same reply, paid once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from llmlab.sim.call import Reply
from llmlab.sim.server.spoil import Manner

Answered: TypeAlias = tuple[Reply, Manner]


class Replays:
    """
    Keeps every reply, errors too, under the name that a request gives in *header*.

    Who repeats a request that is under way waits for its reply; without a header nothing is kept.
    """

    def __init__(self, header: str) -> None:
        self._header = header
        self._kept: dict[tuple[str, str], asyncio.Future[Answered]] = {}

    async def answer(
        self, provider: str, headers: Mapping[str, str], work: Callable[[], Awaitable[Answered]]
    ) -> Answered:
        """Return what was answered under this name, or do *work*."""
        name = headers.get(self._header, "") if self._header else ""
        if not name:
            return await work()
        kept = self._kept.get((provider, name))
        if kept is None:
            kept = self._kept[provider, name] = asyncio.ensure_future(_done(work))
        return await asyncio.shield(kept)


async def _done(work: Callable[[], Awaitable[Answered]]) -> Answered:
    return await work()
