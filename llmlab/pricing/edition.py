"""An edition of genai-prices' data: bundled or fetched, how old, and whom it lists."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from llmlab.pricing import corrections

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo

PROVIDER_IDS = {"openai": "openai", "anthropic": "anthropic", "deepseek": "deepseek", "xai": "x-ai"}
"""genai-prices' names for llmlab's providers."""


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


def fetched(url: str | None) -> Edition:
    """Fetch the current data through genai-prices' own updater; raises what it raises."""
    from genai_prices import UpdatePrices

    updater = UpdatePrices(url=url) if url else UpdatePrices()
    snapshot = updater.fetch()
    if snapshot is None:
        raise ValueError("the price list is empty")
    return Edition(
        snapshot=snapshot, source="genai-prices, fetched", dated=snapshot.timestamp.date()
    )


def find(edition: Edition, provider: str, model: str) -> "ModelInfo | None":
    """Return the listing that genai-prices' own matching gives, dated and alias names too."""
    try:
        _, info = edition.snapshot.find_provider_model(model, None, PROVIDER_IDS[provider], None)
    except LookupError:
        same = corrections.SAME_PRICE.get(f"{provider}/{model}")
        return find(edition, provider, same) if same else None
    return info


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
