"""
What travels through llmlab, in the order it travels.

    Prompt → Request → HttpCall → HttpReply → Answer | Failure → Row

Every record is frozen: a stage makes the next record, it never edits the last one. What is made
anew for each call is a `msgspec.Struct`, five times cheaper to make than a dataclass and as
readable; copy it with `msgspec.structs.replace`. The garbage collector need not look at it
(`gc=False`): a frozen record holds only what was there before it, so it is never part of a cycle.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

Api: TypeAlias = Literal["chat", "responses", "messages", "generate"]
"""Which of a provider's wire formats; `chat` is chat completions (Ollama: /api/chat)."""

Auth: TypeAlias = Literal["none", "bearer", "x-api-key"]
"""How the wire attaches the key, which no adapter ever sees."""

Backend: TypeAlias = Literal["live", "local", "stand-in"]
"""Who really answered: the provider's server, the embedded model, or the simulator."""

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Tier: TypeAlias = Literal["default", "auto", "flex", "priority", "fast"]
"""A tier of service: `default` is the standard price, `auto` what the account is set to."""

Finish: TypeAlias = Literal["stop", "length", "tool", "filter", "refusal", "error", "other"]
"""Why an answer ended; `other` for a reason that llmlab does not know: it may be half of one."""

Reading: TypeAlias = Literal[
    "scored", "unread", "cut", "empty", "refused", "filtered", "untargeted", "unscored", "failed"
]
"""What became of a call as evidence; every call is exactly one of these (docs/scores.md)."""


class Prompt(Struct, frozen=True, kw_only=True, gc=False):
    """A template with its slots filled: the words a model will read."""

    name: str
    user: str
    system: str | None = None
    version: str = ""

    @property
    def words(self) -> str:
        """All that the model will read, system prompt first: what counts and bounds go by."""
        return f"{self.system or ''}{self.user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A JSON schema the answer must follow, under a name of at most 64 of [A-Za-z0-9_-]."""

    name: str
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Server-side search: which tools to offer, and where they may look."""

    web: bool = True
    x: bool = False
    allowed_domains: tuple[str, ...] = ()
    from_date: str | None = None
    to_date: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What the caller asks of the model; None leaves the provider's default alone."""

    max_tokens: int = 512
    """Output limit, reasoning included."""
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    thinking: bool | None = None
    effort: Effort | None = None
    schema: Schema | None = None
    search: Search | None = None
    context: int | None = None
    """Tokens of context to allocate (Ollama's `num_ctx`); no other provider takes it."""
    extra: Mapping[str, object] | None = None
    """Fields that go into the body as they are, by the provider's own names."""
    tier: Tier | None = None
    """How fast and how dear; None asks for the standard tier, whatever the account is set to."""


class Request(Struct, frozen=True, kw_only=True, gc=False):
    """One question for one model."""

    provider: str
    model: str
    """The provider's own id, such as `gpt-6-luna`."""
    prompt: Prompt
    parameters: Parameters = msgspec.field(default_factory=Parameters)
    api: Api = "chat"
    stream: bool = False
    label: str = ""
    """What the user called the model: an alias such as `deepseek-think`, or provider/model."""
    repeat: int = 0
    occurrence: int = 0
    """How many calls of the run before it ask the very same: each is a call of its own."""

    @property
    def name(self) -> str:
        """Return `provider/model`."""
        return f"{self.provider}/{self.model}"


class HttpCall(Struct, frozen=True, kw_only=True, gc=False):
    """What is put on the wire, less the key: `auth` says how the wire attaches that."""

    url: str
    body: bytes = b""
    method: Literal["GET", "POST"] = "POST"
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    auth: Auth = "bearer"
    sent: Mapping[str, object] = msgspec.field(default_factory=dict)
    """The parameters in it, by the provider's names: the body less the words."""
    bulk: bool = False
    """Whether the reply is a file of many answers, for which the larger bound holds."""
    asked: bytes = b""
    """The body less what llmlab adds to hold the standard tier; empty where it adds nothing."""


class HttpReply(Struct, frozen=True, kw_only=True, gc=False):
    """What came off the wire; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Usage(Struct, frozen=True, kw_only=True, gc=False):
    """
    Tokens as the provider counted them, normalised.

    `input` is the whole prompt, cached and cache-written tokens included; `output`
    includes reasoning. None means that the provider did not say: nothing is guessed.
    """

    input: int | None = None
    cached: int | None = None
    """Part of `input` read from the provider's prompt cache."""
    cache_write: int = 0
    """Part of `input` written to the prompt cache, whatever its time to live."""
    cache_write_1h: int = 0
    """Part of `cache_write` that is kept for an hour (dearer at Anthropic)."""
    output: int | None = None
    reasoning: int | None = None
    """Part of `output` spent on reasoning."""
    searches: int = 0
    """Server-side tool calls that are charged each."""
    estimated: bool = False
    """Whether a count was filled in by llmlab's own tokenizer."""
    service_tier: str = ""
    """The tier that served it, where that is not the standard one: flex, priority, fast."""
    region: str = ""
    """Where it was served, where the provider charges for that: us, eu."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A page that a server-side search cites."""

    url: str
    title: str = ""


