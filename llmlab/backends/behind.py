"""
Where the catalogue is behind: against the providers' own lists, and against the price table.

In: the catalogue, what providers list (free), the price table. Out: lines to read; nothing is
changed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Final

from llmlab.catalogue import Catalogue, Model
from llmlab.providers.listing import ListedModel
from llmlab.records import OWN_MACHINE

if TYPE_CHECKING:
    from llmlab.pricing import Prices

_NO_CHAT: Final = re.compile(
    r"audio|realtime|image|tts|transcribe|whisper|embedding|moderation|search-|instruct|davinci"
    r"|babbage|\bada|curie|^ft:|computer-use|voice|gpt-live|dall-e|sora|video|imagine|ft-|:"
)
"""Names of what answers no prompt with text, or is one's own."""
_SNAPSHOT: Final = re.compile(r"[-@](20\d\d-?[01]\d-?[0-3]\d|\d{4}|latest)$")


def behind(
    catalogue: Catalogue,
    listed: Mapping[str, Sequence[ListedModel]],
    prices: "Prices",
    *,
    at: float,
) -> tuple[str, ...]:
    """Return a line for each thing that the catalogue does not know, or knows otherwise."""
    lines: list[str] = []
    for provider in catalogue.providers:
        # A gateway's models are not for the catalogue to list.
        home = catalogue.providers[provider]
        if provider not in OWN_MACHINE and not home.speaks and not home.preset:
            own = {name: m for name, m in catalogue.listed.items() if m.provider == provider}
            if provider in listed:
                lines += _by_provider(catalogue, own, listed[provider], provider)
            lines += _by_prices(catalogue, own, prices, provider, at)
    return tuple(lines)


def _by_provider(
    catalogue: Catalogue, own: Mapping[str, Model], served: Sequence[ListedModel], provider: str
) -> Iterator[str]:
    by_id = {each.id: each for each in served}
    bare = {_SNAPSHOT.sub("", each.id): each for each in served}
    for name, model in own.items():
        found = by_id.get(model.id) or bare.get(model.id)
        if found is None:
            yield f"{name}: not on the list of {provider}"
        else:
            yield from _differences(name, model, found)
    new = [each.id for each in served if _is_new(catalogue, own, provider, each.id)]
    if new:
        yield f"{provider}: served and not in the catalogue: {', '.join(sorted(new))}"


def _differences(name: str, model: Model, found: ListedModel) -> Iterator[str]:
    pairs: tuple[tuple[str, int | date | None, int | date | None], ...] = (
        ("window", model.context, found.context),
        ("longest answer", model.max_output, found.max_output),
        ("retires", model.retires, found.retires),
    )
    for what, ours, theirs in pairs:
        if theirs is not None and ours != theirs:
            yield f"{name}: {what} is {_shown(ours)} here, {_shown(theirs)} by the provider"


def _by_prices(
    catalogue: Catalogue, own: Mapping[str, Model], prices: "Prices", provider: str, at: float
) -> Iterator[str]:
    lacking = [name for name, model in own.items() if prices.price(provider, model.id, at) is None]
    if lacking:
        yield f"{provider}: without a price: {', '.join(sorted(lacking))}"
    new = [name for name in prices.names(provider) if _is_new(catalogue, own, provider, name)]
    if new:
        yield f"{provider}: priced and not in the catalogue: {', '.join(sorted(new))}"


def _is_new(catalogue: Catalogue, own: Mapping[str, Model], provider: str, model: str) -> bool:
    name = f"{provider}/{model}"
    known = name in own or _SNAPSHOT.sub("", name) in own
    dead = any(fnmatch(name, entry.pattern) for entry in catalogue.dead)
    return not known and not dead and _NO_CHAT.search(model) is None


def _shown(value: int | date | None) -> str:
    return "not known" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
