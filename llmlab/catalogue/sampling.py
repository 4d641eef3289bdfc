"""Rules for temperature, top_p, top_k and penalties, which differ most between models."""

from typing import Final

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


def top_k(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    """Return why the model does not take this `top_k`, or None."""
    if parameters.top_k is None:
        return None
    if not model.rules.top_k:
        return ParameterFault("top_k", "takes none", accepts="no top_k")
    if parameters.top_k < 1:
        return ParameterFault("top_k", "has no such top_k", accepts="1 or more")
    return also_refused("top_k", parameters, model.rules)


def penalties(parameters: Parameters, model: Model, api: Api) -> ParameterFault | None:
    """Return why the model does not take a penalty, or None."""
    given = {
        "presence_penalty": parameters.presence_penalty,
        "frequency_penalty": parameters.frequency_penalty,
    }
    for name, value in given.items():
        fault = None if value is None else _penalty(name, value, parameters, model, api)
        if fault is not None:
            return fault
    return None


_MOST_PENALTY: Final = 2.0


def _penalty(
    name: str, value: float, parameters: Parameters, model: Model, api: Api
) -> ParameterFault | None:
    on = [each for each in model.apis if each in model.rules.penalties]
    if api not in on:
        fix = f"leave it out, or say api={on[0]!r}" if on else ""
        accepts = f"it on {', '.join(on)}" if on else f"no {name}"
        return ParameterFault(name, "does not take it", accepts=accepts, fix=fix)
    if not -_MOST_PENALTY <= value <= _MOST_PENALTY:
        return ParameterFault(name, "has no such penalty", accepts="-2 to 2", fix="ask for less")
    return also_refused(name, parameters, model.rules)


def also_refused(name: str, parameters: Parameters, rules: Rules) -> ParameterFault | None:
    """Return the refusal of another sampling parameter, where sampling is refused."""
    refusal = _refusal(parameters, rules)
    if refusal is None:
        return None
    accepts = refusal.accepts if refusal.fix else f"no {name}"
    return ParameterFault(name, refusal.why, accepts=accepts, fix=refusal.fix)


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
    if not rules.thinks(parameters.thinking):
        return None
    verb = "ignores" if rules.sampling == "ignored-when-thinking" else "refuses"
    return ParameterFault(
        "temperature",
        f"{verb} it while it thinks",
        accepts="it with thinking=False",
        fix="leave it out, or say thinking=False",
    )
