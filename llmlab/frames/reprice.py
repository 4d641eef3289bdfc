"""What stored calls would have cost: at another date, in a batch, by another model, uncached."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from llmlab.errors import UsageError
from llmlab.frames.columns import STANDARD
from llmlab.pricing import Prices
from llmlab.records import Usage

if TYPE_CHECKING:
    import pandas as pd

_COUNTS: Final = {
    "input_tokens": "input",
    "cached_tokens": "cached",
    "cache_write_tokens": "cache_write",
    "cache_write_1h_tokens": "cache_write_1h",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
    "searches": "searches",
}
_ZERO: Final = frozenset({"cache_write", "cache_write_1h", "searches"})
"""Counts that are 0 and not unknown where a row has none."""


def repriced(
    rows: "pd.DataFrame",
    prices: Prices,
    *,
    at: "str | date | float | None" = None,
    batch: bool = False,
    model: str | Mapping[str, str] | None = None,
    cache: bool = True,
) -> "pd.DataFrame":
    """
    Return *rows* as they would be priced: `cost_usd`, `cost_status`, `price_basis`.

    Nothing is sent.

    Tokens are those that were counted: another model would count and answer differently. A
    failed call keeps its cost; what has no price is NaN.

    Args:
        rows: As `run.rows`.
        prices: The table.
        at: A date (`2026-03-01`) or Unix time; each call's own time when None.
        batch: Whether at the provider's batch price.
        model: `provider/model` for all rows, or by label.
        cache: False counts cached tokens as fresh ones, and no cache writes.

    Raises:
        UsageError: The date is invalid, or rows have no token counts.
    """
    _require_counts(rows)
    moment = _moment(at)
    lines = [
        _cost(row, prices, at=moment, batch=batch, model=model, cache=cache)
        for row in rows.to_dict("records")
    ]
    made = rows.copy()
    made["cost_usd"] = [cost for cost, _, _ in lines]
    made["cost_status"] = _category(is_ for _, is_, _ in lines)
    made["price_basis"] = _category(basis for _, _, basis in lines)
    made["billed_usd"] = float("nan")
    return made


def _require_counts(rows: "pd.DataFrame") -> None:
    lost = [name for name in ("input_tokens", "output_tokens", "model") if name not in rows]
    if lost:
        raise UsageError(f"rows lack {', '.join(lost)}: only a run's own rows can be priced again")


def _cost(
    row: Mapping[Any, Any],
    prices: Prices,
    *,
    at: float | None,
    batch: bool,
    model: str | Mapping[str, str] | None,
    cache: bool,
) -> tuple[float, str, str | None]:
    import pandas as pd

    if row["status"] != "ok":
        return row["cost_usd"], row["cost_status"], None
    named = model if isinstance(model, str) else (model or {}).get(str(row["label"]))
    provider, _, name = str(named or row["model"]).partition("/")
    when = at
    if when is None:
        when = 0.0 if pd.isna(row["started_at"]) else row["started_at"].timestamp()
    found = prices.cost(_usage(row, cache=cache), provider, name, when, batch=batch)
    if found is None:
        return float("nan"), "unpriced", None
    return float(found.usd), "repriced", found.basis


def _usage(row: Mapping[Any, Any], *, cache: bool) -> Usage:
    import pandas as pd

    counts: dict[str, int | None] = {}
    for column, name in _COUNTS.items():
        value = row.get(column)
        known = value is not None and not pd.isna(value)
        counts[name] = int(value) if known else (0 if name in _ZERO else None)  # type: ignore[arg-type]  # known
    if not cache:
        counts |= {"cached": 0, "cache_write": 0, "cache_write_1h": 0}
    tier, region = _word(row.get("service_tier")), _word(row.get("region"))
    tier = "" if tier == STANDARD else tier
    return Usage(**counts, service_tier=tier, region=region)  # type: ignore[arg-type]  # None only where Usage takes it


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _moment(at: "str | date | float | None") -> float | None:
    if at is None or isinstance(at, int | float):
        return at
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            raise UsageError(f"{at!r} is no date: write it as 2026-03-01") from None
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=UTC)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _category(values: Any) -> Any:
    from llmlab.frames.arrays import array_of

    return array_of(list(values), "category")
