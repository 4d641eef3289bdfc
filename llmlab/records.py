"""
The records that llmlab passes on, in the order of processing.

    Prompt → Request → HttpCall → HttpReply → Answer | Failure → Row

Every record is frozen: a stage makes the next record, it never changes the last one. Records made
for each call are `msgspec.Struct`s, five times cheaper to make than a dataclass; copy them with
`msgspec.structs.replace`. The garbage collector need not track them (`gc=False`): a frozen record
refers only to older objects, so it is never part of a cycle.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

Api: TypeAlias = Literal["chat", "responses", "messages", "generate"]
"""A provider's API, by wire format; `chat` is chat completions (Ollama: /api/chat)."""

Auth: TypeAlias = Literal["none", "bearer", "x-api-key"]
"""How `wire` attaches the key, which no adapter ever sees."""

Backend: TypeAlias = Literal["live", "local", "stand-in"]
"""Who answered: the provider's server, the embedded model, or the simulator."""

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Tier: TypeAlias = Literal["default", "auto", "flex", "priority", "fast"]
"""A tier of service: `default` is the standard price, `auto` what the account is set to."""

Finish: TypeAlias = Literal["stop", "length", "tool", "filter", "refusal", "error", "other"]
"""Why an answer ended; `other` for a reason that llmlab does not know: it may be half of one."""

AGAIN: Final = " again"
"""Suffix of a prompt's name where an A/A test asks it a second time."""

OWN_MACHINE: Final = frozenset({"ollama", "local"})
"""Providers that run on one's own machine: free, with models that their user names."""

Reading: TypeAlias = Literal[
    "scored", "unread", "cut", "empty", "refused", "filtered", "untargeted", "unscored", "failed"
]
"""What a score made of a call; every call is exactly one of these (docs/scores.md)."""


class Turn(Struct, frozen=True, kw_only=True, gc=False):
    """An earlier message of a conversation: who said it, and the text."""

    role: Literal["user", "assistant"]
    text: str


class Attachment(Struct, frozen=True, kw_only=True, gc=False):
    """An image or a PDF that goes with the last message; `digest` stands for it in keys."""

    media_type: str
    """Such as `image/png` or `application/pdf`."""
    data: bytes
    name: str = ""
    """The slot that it fills."""
    width: int = 0
    """Pixels; 0 for a PDF."""
    height: int = 0
    pages: int = 0
    """Pages of a PDF; 0 for an image, and where nothing installed can count them."""
    text_bytes: int = 0
    """Bytes of the text on the pages of a PDF, UTF-8."""
    digest: str = ""
    """SHA-256 of `data`, 64 hex digits."""

    @property
    def size(self) -> str:
        """The size in words: `640x480`, `12 pages`."""
        if self.media_type.startswith("image/"):
            return f"{self.width}x{self.height}"
        pages = "1 page" if self.pages == 1 else f"{self.pages} pages"
        return pages if self.pages else "pages unknown"

    @property
    def note(self) -> str:
        """What stands for it where words are kept: type, size, digest; never its bytes."""
        return f"{self.media_type} {self.size}, sha256 {self.digest[:12]}"

    def __repr__(self) -> str:
        return f"<Attachment {self.name!r}: {self.note}>"


