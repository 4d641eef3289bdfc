"""Records of the catalogue: providers, models and the parameters they accept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from llmlab.catalogue.gateway import AS_LENT, Dialect, faults, variables_in
from llmlab.records import Api, Effort, Tier
from llmlab.secrets import Address

_HEADER: Final = re.compile(r"[A-Za-z0-9-]{0,64}")
Tokens: TypeAlias = Annotated[int, Meta(ge=1, le=10**12)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=10**6)]

ThinkingType: TypeAlias = Literal["enabled", "budget", "adaptive", "between_tools", "disabled"]
"""A provider's ways to switch reasoning: `budget` is Anthropic's enabled + budget_tokens."""

Sampling: TypeAlias = Literal[
    "always", "never", "effort-none", "ignored-when-thinking", "refused-when-thinking"
]
SearchTool: TypeAlias = Literal["web", "x"]
ToolChoices: TypeAlias = Literal["any", "unthinking", "free", "auto"]
"""Which choices of a tool are taken: all; a forced call only while it does not think; never a
forced one; only `auto`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which parameters a family of models accepts; one row of the rule table."""

    sampling: Sampling = "always"
    """When temperature and top_p are accepted."""
    temperature_max: Annotated[float, Meta(ge=0, le=1000)] = 2.0
    temperature_one: bool = False
    """Whether `temperature=1`, the default, is tolerated where sampling is refused."""
    sampling_exclusive: bool = False
    """Whether only one of temperature and top_p may be given."""
    seed: bool = False
    stop: Count = 0
    """How many stop sequences are accepted."""
    efforts: tuple[Effort, ...] = ()
    default_effort: Effort | None = None
    thinking: tuple[ThinkingType, ...] = ()
    thinks_by_default: bool = False
    disabled_effort: Effort | None = None
    """The highest effort at which thinking may still be switched off; None is any."""
    schema: Literal["strict", "json-mode", "format", "none"] = "none"
    schema_optional: bool = False
    """Whether a strict schema may leave properties out of `required`."""
    search: tuple[Api, ...] = ()
    """The APIs through which server-side search is offered."""
    search_tools: tuple[SearchTool, ...] = ("web",)
    search_domains: Count | None = None
    """How many allowed domains a search takes; None where no limit is published."""
    logprobs: tuple[Api, ...] = ()
    """The APIs that report log-probabilities, while sampling is accepted."""
    logprobs_most: Count = 20
    """How many likeliest tokens they report at each place."""
    top_k: bool = False
    """Whether `top_k` is taken, while sampling is accepted."""
    penalties: tuple[Api, ...] = ()
    """The APIs that take presence and frequency penalties, while sampling is accepted."""
    verbosity: bool = False
    tools: tuple[Api, ...] = ()
    """The APIs on which functions can be offered."""
    tool_choice: ToolChoices = "any"
    tools_or_effort: bool = False
    """Whether chat completions take functions or an effort, not both; Responses takes both."""
    context: bool = False
    """Whether the context to allocate can be asked for (Ollama's `num_ctx`)."""
    tiers: tuple[Tier, ...] = ()
    """The tiers of service that can be asked for beside the standard one."""
    takes: tuple[Literal["image", "pdf"], ...] = ("image", "pdf")
    """The files that may go with a message; a model that nothing is known of is asked."""

    def thinks(self, asked: bool | None) -> bool:  # noqa: FBT001 - a parameter of a request
        """Say whether a model thinks that was asked so; None leaves it to the model."""
        return self.thinks_by_default if asked is None else asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of one provider."""

    provider: str
    id: str
    """The provider's own id, as it goes on the wire."""
    context: Tokens | None = None
    """Tokens of prompt plus answer."""
    max_output: Tokens | None = None
    cutoff: date | None = None
    """Knowledge cut-off; None when the provider does not publish one."""
    cutoff_source: str = ""
    retires: date | None = None
    apis: tuple[Api, ...] = ("chat",)
    """The wire formats it is served on; the first is the default."""
    rules: Rules = field(default_factory=Rules)
    speaks: str = ""
    """The provider whose wire is spoken; empty when that is the provider's own."""
    dialect: Dialect = AS_LENT
    """How the gateway's words differ from those of `speaks`."""
    listed: bool = True
    """False for a model that only the user named: nothing is known about it."""

    @property
    def name(self) -> str:
        """Return `provider/id`."""
        return f"{self.provider}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVariant:
    """A model with its parameters, under the label that people type."""

    label: str
    model: Model
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Fields of `records.Parameters`, such as `{"thinking": False}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider: its name, keys, address and rules."""

    name: str
    title: str
    """The name a person reads, such as `xAI`."""
    rules: Rules = field(default_factory=Rules)
    """What a model that is not in the catalogue is allowed: whatever the wire can carry."""
    apis: tuple[Api, ...] = ("chat",)
    keys: tuple[str, ...] = ()
    """Environment variables that may hold the key, best first; empty when none is needed."""
    key_needed: bool = True
    key_shape: str = ""
    """Regular expression that a whole key matches."""
    key_hint: str = ""
    """The shape in words, for the error."""
    base_url: Address = field(default_factory=Address)
    base_url_env: str = ""
    speaks: str = ""
    """For a gateway: the provider whose wire it speaks, such as `openai`; empty for its own."""
    console: str = ""
    """Where a key is made, or how the server is started."""
    idempotency: str = ""
    """The header by which a request that is repeated is paid once; empty where none is known."""
    dialect: Dialect = AS_LENT
    key_header: str = ""
    """The header that carries the key, such as `api-key`; empty for that of `speaks`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers of every request; `${NAME}` in a value is an environment variable."""
    query: Mapping[str, str] = field(default_factory=dict)
    """The query of every address, such as Azure's `api-version`."""
    priced_as: str = ""
    """Its name in genai-prices; `free` for a server of one's own; empty where no price is known."""
    preset: bool = False
    """Whether llmlab brings it for those who use it: shown only where it is set up."""

    @property
    def sends(self) -> tuple[str, ...]:
        """Return the variables whose values are sent as keys: its own, and those in headers."""
        return tuple(dict.fromkeys((*self.keys, *variables_in(*self.headers.values()))))

    def __post_init__(self) -> None:
        if self.dialect != AS_LENT and not self.speaks:
            raise ValueError("dialect: whose words it changes is not said; write speaks = ...")
        for fault in faults(self.base_url, self.key_header, self.headers, self.query):
            raise ValueError(fault)
        if not _HEADER.fullmatch(self.idempotency):
            raise ValueError(f"idempotency: {self.idempotency!r} is no name of a header")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """A model that is no longer served, and what to use instead."""

    pattern: str
    """`provider/id`, in which `*` stands for anything."""
    use: str
    since: date | None = None
    """The day it went; None where only the fact is published."""
