"""The frozen records that go into the book and come out of it."""

from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from llmlab.book.money import to_pico

Status: TypeAlias = Literal["ok", "error"]

Once: TypeAlias = Literal["no", "now", "ever"]
"""
When an attempt is not begun because of another kernel: `now`, while that kernel has an attempt
with this key under way; `ever`, also when it has stored an answer; `no`, never.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Spending limits in dollars; None sets no limit."""

    call: Decimal | None = None
    """Per call: one key, its retries included."""
    run: Decimal | None = None
    """Per run name, over all kernels and days."""
    day: Decimal | None = None
    """Per day of `zone`, by the start of the attempt."""
    total: Decimal | None = None
    """Over the whole life of the book."""
    zone: ZoneInfo | None = None
    """Time zone of the days; None is UTC."""
    picos: tuple[int | None, int | None, int | None, int | None] = field(
        init=False, repr=False, compare=False
    )
    """Call, run, day and total in picodollars, rounded down."""

    def __post_init__(self) -> None:
        call, run, day, total = (
            None if limit is None else to_pico(limit, rounding=ROUND_FLOOR, what=f"{name} limit")
            for name, limit in (
                ("call", self.call),
                ("run", self.run),
                ("day", self.day),
                ("total", self.total),
            )
        )
        object.__setattr__(self, "picos", (call, run, day, total))

    @property
    def any(self) -> bool:
        """Whether any limit is set."""
        return self.picos != (None, None, None, None)


NO_LIMITS = Limits()


class Attempt(Struct, frozen=True, kw_only=True, gc=False):
    """One HTTP request of a call: what is known before it is sent."""

    key: str
    """Cache key of the call, repeat number included; see `calls.identity`."""
    provider: str
    model: str
    started_at: float
    """Unix time, seconds; its UTC date is the day that it counts on."""
    run: str | None = None
    backend: str = "live"
    number: int = 1
    """1 for the first attempt of a call, 2 for its first retry ..."""
    worst_usd: Decimal | None = None
    """Worst case in dollars; None when the price is unknown."""
    prompt: str = ""
    prompt_version: str = ""


class Settlement(Struct, frozen=True, kw_only=True, gc=False):
    """The result of an attempt, stored before it is returned."""

    status: Status
    answer: bytes | None = None
    cost_usd: Decimal | None = None
    """Dollars charged; None when unknown: then the worst case counts, unless `billed` is False."""
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    latency_s: float | None = None
    error: str = ""
    http_status: int | None = None
    request_id: str | None = None
    billed: bool | None = None
    """Whether the provider charges for it; None when it did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Dollars of one scope: `total`, `day:2026-11-22` or `run:NAME`."""

    settled: Decimal
    """Charged, with a known amount."""
    unknown: Decimal
    """Counted at the worst case, because the charge is unknown."""
    reserved: Decimal
    """Reserved for attempts under way."""

    @property
    def spent(self) -> Decimal:
        """Dollars that count as spent: `settled + unknown`."""
        return self.settled + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run: its name and its plan, encoded by the caller."""

    name: str
    created_at: float
    plan: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunItem:
    """One row of a run: the key of its call, and the caller's own data."""

    position: int
    key: str
    meta: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVersion:
    """The text of a template at one version, and when it was first used."""

    name: str
    version: str
    text: str
    first_used_at: float
