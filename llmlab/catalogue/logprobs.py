"""Log-probabilities: on which wire format, how many tokens, and what goes against them."""

from llmlab.catalogue.faults import ParameterFault
from llmlab.catalogue.models import Model
from llmlab.catalogue.sampling import also_refused
from llmlab.records import Api, Parameters


def logprobs(parameters: Parameters, model: Model, api: Api) -> ParameterFault | None:
    """Return why the model reports no log-probabilities like this, or None."""
    asked, rules = parameters.logprobs, model.rules
    if asked is None:
        return None
    on = [each for each in model.apis if each in rules.logprobs]
    if not on:
        return ParameterFault("logprobs", "reports none", accepts="no logprobs")
    if api not in on:
        why = f"reports none on {api}"
        fix = f"say api={on[0]!r}"
        return ParameterFault("logprobs", why, accepts=f"them on {', '.join(on)}", fix=fix)
    if not 0 <= asked <= rules.logprobs_most:
        accepts = f"0 to {rules.logprobs_most}"
        return ParameterFault("logprobs", "reports fewer", accepts=accepts, fix="ask for fewer")
    return also_refused("logprobs", parameters, rules)