class Answer(Struct, frozen=True, kw_only=True, gc=False):
    """What a model said, what it used, and what is known about how it came."""

    text: str
    usage: Usage
    finish: Finish
    model: str
    """The model as the provider reported it; differs from `requested` by date or redirect."""
    requested: str = ""
    """`provider/model` as asked for."""
    provider: str = ""
    backend: Backend = "live"
    reasoning: str = ""
    parsed: object = None
    """The answer as data, when a schema was asked for and the text follows it."""
    cost: Decimal | None = None
    """Dollars by `price_basis`; None when nobody knows the price."""
    billed: Decimal | None = None
    """Dollars as the provider stated them, where it does (xAI)."""
    price_basis: str = ""
    latency: float | None = None
    """Seconds from the start of the attempt that succeeded to its last byte."""
    ttfb: float | None = None
    """Seconds to the first byte of that attempt."""
    ttft: float | None = None
    """Seconds to its first piece of content; None when the answer was not streamed."""
    queued: float = 0.0
    """Seconds spent waiting in llmlab's own queue."""
    attempts: int = 1
    unsure: int = 0
    """Earlier attempts that failed and may have been charged all the same; not in `cost`."""
    unsure_usd: Decimal | None = None
    """Dollars at most that these cost; None where there are none, or they have no price."""
    started_at: float = 0.0
    """Unix time at which the attempt that succeeded was sent."""
    request_id: str | None = None
    fingerprint: str | None = None
    from_book: bool = False
    sources: tuple[Source, ...] = ()
    sent: Mapping[str, object] = msgspec.field(default_factory=dict)
    """The parameters really sent, by the provider's names."""
    warnings: tuple[str, ...] = ()

    @property
    def gap(self) -> Literal["", "cut", "empty", "refused", "filtered", "unread"]:
        """Why this is no whole answer; empty when it is one."""
        ended = _ENDED.get(self.finish)
        if ended is not None:
            return ended
        return "empty" if self.parsed is None and not self.text.strip() else ""


_ENDED: Final[Mapping[str, Literal["cut", "refused", "filtered", "unread"]]] = {
    "length": "cut",
    "refusal": "refused",
    "filter": "filtered",
    "other": "unread",
}


class Failure(Struct, frozen=True, kw_only=True, gc=False):
    """Why a model said nothing; `partial` is what came before it stopped."""

    kind: str
    message: str
    status: int | None = None
    request_id: str | None = None
    partial: str = ""
    attempts: int = 1
    started_at: float = 0.0
    latency: float | None = None
    queued: float = 0.0
    backend: Backend = "live"
    cost: Decimal | None = None
    """
    Dollars lost on it: 0 where it was certainly not charged, an estimate by its tokens where a
    stream was cut, None where nobody knows.
    """
    unsure: int = 0
    """Attempts before the last that may have been charged; not in `cost`."""
    unsure_usd: Decimal | None = None
    """Dollars at most that these cost; None where there are none, or they have no price."""


Outcome: TypeAlias = Answer | Failure


class Piece(Struct, frozen=True, kw_only=True, gc=False):
    """A piece of a stream: text, or reasoning that precedes it; the last carries the answer."""

    text: str = ""
    reasoning: str = ""
    answer: Answer | None = None


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """One request with all that became of it: one line of the DataFrame."""

    run: str
    request: Request
    request_hash: str
    input_id: str
    outcome: Outcome
    score: float | None = None
    score_error: str = ""
    """Why there is no score, or why it is 0 where that does not show."""
    reading: Reading | None = None
    """What became of it; None until it was scored: see `became`."""

    @property
    def became(self) -> Reading:
        """Say what became of the call; without a score to go by, how far it came."""
        if self.reading is not None:
            return self.reading
        if not isinstance(self.outcome, Answer):
            return "failed"
        if self.score is not None and not math.isnan(self.score):
            return "scored"
        return self.outcome.gap or "unscored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run before it is sent: how much, from whom, for how many dollars, to find what."""

    name: str
    calls: int
    from_book: int
    """Calls that the book answers; they are not sent again."""
    prompts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    inputs: int = 1
    repeats: int = 1
    expected_usd: float | None = None
    """Dollars by estimated tokens; None when a model has no known price."""
    worst_usd: float | None = None
    """Dollars at most, retries aside."""
    limit_usd: float | None = None
    seconds: float | None = None
    """Estimated time; None when nothing is known about how fast the models answer."""
    seconds_by: str = ""
    """By what the time is estimated, or why it is not known."""
    detectable: float | None = None
    """
    Smallest difference of scores that the strictest paired test finds with 80 % power; infinite
    when so few inputs or clusters can find none.
    """
    live: tuple[str, ...] = ()
    """Labels answered by their own provider."""
    stand_ins: tuple[str, ...] = ()
    """Labels played by the simulator, since there is no key or server."""
    author: str = ""
    """Who writes the stand-ins' words."""
    notes: tuple[str, ...] = ()
    """What must be known before anything is sent: models that retire, what look-ahead may spoil."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands; `done` counts every finished call, failed and from the book included."""

    total: int
    done: int
    from_book: int
    failed: int
    spent_usd: float | None
    limit_usd: float | None
    elapsed_s: float
    arms: tuple[tuple[str, str, int, int, int], ...] = ()
    """`(prompt, label, done, total, failed)` for each arm."""
    waits: tuple[tuple[str, float], ...] = ()
    """Who asked to wait before the next call, and the seconds that are left of it."""
    narrow: tuple[tuple[str, int], ...] = ()
    """Models of which no more calls are sent at once than this, since more were refused."""

    @property
    def left_s(self) -> float | None:
        """Return the seconds left at the pace of the calls that were sent, or None before any."""
        sent = self.done - self.from_book
        if self.done >= self.total:
            return 0.0
        return (self.total - self.done) * self.elapsed_s / sent if sent > 0 else None
