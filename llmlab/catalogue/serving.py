"""The tier of service against what a model's provider sells."""

from typing import Final, get_args

from llmlab.catalogue.faults import ParameterFault
from llmlab.catalogue.models import Model
from llmlab.records import Api, Parameters, Tier

_WORDS: Final = get_args(Tier)


def tier(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    """Refuse a tier that the provider does not sell; the standard one is everywhere."""
    asked = parameters.tier
    if asked is None or asked == "default" or asked in model.rules.tiers:
        return None
    if asked not in _WORDS:
        return ParameterFault("tier", "knows no such tier", accepts=", ".join(_WORDS))
    accepts = ", ".join(("default", *model.rules.tiers))
    return ParameterFault("tier", "is not sold at it", accepts=accepts)
