"""
Providers that installed packages bring: entry points of the group `llmlab.providers`.

The name of an entry point is that of the provider, its value a `ProviderPlugin`. Nothing is
imported before a catalogue is read, and a package that cannot be loaded costs only its provider:
who asks for that is told why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

GROUP: Final = "llmlab.providers"
_ADAPTER: Final = ("profile", "api", "provider", "write", "read", "stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlugin:
    """What a package says of a provider: its row, models, and adapters of its own."""

    row: Mapping[str, Any]
    """The entry of a catalogue under `providers.NAME`."""
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Entries under `models`, by the provider's own ids."""
    adapters: Sequence[Any] = ()
    """`llmlab.providers.adapter.Adapter`s; none where the row says whose wire it `speaks`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPlugins:
    """The plug-ins that could be loaded, and why the others could not, by provider."""

    loaded: Mapping[str, ProviderPlugin]
    broken: Mapping[str, str]


@cache
def plugins() -> LoadedPlugins:
    """Load the plug-ins of the installed packages, once in a process."""
    loaded: dict[str, ProviderPlugin] = {}
    broken: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP)):
        try:
            loaded[point.name] = _loaded(point)
        except Exception as error:  # noqa: BLE001 - foreign code may raise anything
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            broken[point.name] = f"the plug-in of {_package(point)} cannot be loaded: {why}"
    return LoadedPlugins(loaded=loaded, broken=broken)


def _loaded(point: EntryPoint) -> ProviderPlugin:
    found = point.load()
    if not isinstance(found, ProviderPlugin):
        raise TypeError(f"{point.value} is no ProviderPlugin")
    for adapter in found.adapters:
        lacking = [name for name in _ADAPTER if not hasattr(adapter, name)]
        if lacking or adapter.provider != point.name:
            why = f"lacks {', '.join(lacking)}" if lacking else f"is not called {point.name}"
            raise TypeError(f"an adapter of {point.value} {why}")
    return found


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
