"""What the providers' own lists add to the catalogue: what is served, and until when."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from llmlab.catalogue import Catalogue, ModelVariant
from llmlab.providers.listing import ListedModel

SOON_DAYS: Final = 60
"""From how many days before its end a model is warned about."""


def retirements(
    catalogue: Catalogue, arms: Sequence[ModelVariant], *, now: float
) -> tuple[str, ...]:
    """Warn of the arms whose model is switched off soon: the run cannot be repeated then."""
    today = datetime.fromtimestamp(now, tz=UTC).date()
    ends = {model.name: end for model, end in catalogue.dying(today, SOON_DAYS)}
    return tuple(
        f"{arm.label}: {arm.model.name} {_ends(ends[arm.model.name], today)}"
        for arm in arms
        if arm.model.name in ends
    )


def merged(
    rows: Sequence[Mapping[str, Any]],
    listed: Mapping[str, Sequence[ListedModel]],
    *,
    today: date | None = None,
) -> list[dict[str, Any]]:
    """
    Add to the catalogue's *rows* what the providers say themselves.

    `served` is None where nobody could be asked. A provider's own date of retirement wins;
    models that only the provider knows come last.
    """
    today = today or datetime.now(tz=UTC).date()
    known = {(row["provider"], row["model"].partition("/")[2]) for row in rows}
    blank = dict.fromkeys(rows[0]) if rows else {}
    more = [
        {**blank, "provider": provider, "model": f"{provider}/{model.id}", "aliases": "",
         "context": model.context, "max_output": model.max_output, "key": ""}
        for provider, models in listed.items()
        for model in models
        if (provider, model.id) not in known
    ]  # fmt: skip
    return [_with_listing(row, listed, today) for row in (*rows, *more)]


def _with_listing(
    row: Mapping[str, Any], listed: Mapping[str, Sequence[ListedModel]], today: date
) -> dict[str, Any]:
    provider, _, name = row["model"].partition("/")
    own = {tagged(each.id) if provider == "ollama" else each.id: each
           for each in listed.get(provider, ())}  # fmt: skip
    found = own.get(tagged(name) if provider == "ollama" else name)
    retires = row["retires"] if found is None or found.retires is None else found.retires
    return {
        **row,
        "retires": retires,
        "retires_in_days": None if retires is None else (retires - today).days,
        "served": found is not None if provider in listed else None,
    }


def _ends(end: date, today: date) -> str:
    days = (end - today).days
    if days > 0:
        return f"is switched off in {days} days ({end})"
    return f"was to be switched off on {end}"


def tagged(name: str) -> str:
    """Return an Ollama name with its tag: none means `latest`."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
