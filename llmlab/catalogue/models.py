"""Records of the catalogue: providers, models and the parameters they accept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

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
    context: bool = False
    """Whether the context to allocate can be asked for (Ollama's `num_ctx`)."""
    tiers: tuple[Tier, ...] = ()
    """The tiers of service that can be asked for beside the standard one."""


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

    def __post_init__(self) -> None:
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
