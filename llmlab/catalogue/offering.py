"""Functions that a model may call: on which wire format, and whether a call can be forced."""

from llmlab.catalogue.faults import ParameterFault
from llmlab.catalogue.models import Model, Rules
from llmlab.records import Api, Parameters

_SEARCHES = frozenset({"web_search", "x_search"})
"""Names that server-side search has taken already."""


def tools(parameters: Parameters, model: Model, api: Api) -> ParameterFault | None:
    """Return why the model cannot be offered these functions, or None."""
    rules = model.rules
    if not parameters.tools:
        return None
    on = [each for each in model.apis if each in rules.tools]
    if not on:
        return ParameterFault("tools", "calls no functions", accepts="no tools")
    if api not in on:
        accepts, fix = f"them on {', '.join(on)}", f"say api={on[0]!r}"
        return ParameterFault("tools", f"calls no functions on {api}", accepts=accepts, fix=fix)
    taken = _SEARCHES.intersection(each.name for each in parameters.tools)
    if parameters.search is not None and taken:
        why = f"has a {min(taken)} of its own beside search="
        return ParameterFault("tools", why, accepts="any other name", fix="rename it")
    if rules.tools_or_effort and api == "chat" and parameters.effort not in (None, "none"):
        return ParameterFault(
            "tools",
            "takes no functions beside an effort on chat",
            accepts="both with api='responses'",
            fix="say api='responses', or effort='none'",
        )
    return None


def tool_choice(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    """Return why the model cannot be told this choice, or None."""
    asked = parameters.tool_choice
    if asked is None:
        return None
    if not parameters.tools:
        return ParameterFault("tool_choice", "is offered no tools", accepts="it with tools=")
    taken = model.rules.tool_choice
    if asked == "auto" or taken == "any" or (asked == "none" and taken != "auto"):
        return None
    if taken == "unthinking":
        return _forced(parameters, model.rules)
    accepts = "'auto'" if taken == "auto" else "'auto' or 'none'"
    return ParameterFault("tool_choice", "always chooses itself", accepts=accepts)


def _forced(parameters: Parameters, rules: Rules) -> ParameterFault | None:
    if not rules.thinks(parameters.thinking):
        return None
    return ParameterFault(
        "tool_choice",
        "cannot be forced while it thinks",
        accepts="it with thinking=False",
        fix="say 'auto', or thinking=False",
    )
