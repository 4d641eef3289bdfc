"""
Idempotency keys: one value for the attempts of which at most one is to be paid.

In: a call's key and the settlements of its attempts. Out: a header value that stays the same
while the last attempt's fate is unknown, also after a restart, and changes after every answer
and every certain failure: a gateway that stores a 500 would otherwise replay it for ever.
"""

from typing import Final

from msgspec import structs

from llmlab.book import Book, Settlement
from llmlab.calls.prepared import Prepared
from llmlab.records import HttpCall

_UNDER_WAY: Final = 409
"""HTTP status while the first request with the same key is under way: it ends no attempt."""


class Groups:
    """How many attempts of each call key have certainly ended, by the book and this lab."""

    def __init__(self) -> None:
        self._ended: dict[str, int] | None = None

    def marked(self, prepared: Prepared, book: Book) -> HttpCall:
        """Return the call with its idempotency key, where the endpoint takes one."""
        call, header = prepared.call, prepared.endpoint.idempotency
        if not header:
            return call
        name = f"{prepared.key}-{self._number(prepared.key, book)}"
        return structs.replace(call, headers={**call.headers, header: name})

    def settled(self, prepared: Prepared, settled: Settlement, book: Book) -> None:
        """Count an attempt if it has certainly ended."""
        certain = settled.status == "ok" or settled.cost_usd is not None
        if prepared.endpoint.idempotency and certain and settled.http_status != _UNDER_WAY:
            number = self._number(prepared.key, book) + 1
            if self._ended is not None:
                self._ended[prepared.key] = number

    def _number(self, key: str, book: Book) -> int:
        if self._ended is None:
            # Once per lab: a scan of the attempts, which have no index by key.
            self._ended = book.ended_attempts()
        found = self._ended.get(key)
        return int(book.answer(key) is not None) if found is None else found
