"""An edition of genai-prices' data: bundled or fetched, its age, and its listings."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmlab.pricing import corrections, stored

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo

PROVIDER_IDS = {"openai": "openai", "anthropic": "anthropic", "deepseek": "deepseek", "xai": "x-ai"}
"""genai-prices' names for llmlab's providers."""


_FETCHED: Final = "genai-prices, fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A state of genai-prices' data."""

    snapshot: "DataSnapshot"
    source: str
    dated: date


def bundled() -> Edition:
    """Return the data that the installed genai-prices brings."""
    import genai_prices
    from genai_prices.data_snapshot import get_snapshot

    version, snapshot = genai_prices.__version__, get_snapshot()
    dated = corrections.DATED.get(version) or _newest_change(snapshot)
    return Edition(snapshot=snapshot, source=f"genai-prices {version}", dated=dated)


def newest(path: Path) -> Edition:
    """
    Return the table that was fetched and kept at *path*, or the installed one where that is newer.

    Raises:
        ConfigError: The kept table cannot be read.
    """
    installed, kept = bundled(), stored.load(path)
    if kept is None or kept[0] <= installed.dated:
        return installed
    return Edition(snapshot=kept[1], source=_FETCHED, dated=kept[0])


def address() -> str:
    """Return where genai-prices publishes its current table."""
    from genai_prices import UpdatePrices

    return UpdatePrices().url


def fetched(url: str, *, today: date) -> tuple[Edition, Any]:
    """
    Fetch the current table from *url*; return it, and what came, to be kept.

    Raises:
        httpx2.HTTPError: It could not be fetched.
        ValueError: What came is no price table.
    """
    import httpx2
    from genai_prices import UpdatePrices

    body = bytearray()
    with httpx2.stream("GET", url, timeout=UpdatePrices().request_timeout) as reply:
        reply.raise_for_status()
        for piece in reply.iter_bytes():
            body += piece
            if len(body) > stored.MOST:
                raise ValueError(f"it has more than {stored.MOST >> 20} MB")
    providers = json.loads(body)
    snapshot = stored.snapshot_of(providers, today)
    return Edition(snapshot=snapshot, source=_FETCHED, dated=today), providers


def find(edition: Edition, provider: str, model: str, seller: str = "") -> "ModelInfo | None":
    """
    Return the listing that genai-prices' own matching gives, dated and alias names too.

    *seller* is genai-prices' name of the provider, where llmlab has no row of its own for it.
    """
    seller = seller or PROVIDER_IDS[provider]
    try:
        own = model.removeprefix(f"{seller}/")  # Vertex calls its own google/gemini-...
        _, info = edition.snapshot.find_provider_model(own, None, seller, None)
    except LookupError:
        same = corrections.SAME_PRICE.get(f"{provider}/{model}")
        return find(edition, provider, same) if same else None
    return info


def listings(edition: Edition, provider: str) -> "list[ModelInfo]":
    """Return all that genai-prices lists of a provider."""
    own = PROVIDER_IDS[provider]
    return [info for each in edition.snapshot.providers if each.id == own for info in each.models]


def _newest_change(snapshot: "DataSnapshot") -> date:
    """Date unknown data by its newest price change that was not announced ahead of install."""
    import genai_prices
    from genai_prices.types import ModelPrice, StartDateConstraint

    file = Path(genai_prices.__file__)
    installed = datetime.fromtimestamp(file.stat().st_mtime, UTC).date() + timedelta(days=1)
    changes = [
        option.constraint.start_date
        for provider in snapshot.providers
        for info in provider.models
        if not isinstance(info.prices, ModelPrice)
        for option in info.prices
        if isinstance(option.constraint, StartDateConstraint)
    ]
    return max((day for day in changes if day <= installed), default=installed)
