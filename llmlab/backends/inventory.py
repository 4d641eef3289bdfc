"""Inventory: every model with its context window, prices, key and retirement."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmlab.catalogue import Catalogue
from llmlab.catalogue.table import table

if TYPE_CHECKING:
    from llmlab.pricing import Prices


def inventory(
    catalogue: Catalogue,
    prices: "Prices",
    env: Mapping[str, str],
    *,
    now: Callable[[], float] = time.time,
) -> list[dict[str, Any]]:
    """Return one row per model: dollars per million tokens (None: unknown), days to retirement."""
    at = now()
    today = datetime.fromtimestamp(at, tz=UTC).date()
    rows = []
    for row in table(catalogue):
        provider, _, name = row["model"].partition("/")
        price = prices.price(provider, name, at)
        home = catalogue.providers[provider]
        retires = row["retires"]
        rows.append(
            {
                **row,
                "aliases": ", ".join(row["aliases"]),
                "input_usd_per_mtok": None if price is None else float(price.input),
                "output_usd_per_mtok": None if price is None else float(price.output),
                "key": _key_state(home.keys, env, needed=home.key_needed),
                "retires_in_days": None if retires is None else (retires - today).days,
            }
        )
    return rows


def _key_state(keys: tuple[str, ...], env: Mapping[str, str], *, needed: bool) -> str:
    """Return which variable holds a key, which should, or that none is needed."""
    held = next((key for key in keys if env.get(key)), None)
    if held:
        return f"{held} is set"
    return f"set {keys[0]}" if needed else "none needed"
