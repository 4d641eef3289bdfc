"""
Hand a batch in, once: what the provider may have already is looked for before it is bought again.

In: a batch that was claimed in the book. Out: `handed_in` with the provider's name, or freed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import structs

from llmlab.book import BatchItem, NotUnderWay
from llmlab.calls.batch.requests import send, way
from llmlab.calls.caller import Caller
from llmlab.calls.prepared import FREE, Prepared
from llmlab.calls.settling import lost
from llmlab.errors import CallError, TimedOut
from llmlab.providers.batch.shapes import OK
from llmlab.providers.batch.ways import BatchPart, BatchRequest, BatchWay
from llmlab.providers.failures import failure_of
from llmlab.records import HttpReply

HAND_IN_S: Final = 900.0
"""Seconds after which handing in is given up; what the provider has by then is looked for."""
_TRIES: Final = 3
"""How often a part of a batch is sent that the provider does not take at once."""
_SERVER: Final = 500

Failed = dict[str, CallError]
"""Why a request was not handed in, by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What came of handing a batch in."""

    failed: Failed = field(default_factory=dict)
    """Which requests the provider certainly does not have, and why."""
    doubt: CallError | None = None
    """Why nobody knows whether it has the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Handing in one batch: its name, its requests, and who sends."""

    caller: Caller
    token: str
    group: Sequence[Prepared]
    items: Mapping[str, BatchItem]
    """Attempts and names at the provider, by key."""
    sleep: Callable[[float], Awaitable[object]]
    pause: float
    """Seconds before a part is tried again."""

    async def hand_in(self) -> Handed:
        """Submit, write down what came of it and return it."""
        book = self.caller.book
        try:
            async with asyncio.timeout(HAND_IN_S):
                provider_id, failed = await self._submitted()
        except CallError as error:
            return await self._failed(error)
        except TimeoutError:
            provider = self.group[0].request.provider
            line = f"{provider}: the batch was not handed in within {HAND_IN_S:g} s"
            return await self._failed(TimedOut(line, provider=provider))
        if provider_id:
            await asyncio.wrap_future(
                book.turn_batch(self.token, "handed_in", provider_id=provider_id)
            )
        await self._free(failed)
        return Handed(failed=failed)

    async def _submitted(self) -> tuple[str, Failed]:
        """Return the provider's name, empty where it was asked for nothing; and what failed."""
        one = self.group[0]
        found, path = way(one.request.provider, one.request.api)
        base = one.endpoint.base_url
        items = [
            BatchRequest(id=self.items[each.key].custom_id, body=each.call.body)
            for each in self.group
        ]
        try:
            first = await send(self.caller, found.first(items, self.token, path, base), one)
            begun = found.read_id([first])
        except CallError as error:
            if found.first_buys:
                raise
            return "", dict.fromkeys(self.items, error)
        replies, failed, there = [first], Failed(), 0
        for part in found.rest(begun, items, self.token, path, base):
            try:
                reply = await self._part(found, begun, part, there)
            except CallError as error:
                if error.maybe_charged:
                    raise
                failed.update({self._key(item): error for item in part.items})
            else:
                there += len(part.items)
                replies += [] if reply is None else [reply]
        return "" if len(failed) == len(items) else found.read_id(replies), failed

    async def _part(
        self, found: BatchWay, begun: str, part: BatchPart, there: int
    ) -> HttpReply | None:
        """
        Send a part; None when its reply was lost and the provider has it all the same.

        After a fault that may pass the provider is asked how much is there; the part is sent
        again only where it says that this part is not.
        """
        one = self.group[0]
        for left in range(_TRIES - 1, -1, -1):
            try:
                return await self._taken(part, one)
            except CallError as error:
                count = await self._there(found, begun) if error.retryable else None
                if count == there + len(part.items):
                    return None
                if count is None and error.retryable:
                    raise _unsure(error) from None
                if count != there or not left:
                    raise
            await self.sleep(self.pause)
        return None

    async def _taken(self, part: BatchPart, one: Prepared) -> HttpReply:
        reply = await send(self.caller, part.call, one)
        if reply.status != OK:
            raise failure_of(reply, one.request.provider)
        return reply

    async def _there(self, found: BatchWay, begun: str) -> int | None:
        """Return how many requests the provider has in the batch; None when it cannot tell."""
        one = self.group[0]
        try:
            call = found.state_call(begun, one.endpoint.base_url)
            return found.read_state(await send(self.caller, call, one)).size
        except CallError:
            return None

    def _key(self, item: BatchRequest) -> str:
        return next(key for key, each in self.items.items() if each.custom_id == item.id)

    async def _failed(self, error: CallError) -> Handed:
        """Free what was certainly not handed in; what may have been is looked for in the list."""
        if error.maybe_charged or (error.status or 0) >= _SERVER:
            doubt = self.caller.book.turn_batch(self.token, "unsure", note=str(error))
            await asyncio.wrap_future(doubt)
            return Handed(doubt=error)
        failed: Failed = dict.fromkeys(self.items, error)
        await self._free(failed)
        return Handed(failed=failed)

    async def _free(self, failed: Failed) -> None:
        """Settle what was not handed in: the provider has nothing of it, so it costs nothing."""
        for key, error in failed.items():
            settled = structs.replace(lost(error, latency=0.0), cost_usd=FREE, billed=False)
            try:
                await self.caller.book.finish_async(self.items[key].attempt, settled)
            except NotUnderWay:
                continue  # another kernel knows better


def _unsure(error: CallError) -> CallError:
    """Say that nobody knows whether the provider has a part: that is no reason to send it again."""
    error.maybe_charged = True
    return error
