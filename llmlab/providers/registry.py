"""Registry of adapters by provider; a provider on a known wire is only a row."""

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from llmlab.catalogue.gateway import AS_LENT, Dialect
from llmlab.catalogue.plugins import plugins
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


_LENDERS: Final[Mapping[Api, str]] = {
    "chat": "openai",
    "responses": "openai",
    "messages": "anthropic",
    "generate": "ollama",
}
"""Whose wire a gateway speaks where the provider that its row names has no such API."""


def adapter_of(
    provider: str, api: Api | None = None, *, speaks: str = "", dialect: Dialect = AS_LENT
) -> Adapter:
    """
    Return the adapter of *provider* for *api* or its default; `UnknownModel` if none.

    A gateway has no adapter of its own: *speaks* names the provider whose wire it speaks, and
    *dialect* how its words differ.
    """
    if speaks and speaks != provider:
        return _of_gateway(provider, api, speaks, dialect)
    own = ADAPTERS.get((provider, api)) if api is not None else None
    return own or _first_of(provider, api)


def _first_of(provider: str, api: Api | None) -> Adapter:
    """Return the adapter of a package, or a provider's default."""
    apis = {key[1]: row for key, row in ADAPTERS.items() if key[0] == provider}
    if not apis and provider in plugins().loaded:
        apis = {row.api: row for row in plugins().loaded[provider].adapters}
    if not apis:
        known = sorted({name for name, _ in ADAPTERS})
        raise UnknownModel(f"no provider is called {provider!r}; {suggest(provider, known)}")
    found = next(iter(apis.values())) if api is None else apis.get(api)
    if found is None:
        raise UnknownModel(f"{provider} has no {api!r} API here; it has {', '.join(apis)}")
    return found


@lru_cache(maxsize=256)
def _of_gateway(provider: str, api: Api | None, speaks: str, dialect: Dialect) -> Adapter:
    """Return the lender's adapter in the name of *provider*: errors and answers name it."""
    lends = api is None or (speaks, api) in ADAPTERS
    adapter = adapter_of(speaks if lends or api is None else _LENDERS[api], api)
    listed = dialect.models or adapter.profile.models
    # The lender's tiers, check of a key, counter and cache are its own: others may refuse them.
    profile = replace(
        adapter.profile,
        provider=provider,
        standard=None,
        models=listed,
        health=dialect.health or listed,
        count="",
        cache_field="",
    )
    known = {item.name for item in fields(adapter)}  # type: ignore[arg-type]  # is a dataclass
    words = {name: getattr(dialect, name) for name in ("limit_name", "thinking", "schema")}
    said: dict[str, object] = {name: word for name, word in words.items() if word and name in known}
    if "stream_usage" in known:
        said["stream_usage"] = dialect.stream_usage
    return replace(adapter, profile=profile, **said)  # type: ignore[type-var]  # is one, too
