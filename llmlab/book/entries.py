"""What goes into the book and what comes out of it, as frozen records."""

from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from llmlab.book.money import to_pico

Status: TypeAlias = Literal["ok", "error"]

Once: TypeAlias = Literal["no", "now", "ever"]
"""
Whether an attempt must not be begun where another kernel does the same: `now`, while it has one
under way with this key; `ever`, also where it has stored an answer to it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many dollars may be spent; None sets no limit."""

    call: Decimal | None = None
    """Per call: one key, its retries included."""
    run: Decimal | None = None
    """Per run name, over every kernel and day that worked on it."""
    day: Decimal | None = None
    """Per day of `zone`, by the time at which an attempt started."""
    total: Decimal | None = None
    """Over the whole life of the book."""
    zone: ZoneInfo | None = None
    """Where days begin at midnight; None is UTC."""
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
        """Whether there is a limit at all."""
        return self.picos != (None, None, None, None)


NO_LIMITS = Limits()


class Attempt(Struct, frozen=True, kw_only=True):
    """One try to send one request: what is known before it is sent."""

    key: str
    """Identity of the request by content, repeat number included."""
    provider: str
    model: str
    started_at: float
    """Unix time, seconds; its UTC date is the day that pays."""
    run: str | None = None
    backend: str = "live"
    number: int = 1
    """1 for the first attempt of a call, 2 for its first retry ..."""
    worst_usd: Decimal | None = None
    """The most it can cost; None when nobody knows the price."""
    prompt: str = ""
    prompt_version: str = ""


class Settlement(Struct, frozen=True, kw_only=True):
    """What became of an attempt: known before anyone is told."""

    status: Status
    answer: bytes | None = None
    cost_usd: Decimal | None = None
    """Dollars charged; None when unknown: then the worst price counts, unless `billed` is False."""
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
    """Charged, and the amount is known."""
    unknown: Decimal
    """Counted at the worst price, for nobody knows what was charged."""
    reserved: Decimal
    """Set aside for attempts under way."""

    @property
    def spent(self) -> Decimal:
        """Dollars that count as gone: `settled + unknown`."""
        return self.settled + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run: its name and its plan, in whatever encoding the caller chose."""

    name: str
    created_at: float
    plan: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunItem:
    """One row of a run: which call answers it, and what else the caller keeps with it."""

    position: int
    key: str
    meta: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVersion:
    """The words of a template at one version, and when they were first used."""

    name: str
    version: str
    text: str
    first_used_at: float
