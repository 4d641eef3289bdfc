"""What the attempts of a call share with those of every other."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmlab.book import Book, Limits
from llmlab.calls.groups import Groups
from llmlab.calls.settlement_waiter import SettlementWaiter
from llmlab.wire import Gates, Session

if TYPE_CHECKING:
    from llmlab.pricing import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """All that a call needs from outside, so that a test can hand in its own."""

    book: Book
    session: Session
    gates: Gates
    prices: "Prices"
    limits: Limits
    attempts: int = 4
    drop: bool = False
    unpriced: bool = False
    window: int = 8_192
    """Tokens of context that a model on this machine is given (tier 1)."""
    clock: Callable[[], float] = time.perf_counter
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    settlements: SettlementWaiter = field(default_factory=SettlementWaiter)
    groups: Groups = field(default_factory=Groups)
