"""Rules for the service tier, and for extra fields of the request body."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from llmlab.catalogue.faults import ParameterFault
from llmlab.catalogue.models import Model
from llmlab.records import Api, Parameters, Tier

_WORDS: Final = get_args(Tier)


def tier(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    """Refuse a tier that the provider does not sell; the standard one is always accepted."""
    asked = parameters.tier
    if asked is None or asked == "default" or asked in model.rules.tiers:
        return None
    if asked not in _WORDS:
        return ParameterFault("tier", "knows no such tier", accepts=", ".join(_WORDS))
    accepts = ", ".join(("default", *model.rules.tiers))
    return ParameterFault("tier", "is not sold at it", accepts=accepts)


_OWN: Final = (
    {
        "model": "ask another model",
        "stream": "say stream=True",
        "stream_options": "say stream=True",
        "service_tier": "say tier=",
        "speed": "say tier='fast'",
        "num_ctx": "say context=",
        "n": "say repeats= (in abtest), or repeat= for one more answer",
    }
    | dict.fromkeys(
        ("messages", "input", "prompt", "system", "instructions"), "write it into the prompt"
    )
    | dict.fromkeys(
        ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict"),
        "say max_tokens=",
    )
)
"""Body fields that llmlab sets itself, and the parameter to use instead."""


def extra(parameters: Parameters, _model: Model, _api: Api) -> ParameterFault | None:
    """Refuse extra fields that llmlab writes itself; any other may be known to the provider."""
    given: Any = parameters.extra
    if given is None:
        return None
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        return ParameterFault("extra", "wants a table", accepts='such as extra={"top_k": 5}')
    options = given.get("options")
    inner = options if isinstance(options, Mapping) else {}
    own = next((name for name in (*given, *inner) if name in _OWN), None)
    if own is not None:
        why = f"has {own!r} from llmlab itself"
        return ParameterFault(
            "extra", why, accepts="any other field", fix=_OWN[own], droppable=False
        )
    return None
