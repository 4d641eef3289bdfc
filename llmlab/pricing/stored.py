"""
The price table that was fetched last, kept for every lab of this user.

In: what the price list's address sent. Out: an edition, until a newer genai-prices is installed.
It lies in the user's cache folder and not in a project: prices decide what limits let through.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmlab.checks.files import read_text
from llmlab.errors import ConfigError
from llmlab.secrets import private

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

MOST: Final = 32 * 2**20
"""Bytes of a price list; the real one has 1 or 2 million."""

_SCHEMA: Final = "llmlab prices 1"
_FIX: Final = "run `llmlab prices --refresh`, or remove it"


def table_path() -> Path:
    """Return where it lies."""
    from platformdirs import user_cache_path

    return user_cache_path("llmlab", appauthor=False) / "prices.json"


def snapshot_of(providers: Any, dated: date) -> "DataSnapshot":
    """
    Return a price list as genai-prices reads it.

    Raises:
        ValueError: It is no price list.
    """
    from genai_prices.data_snapshot import DataSnapshot

    # The library's own reader: its updater fetches and reads in one step, and keeps nothing.
    from genai_prices.types import _providers_from_raw

    if not isinstance(providers, list) or not providers:
        raise ValueError("it is no list of providers")
    day = datetime(dated.year, dated.month, dated.day, tzinfo=UTC)
    return DataSnapshot(_providers_from_raw(providers), from_auto_update=True, timestamp=day)


def load(path: Path) -> "tuple[date, DataSnapshot] | None":
    """
    Return the day of the stored table and the table; None where there is none.

    Raises:
        ConfigError: It is damaged, or others may write to it.
    """
    if not path.exists():
        return None
    _only_mine(path)
    text = read_text(path, "the stored prices", error=ConfigError, most=MOST)
    try:
        return _read(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        told = " ".join(str(error).split())[:120]
        raise ConfigError(f"{path}: the stored prices cannot be read ({told}): {_FIX}") from error


def _read(kept: Any) -> "tuple[date, DataSnapshot]":
    if not isinstance(kept, dict) or kept.get("schema") != _SCHEMA:
        raise ValueError(f"it is not {_SCHEMA!r}")
    dated = date.fromisoformat(str(kept["fetched"]))
    return dated, snapshot_of(kept["providers"], dated)


def save(path: Path, providers: Any, dated: date) -> None:
    """
    Keep a table, in one step.

    Raises:
        ConfigError: It cannot be written.
    """
    kept = {"schema": _SCHEMA, "fetched": dated.isoformat(), "providers": providers}
    try:
        private.make_folder(path.parent)
        private.replace(path, json.dumps(kept).encode())
    except OSError as error:
        raise ConfigError(f"{path}: the prices cannot be kept: {error.strerror}") from error


def _only_mine(path: Path) -> None:
    """Refuse a table that other users may write to: they could make a model cheap."""
    if private.others_may_write(path):
        raise ConfigError(f"{path}: the stored prices may be written by others: {_FIX}")
