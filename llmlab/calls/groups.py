"""
One name for the attempts of which at most one is to be paid: what an idempotency key says.

In: a call's key and what became of its attempts. Out: a header value that stays the same while
nobody knows what became of the last attempt, also after a restart, and is another one after every
answer and every definite failure: a gateway that keeps a 500 would otherwise replay it for ever.
"""

from typing import Final

from msgspec import structs

from llmlab.book import Book, Settlement
from llmlab.calls.prepared import Prepared
from llmlab.records import HttpCall

_STILL_AT_WORK: Final = 409
"""What a gateway says while the first request of a name is under way: nothing has ended by it."""


class Groups:
    """How many attempts of each key have ended for certain, as the book and this lab know it."""

    def __init__(self) -> None:
        self._ended: dict[str, int] | None = None

    def marked(self, prepared: Prepared, book: Book) -> HttpCall:
        """Return the call with its name, where the endpoint takes one."""
        call, header = prepared.call, prepared.endpoint.idempotency
        if not header:
            return call
        name = f"{prepared.key}-{self._number(prepared.key, book)}"
        return structs.replace(call, headers={**call.headers, header: name})

    def settled(self, prepared: Prepared, settled: Settlement, book: Book) -> None:
        """Count an attempt that has ended, if that is certain."""
        certain = settled.status == "ok" or settled.cost_usd is not None
        if prepared.endpoint.idempotency and certain and settled.http_status != _STILL_AT_WORK:
            number = self._number(prepared.key, book) + 1
            if self._ended is not None:
                self._ended[prepared.key] = number

    def _number(self, key: str, book: Book) -> int:
        if self._ended is None:
            # Once a lab: a scan of the attempts, which have no index by key.
            self._ended = book.ended_attempts()
        found = self._ended.get(key)
        return int(book.answer(key) is not None) if found is None else found
