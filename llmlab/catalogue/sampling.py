"""Rules for temperature and top_p, which differ most between models."""

from llmlab.catalogue.faults import ParameterFault
from llmlab.catalogue.models import Model, Rules
from llmlab.records import Api, Parameters


def sampling(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    """Return the first of temperature and top_p that the model refuses, or None."""
    rules = model.rules
    if parameters.temperature is None and parameters.top_p is None:
        return None
    refusal = _refusal(parameters, rules)
    return _temperature(parameters, rules, refusal) or _top_p(parameters, rules, refusal)


def _temperature(
    parameters: Parameters, rules: Rules, refusal: ParameterFault | None
) -> ParameterFault | None:
    value = parameters.temperature
    if value is None:
        return None
    if not 0 <= value <= rules.temperature_max:
        accepts = f"0 to {rules.temperature_max:g}"
        return ParameterFault(
            "temperature", "has no such temperature", accepts=accepts, fix="ask within the range"
        )
    if refusal is None or (rules.temperature_one and value == 1):
        return None
    return refusal


def _top_p(
    parameters: Parameters, rules: Rules, refusal: ParameterFault | None
) -> ParameterFault | None:
    value = parameters.top_p
    if value is None:
        return None
    if not 0 <= value <= 1:
        return ParameterFault(
            "top_p", "has no such top_p", accepts="0 to 1", fix="ask within the range"
        )
    if refusal is not None:
        return ParameterFault("top_p", refusal.why, accepts="no top_p then", fix=refusal.fix)
    if rules.sampling_exclusive and parameters.temperature is not None:
        return ParameterFault("top_p", "takes one of temperature and top_p", accepts="either alone")
    return None


def _refusal(parameters: Parameters, rules: Rules) -> ParameterFault | None:
    """Return why sampling is refused as things stand, worded for the temperature."""
    accepts = "temperature=1, the default" if rules.temperature_one else "no temperature"
    match rules.sampling:
        case "always":
            return None
        case "never":
            return ParameterFault("temperature", "never takes it", accepts=accepts)
        case "effort-none":
            effort = parameters.effort or rules.default_effort
            return (
                None
                if effort == "none"
                else ParameterFault(
                    "temperature",
                    f"refuses it at effort {effort}",
                    accepts="it at effort 'none'",
                    fix="leave it out, or say effort='none'",
                )
            )
        case "ignored-when-thinking" | "refused-when-thinking":
            return _while_thinking(parameters, rules)


def _while_thinking(parameters: Parameters, rules: Rules) -> ParameterFault | None:
    asked = parameters.thinking
    if not (rules.thinks_by_default if asked is None else asked):
        return None
    verb = "ignores" if rules.sampling == "ignored-when-thinking" else "refuses"
    return ParameterFault(
        "temperature",
        f"{verb} it while it thinks",
        accepts="it with thinking=False",
        fix="leave it out, or say thinking=False",
    )
