"""Rules for `thinking` and `effort`, by family of models."""

from typing import Final

from llmlab.catalogue.faults import ParameterFault
from llmlab.catalogue.models import Model
from llmlab.records import Api, Effort, Parameters

_SMALLEST_BUDGET: Final = 1024
"""Anthropic's least `budget_tokens`, which must be smaller than `max_tokens`."""
_EFFORTS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def thinking(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    """Return why the model cannot switch its thinking as asked, or None."""
    if parameters.thinking is None:
        return None
    rules = model.rules
    if not rules.thinking:
        return ParameterFault(
            "thinking",
            "has no such switch",
            accepts="no thinking",
            fix=_effort_instead(model, on=parameters.thinking),
        )
    if not parameters.thinking:
        if "disabled" in rules.thinking:
            return None
        return ParameterFault(
            "thinking",
            "cannot stop thinking",
            accepts="thinking=True",
            fix="leave it out; a low effort thinks least",
        )
    ways = {"enabled", "budget", "adaptive"} & set(rules.thinking)
    if ways == {"budget"} and parameters.max_tokens <= _SMALLEST_BUDGET:
        return ParameterFault(
            "thinking",
            f"needs {_SMALLEST_BUDGET} of max_tokens to think",
            accepts=f"it with max_tokens above {_SMALLEST_BUDGET}",
            fix="raise max_tokens",
        )
    return None


def _effort_instead(model: Model, *, on: bool) -> str:
    efforts = model.rules.efforts
    if not on and "none" in efforts:
        return "say effort='none' instead"
    return "say effort= instead" if on and efforts else "leave it out"


def effort(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    """Return why the model does not take this effort, or None."""
    rules, asked = model.rules, parameters.effort
    if asked is None:
        return None
    if asked not in rules.efforts:
        listed = ", ".join(rules.efforts)
        return ParameterFault(
            "effort", "does not take it", accepts=listed or "no effort", fix=_choose(model)
        )
    if parameters.thinking is not False:
        return None
    if rules.sampling == "ignored-when-thinking":
        return ParameterFault(
            "effort",
            "ignores it with thinking=False",
            accepts="it while it thinks",
            fix="leave out one of the two",
        )
    most = rules.disabled_effort
    if most is not None and _EFFORTS.index(asked) > _EFFORTS.index(most):
        return ParameterFault(
            "effort",
            "must think at this effort",
            accepts=f"{most} or less unthinking",
            fix="leave out thinking=False, or lower the effort",
        )
    return None


def _choose(model: Model) -> str:
    if model.rules.efforts:
        return "choose one of these, or leave it out"
    return "leave it out" + ("; thinking= is its switch" if model.rules.thinking else "")