class Prompt(Struct, frozen=True, kw_only=True, gc=False):
    """A template with its slots filled: what a model gets."""

    name: str
    user: str
    """The last message; before it come `turns`."""
    system: str | None = None
    version: str = ""
    turns: tuple[Turn, ...] = ()
    """Earlier messages, oldest first: examples, or what was said so far."""
    attachments: tuple[Attachment, ...] = ()
    """Images and PDFs of the last message, which come before its text."""
    shared: int = 0
    """Characters at the start of `user` that all inputs share; -1 where what is before differs."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that the model gets, in order: the system prompt, "" for none, and messages."""
        if not self.turns:
            return (self.system or "", self.user)
        return (self.system or "", *(turn.text for turn in self.turns), self.user)

    @property
    def words(self) -> str:
        """All text that the model gets, system prompt first; token counts and bounds use it."""
        return "".join(self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A JSON schema the answer must follow, under a name of at most 64 of [A-Za-z0-9_-]."""

    name: str
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Server-side search: which tools to offer, and which sources they may use."""

    web: bool = True
    x: bool = False
    allowed_domains: tuple[str, ...] = ()
    from_date: str | None = None
    to_date: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that a model may call; llmlab keeps the call and never makes it."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] | None = None
    """JSON schema of the arguments; None for a function that takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters of a request; None keeps the provider's default."""

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
    """Context window to allocate, in tokens (Ollama's `num_ctx`); no other provider takes it."""
    extra: Mapping[str, object] | None = None
    """Fields that go into the body as they are, by the provider's own names."""
    tier: Tier | None = None
    """How fast and how dear; None asks for the standard tier, whatever the account is set to."""
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    """`auto`, `none`, `required`, or the name of the tool that must be called."""
    logprobs: int | None = None
    """Number of likeliest tokens to report at each place, with their log-probabilities."""
    cache: bool | None = None
    """Whether to have the provider keep the shared beginning of prompts in its cache."""
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Request(Struct, frozen=True, kw_only=True, gc=False):
    """One question to one model."""

    provider: str
    model: str
    """The provider's own id, such as `gpt-6-luna`."""
    prompt: Prompt
    parameters: Parameters = msgspec.field(default_factory=Parameters)
    api: Api = "chat"
    stream: bool = False
    label: str = ""
    """The user's name of the model: an alias such as `deepseek-think`, or provider/model."""
    repeat: int = 0
    occurrence: int = 0
    """Number of earlier calls of the run with the same question: each is a call of its own."""

    @property
    def name(self) -> str:
        """Return `provider/model`."""
        return f"{self.provider}/{self.model}"


class HttpCall(Struct, frozen=True, kw_only=True, gc=False):
    """An HTTP request without the API key: `auth` says how `wire` attaches that."""

    url: str
    body: bytes = b""
    method: Literal["GET", "POST"] = "POST"
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    auth: Auth = "bearer"
    sent: Mapping[str, object] = msgspec.field(default_factory=dict)
    """The parameters sent, by the provider's names: the body without the prompt."""
    bulk: bool = False
    """Whether the reply is a file of many answers, which has a larger size bound."""
    asked: bytes = b""
    """The body less what llmlab adds to hold the standard tier; empty where it adds nothing."""


class HttpReply(Struct, frozen=True, kw_only=True, gc=False):
    """An HTTP reply; header names are in lower case."""

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
    """Part of `cache_write` that is kept for an hour (costs more at Anthropic)."""
    output: int | None = None
    reasoning: int | None = None
    """Part of `output` spent on reasoning."""
    searches: int = 0
    """Number of server-side tool calls, each of which is charged."""
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


class ToolCall(Struct, frozen=True, kw_only=True, gc=False):
    """A call of a tool that a model asked for."""

    name: str
    arguments: str
    """JSON text as the model wrote it, which need not be valid."""
    id: str = ""


class TokenLogprob(Struct, frozen=True, kw_only=True, gc=False):
    """A token of an answer with its log-probability, and the likeliest tokens at its place."""

    token: str
    logprob: float
    """Natural logarithm."""
    top: tuple[tuple[str, float], ...] = ()
    """`(token, logprob)`, likeliest first."""


class Answer(Struct, frozen=True, kw_only=True, gc=False):
    """What a model answered, its usage and cost, and how long it took."""

    text: str
    usage: Usage
    finish: Finish
    model: str
    """The model as the provider reported it; differs from `requested` by a date or a redirect."""
    requested: str = ""
    """`provider/model` as asked for."""
    provider: str = ""
    backend: Backend = "live"
    reasoning: str = ""
    parsed: object = None
    """The answer as data, when a schema was asked for and the text follows it."""
    cost: Decimal | None = None
    """Dollars by `price_basis`; None when the price is unknown."""
    billed: Decimal | None = None
    """Dollars as the provider stated them, where it does (xAI)."""
    price_basis: str = ""
    latency: float | None = None
    """Seconds from the start of the attempt that succeeded to its last byte."""
    ttfb: float | None = None
    """Seconds to the first byte of the reply of that attempt."""
    ttft: float | None = None
    """Seconds to its first piece of text; None when the answer was not streamed."""
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
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    sent: Mapping[str, object] = msgspec.field(default_factory=dict)
    """The parameters really sent, by the provider's names."""
    warnings: tuple[str, ...] = ()

    @property
    def gap(self) -> Literal["", "cut", "empty", "refused", "filtered", "unread"]:
        """Why the answer is incomplete or missing; empty for a complete one."""
        ended = _ENDED.get(self.finish)
        if ended is not None:
            return ended
        said = self.tool_calls or self.parsed is not None or self.text.strip()
        return "" if said else "empty"

    @property
    def calls_only(self) -> bool:
        """Whether it calls a tool and says nothing beside."""
        return bool(self.tool_calls) and self.parsed is None and not self.text.strip()


_ENDED: Final[Mapping[str, Literal["cut", "refused", "filtered", "unread"]]] = {
    "length": "cut",
    "refusal": "refused",
    "filter": "filtered",
    "other": "unread",
}


class Failure(Struct, frozen=True, kw_only=True, gc=False):
    """A call that ended without an answer; `partial` is the text that arrived before."""

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
    stream was cut, None where it is unknown.
    """
    unsure: int = 0
    """Attempts before the last that may have been charged; not in `cost`."""
    unsure_usd: Decimal | None = None
    """Dollars at most that these cost; None where there are none, or they have no price."""


Outcome: TypeAlias = Answer | Failure


class Piece(Struct, frozen=True, kw_only=True, gc=False):
    """A piece of a stream: text, or reasoning before it; the last one carries the answer."""

    text: str = ""
    reasoning: str = ""
    answer: Answer | None = None


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """One call with its outcome and score: one row of the DataFrame."""

    run: str
    request: Request
    request_hash: str
    input_id: str
    outcome: Outcome
    score: float | None = None
    score_error: str = ""
    """Why there is no score, or why it is 0 where that is not obvious."""
    reading: Reading | None = None
    """What a score made of the call; None until it was scored: see `became`."""

    @property
    def became(self) -> Reading:
        """Return the reading of the call; without a score, whether it failed or why it is a gap."""
        if self.reading is not None:
            return self.reading
        if not isinstance(self.outcome, Answer):
            return "failed"
        if self.score is not None and not math.isnan(self.score):
            return "scored"
        return self.outcome.gap or "unscored"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeForecast:
    """Forecast of the cost of judging a run, before there are answers to judge."""

    label: str
    calls: int
    """Upper bound, without reminders: equal answers are not put to the judge."""
    expected_usd: float | None
    """Dollars for all of them, at the usual length of answers; None without a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run before it is sent: calls, models, cost, time, and detectable difference."""

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
    """Worst case in dollars, without retries."""
    limit_usd: float | None = None
    seconds: float | None = None
    """Estimated duration; None when the models' latencies are unknown."""
    seconds_by: str = ""
    """What the estimate is based on, or why there is none."""
    detectable: float | None = None
    """
    Smallest difference of scores that the strictest paired test detects with 80 % power; infinite
    when there are too few inputs or clusters to detect any.
    """
    live: tuple[str, ...] = ()
    """Labels answered by their own provider."""
    stand_ins: tuple[str, ...] = ()
    """Labels answered by stand-ins, for want of a key or server."""
    author: str = ""
    """What writes the stand-ins' answers: `embedded` or `rule`."""
    notes: tuple[str, ...] = ()
    """Warnings before anything is sent, such as models that retire or look-ahead bias."""
    judge: JudgeForecast | None = None
    """The judge's calls, which are not in `calls` and in neither cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a run; `done` counts all finished calls, failed and from the book too."""

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
    ended: Literal["", "clear", "interrupted"] = ""
    """Why a run ended before all was sent: its result was clear, or somebody stopped it."""
    narrow: tuple[tuple[str, int], ...] = ()
    """Models of which no more calls are sent at once than this, since more were refused."""

    @property
    def left_s(self) -> float | None:
        """Return the seconds left at the rate of the calls sent so far, or None before any."""
        sent = self.done - self.from_book
        if self.done >= self.total or self.ended:
            return 0.0
        return (self.total - self.done) * self.elapsed_s / sent if sent > 0 else None
