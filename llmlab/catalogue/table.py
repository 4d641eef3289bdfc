"""The catalogue as rows, for `llmlab models`."""

from typing import Any

from llmlab.catalogue.catalogue import Catalogue
from llmlab.catalogue.models import Model


def table(catalogue: Catalogue, *, provider: str | None = None) -> list[dict[str, Any]]:
    """
    Return one row per model: provider, model, aliases, context, max_output, cutoff, retires.

    Tokens are whole numbers and days are dates; None is "not published". `aliases` is a tuple.
    """
    return [
        _row(catalogue, model) for model in catalogue.models() if provider in (None, model.provider)
    ]


def _row(catalogue: Catalogue, model: Model) -> dict[str, Any]:
    return {
        "provider": model.provider,
        "model": model.name,
        "aliases": tuple(a.label for a in catalogue.aliases.values() if a.model == model),
        "context": model.context,
        "max_output": model.max_output,
        "cutoff": model.cutoff,
        "retires": model.retires,
    }
