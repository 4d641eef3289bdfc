"""Read the user's own prices, and say what is wrong with them in one line."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from llmlab.checks.amounts import Allowed
from llmlab.errors import ConfigError, suggest
from llmlab.pricing.price import Price, Tier, price_of, scaled

PROVIDERS = ("openai", "anthropic", "deepseek", "xai", "ollama", "local")

_RATES = ("input", "cached", "cache_write", "cache_write_1h", "output")
_SERVED = ("flex", "priority", "fast")
_KEYS = (*_RATES, "search", "batch", *_SERVED, "tiers")
_DOLLARS = Allowed(low=0, high=1e6, unit="dollars")
_DATE = re.compile(r"-20\d{2}-?[01]\d-?[0-3]\d$")


def read_overrides(
    overrides: Mapping[str, object], providers: Collection[str] = PROVIDERS
) -> dict[str, Price]:
    """
    Return a price by `provider/model` from `{"openai/gpt-6-luna": {"input": 0.1, ...}}`.

    An entry is the whole price, in dollars per million tokens: `input` and `output` are
    required, `cached` and `cache_write` count as input when left out, `cache_write_1h` as
    `cache_write`. `search` is dollars per call, `batch`, `flex`, `priority` and
    `fast` a factor on the token rates, `tiers` a list of rates with `above`.

    Raises:
        ConfigError: An entry has an unknown provider or key, or a value that is no price.
    """
    return {name: _read_entry(name, entry, providers) for name, entry in overrides.items()}


def without_date(model: str) -> str:
    """Return *model* without the date of a snapshot: `gpt-6-luna-2026-10-01` is `gpt-6-luna`."""
    return _DATE.sub("", model)


def _read_entry(name: str, entry: object, providers: Collection[str]) -> Price:
    provider, slash, model = name.partition("/")
    if not slash or not model:
        raise ConfigError(f"price of {name!r}: write it as provider/model")
    if provider not in providers:
        raise ConfigError(
            f"price of {name!r}: no provider {provider!r}; {suggest(provider, providers)}"
        )
    table = _as_table(name, entry, _KEYS)
    rates = _rates(name, table)
    price = price_of(
        rates,
        tiers=_tiers(name, table.get("tiers", ()), rates),
        search=_number(name, "search", table["search"]) if "search" in table else None,
        source="override",
    )
    ways = {
        key: scaled(price, _number(name, key, table[key]))
        for key in ("batch", *_SERVED)
        if key in table
    }
    return replace(price, batched=ways.pop("batch", None), served=ways)


def _as_table(name: str, entry: object, keys: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(entry, Mapping):
        raise ConfigError(
            f"price of {name!r}: expected a table such as {{'input': 0.1, 'output': 0.5}}"
        )
    for key in entry:
        if key not in keys:
            raise ConfigError(f"price of {name!r}: no key {key!r}; {suggest(key, keys)}")
    return entry


def _rates(
    name: str, table: Mapping[str, object], base: Mapping[str, Decimal] | None = None
) -> dict[str, Decimal]:
    given = {key: _number(name, key, table[key]) for key in _RATES if key in table}
    if base is not None:
        return {**base, **given}
    missing = [key for key in ("input", "output") if key not in given]
    if missing:
        raise ConfigError(f"price of {name!r}: {' and '.join(missing)} missing")
    given.setdefault("cached", given["input"])
    given.setdefault("cache_write", given["input"])
    given.setdefault("cache_write_1h", given["cache_write"])
    return given


def _tiers(name: str, value: object, base: Mapping[str, Decimal]) -> tuple[Tier, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"price of {name!r}: tiers is a list of tables with 'above'")
    tiers = []
    for entry in value:
        table = _as_table(name, entry, (*_RATES, "above"))
        above = table.get("above")
        if isinstance(above, float) and above.is_integer():
            above = int(above)
        if isinstance(above, bool) or not isinstance(above, int) or above < 0:
            raise ConfigError(f"price of {name!r}: a tier needs 'above', a number of prompt tokens")
        tiers.append(Tier(**_rates(name, table, base), above=above))
    return tuple(sorted(tiers, key=lambda tier: tier.above))


def _number(name: str, key: str, value: object) -> Decimal:
    """Return *value* as typed: 0.1 is a tenth, not the binary float next to it."""
    number = _DOLLARS.read(value, f"price of {name!r}: {key}", error=ConfigError)
    return value if isinstance(value, Decimal) else Decimal(str(number))
