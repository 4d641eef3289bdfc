"""Registry of adapters by provider; a provider on a known wire is only a row."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from llmlab.errors import UnknownModel, suggest
from llmlab.providers import deepseek, local, openai, xai
from llmlab.providers.adapter import Adapter
from llmlab.providers.anthropic import messages as anthropic
from llmlab.providers.ollama import api as ollama
from llmlab.records import Api

_ROWS: Final[tuple[Adapter, ...]] = (
    openai.CHAT,
    openai.RESPONSES,
    anthropic.Anthropic(),
    deepseek.CHAT,
    deepseek.RESPONSES,
    xai.CHAT,
    xai.RESPONSES,
    ollama.Ollama(),
    ollama.Ollama(api="generate"),
    local.CHAT,
)

ADAPTERS: Final[Mapping[tuple[str, Api], Adapter]] = MappingProxyType(
    {(row.provider, row.api): row for row in _ROWS}
)
"""The adapters by provider and API; a provider's first row is its default."""


def adapter_of(provider: str, api: Api | None = None, *, speaks: str = "") -> Adapter:
    """
    Return the adapter of *provider* for *api* or its default; `UnknownModel` if none.

    A gateway has no adapter of its own: *speaks* names the provider whose wire it speaks.
    """
    if speaks and speaks != provider:
        return _lent(adapter_of(speaks, api), provider)
    apis = {key[1]: row for key, row in ADAPTERS.items() if key[0] == provider}
    if not apis:
        known = sorted({name for name, _ in ADAPTERS})
        raise UnknownModel(f"no provider is called {provider!r}; {suggest(provider, known)}")
    found = next(iter(apis.values())) if api is None else apis.get(api)
    if found is None:
        raise UnknownModel(f"{provider} has no {api!r} API here; it has {', '.join(apis)}")
    return found


def _lent(adapter: Adapter, provider: str) -> Adapter:
    """Return *adapter* in the name of *provider*: errors and answers name who was asked."""
    # The tiers of a gateway are its own: the words that hold the lender's may be refused by it.
    profile = replace(adapter.profile, provider=provider, standard=None)
    return replace(adapter, profile=profile)  # type: ignore[type-var]  # every adapter is a dataclass
