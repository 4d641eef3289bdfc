"""
Request validation and charges of xAI.

The charge is exact: tokens at the model's rates (doubled for a long prompt) plus five
dollars per thousand server-side tool calls, stated in ticks of 10^-10 dollar.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmlab.sim.authors.author import Written
from llmlab.sim.call import Call
from llmlab.sim.models import SimulatedModel, SimulatedRates, find
from llmlab.sim.refusals import flat
from llmlab.sim.tools import unknown_choice

TICKS_PER_DOLLAR = 10**10
TOOL_CALL_FEE = Decimal("0.005")
_MILLION = Decimal(1_000_000)
_MOST_WEIGHTS = 8
_NOT_FOR_REASONERS = ("presence_penalty", "frequency_penalty", "stop")


def model_of(call: Call, prompt_field: str) -> SimulatedModel:
    """
    Check what both APIs check, and return the model.

    Raises:
        Rejection: 410 for Live Search, 422 for a missing field, 404 for a
            model that does not exist, 400 for what a reasoning model does not take.
    """
    body = call.body
    if "search_parameters" in body:
        message = (
            "Live search is deprecated. Please switch to the Agent Tools API: use the "
            "web_search and x_search tools of /v1/responses."
        )
        raise flat(410, message, code="gone")
    _check_required(body, prompt_field)
    model = find("xai", body["model"], call.clock())
    if model is None:
        message = f"The model {body['model']} does not exist or your team has no access to it."
        raise flat(404, message, code="not-found")
    if model.efforts:
        for name in _NOT_FOR_REASONERS:
            if body.get(name):
                raise flat(400, f"Model {model.id} does not support parameter {name}.")
    return model


def _check_required(body: Mapping[str, Any], prompt_field: str) -> None:
    for name in ("model", prompt_field):
        if not body.get(name):
            raise flat(422, f"Failed to deserialize the JSON body: missing field `{name}`")
    if not 0 <= (body.get("top_logprobs") or 0) <= _MOST_WEIGHTS:
        raise flat(400, f"Invalid top_logprobs: must be between 0 and {_MOST_WEIGHTS}.")
    wrong = unknown_choice(body)
    if wrong:
        raise flat(400, wrong)
    temperature = body.get("temperature")
    if temperature is not None and not 0 <= temperature <= 2:  # noqa: PLR2004 - xAI's range
        raise flat(400, "Invalid temperature: must be between 0 and 2.")


def check_effort(model: SimulatedModel, effort: str | None) -> str:
    """Return the effort in effect; refuse one that the model does not support."""
    if effort is None:
        return model.efforts[0] if model.efforts else "low"
    if effort not in model.efforts:
        raise flat(400, f"Model {model.id} does not support reasoning effort {effort}.")
    return effort


def ticks(model: SimulatedModel, written: Written, tool_calls: int = 0) -> int:
    """Return the charge in ticks."""
    rates = model.rates or SimulatedRates(input="0", cached="0", output="0")
    factor = 2 if written.input_tokens >= rates.threshold else 1
    uncached = written.input_tokens - written.cached_tokens
    tokens = (
        uncached * Decimal(rates.input)
        + written.cached_tokens * Decimal(rates.cached)
        + written.output_tokens * Decimal(rates.output)
    )
    dollars = factor * tokens / _MILLION + tool_calls * TOOL_CALL_FEE
    return int(dollars * TICKS_PER_DOLLAR)


def dollars(charge: int) -> Decimal:
    """Return dollars for ticks."""
    return Decimal(charge) / TICKS_PER_DOLLAR
