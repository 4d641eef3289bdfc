"""
Find out whether the provider has a batch of which nobody knows: look through its own list.

In: a batch that is `unsure`, or that was `intended` by a kernel that died. Out: the provider's
name for it, or the certainty that there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from llmlab.book import Batch
from llmlab.calls.batch.collect import Collecting
from llmlab.calls.batch.requests import send, way
from llmlab.calls.batch.submit import HAND_IN_S
from llmlab.calls.caller import Caller
from llmlab.calls.prepared import Prepared
from llmlab.errors import CallError
from llmlab.providers.batch.ways import ListedBatch

_PAGES: Final = 10
"""Pages of a hundred that are looked through for a batch."""
_SKEW_S: Final = 600.0
"""Seconds by which the provider's clock may differ from this machine's."""
_NOT_THERE: Final = frozenset({400, 404, 410})
"""How a provider says that a batch has no results, or no more: it is not the one looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSearch:
    """A batch that is looked for, and how one that may be it is looked at."""

    caller: Caller
    batch: Batch
    one: Prepared
    collecting: Callable[[str], Collecting]
    """Makes who looks at the batch that the provider calls so."""

    async def found(self) -> Collecting | None:
        """
        Return who collects the batch under the provider's name; None where there is none.

        Raises:
            CallError: The list, or a batch that may be this one, cannot be looked at now.
        """
        for name in await self._candidates():
            collecting = self.collecting(name)
            try:
                if await collecting.is_it():
                    return collecting
            except CallError as error:
                if error.status not in _NOT_THERE:
                    raise
        return None

    async def _candidates(self) -> list[str]:
        """Return the provider's names of batches that are, or may be, this one; newest first."""
        request, base = self.one.request, self.one.endpoint.base_url
        listing, _ = way(request.provider, request.api)
        known, seen, after = self.caller.book.batch_names(), [], ""
        for _ in range(_PAGES):
            reply = await send(self.caller, listing.list_call(base, after), self.one)
            page = listing.read_list(reply)
            for each in page.batches:
                if each.token == self.batch.id:
                    return [each.id]
                if each.id not in known and self._may_be(each):
                    seen.append(each.id)
            after = page.more
            if not after or any(self._is_older(each) for each in page.batches):
                break
        return seen

    def _may_be(self, each: ListedBatch) -> bool:
        """Say whether a batch without a name (Anthropic) has this one's size and time."""
        latest = self.batch.created_at + HAND_IN_S + _SKEW_S
        early_enough = each.created_at is None or each.created_at <= latest
        return (
            each.token is None
            and each.size == self.batch.size
            and early_enough
            and not self._is_older(each)
        )

    def _is_older(self, each: ListedBatch) -> bool:
        return each.created_at is not None and each.created_at < self.batch.created_at - _SKEW_S
