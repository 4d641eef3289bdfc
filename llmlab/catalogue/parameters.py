"""Check parameters against a model's rules before anything is sent."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeAlias

from llmlab.catalogue.faults import ParameterFault, chat_only
from llmlab.catalogue.logprobs import logprobs
from llmlab.catalogue.models import Model, ModelVariant
from llmlab.catalogue.offering import tool_choice, tools
from llmlab.catalogue.reasoning import effort, thinking
from llmlab.catalogue.sampling import penalties, sampling, top_k
from llmlab.catalogue.schemas import schema
from llmlab.catalogue.searching import search
from llmlab.catalogue.serving import extra, tier
from llmlab.errors import BadParameter, TokenBudgetError
from llmlab.records import Api, Parameters

_NUMBERS: Final[dict[str, tuple[type, ...]]] = {
    "max_tokens": (int,),
    "temperature": (int, float),
    "top_p": (int, float),
    "seed": (int,),
    "context": (int,),
    "logprobs": (int,),
    "top_k": (int,),
    "presence_penalty": (int, float),
    "frequency_penalty": (int, float),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedParameters:
    """Parameters that the model accepts, and the names of those that were left out."""

    parameters: Parameters
    dropped: tuple[str, ...] = ()


def check(
    parameters: Parameters, model: Model, api: Api, *, drop: bool = False
) -> CheckedParameters:
    """
    Check parameters against the model's row of the rule table.

    A parameter that would be accepted and ignored counts as refused: what does nothing is
    said. With `drop`, refused parameters are left out instead and named in `dropped`; a
    `max_tokens` above the model's limit is lowered to it.

    Raises:
        BadParameter: One line: parameter, model, why, what is accepted, what to do. With
            `drop` only for what cannot be left out: the api, or a `max_tokens` below 1.
    """
    if api not in model.apis:
        known = ", ".join(model.apis)
        raise BadParameter(f"api={api!r}: {model.name} is not served on it; use one of: {known}")
    dropped: list[str] = []
    for rule in _RULES:
        while (fault := rule(parameters, model, api)) is not None:
            if not (drop and fault.droppable):
                raise BadParameter(fault.line(model, parameters))
            change: dict[str, Any] = {fault.parameter: _left_out(fault, model)}
            parameters = replace(parameters, **change)
            dropped.append(fault.parameter)
    return CheckedParameters(parameters=parameters, dropped=tuple(dropped))


def for_arm(arm: ModelVariant, parameters: Parameters) -> Parameters:
    """Return `parameters` with the arm's own wherever the caller left the default."""
    own: dict[str, Any] = {
        name: value
        for name, value in arm.parameters.items()
        if getattr(parameters, name) == _DEFAULTS[name]
    }
    return replace(parameters, **own) if own else parameters


def default_api(model: Model, parameters: Parameters) -> Api:
    """Return the wire format to ask on: the first that has search if that is wanted."""
    if parameters.search is not None:
        searching = [api for api in model.apis if api in model.rules.search]
        if searching:
            return searching[0]
    return model.apis[0]


def fits(model: Model, input_tokens: int, max_tokens: int, *, context: int | None = None) -> None:
    """
    Check that prompt and answer go into the window together; an unknown window takes all.

    Args:
        model: Whose window it is.
        input_tokens: The prompt, counted.
        max_tokens: The most the answer may have, reasoning included.
        context: The context that is asked for, where that is smaller than the model's.

    Raises:
        TokenBudgetError: They do not; the line says by how much.
    """
    windows = [size for size in (model.context, context) if size is not None]
    if not windows or input_tokens + max_tokens <= min(windows):
        return
    window = min(windows)
    left = window - input_tokens
    fix = f"or ask for max_tokens={left} at most" if left > 0 else "max_tokens cannot help here"
    raise TokenBudgetError(
        f"{model.name}: {input_tokens:,} tokens of prompt and {max_tokens:,} of answer pass its "
        f"window of {window:,} by {input_tokens + max_tokens - window:,}; "
        f"shorten the prompt, {fix}"
    )


def _left_out(fault: ParameterFault, model: Model) -> object:
    if fault.parameter == "max_tokens":
        return model.max_output
    return _DEFAULTS[fault.parameter]


def _kinds(parameters: Parameters, _model: Model, _api: Api) -> ParameterFault | None:
    for name, kinds in _NUMBERS.items():
        value: Any = getattr(parameters, name)
        optional = name != "max_tokens"
        if optional and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, kinds):
            word = "a whole number" if kinds == (int,) else "a number"
            return ParameterFault(name, "wants a number", accepts=word, droppable=optional)
    cache: Any = parameters.cache
    if cache is not None and not isinstance(cache, bool):
        return ParameterFault("cache", "wants yes or no", accepts="True or False")
    stop: Any = parameters.stop
    if not isinstance(stop, tuple) or not all(isinstance(text, str) and text for text in stop):
        return ParameterFault("stop", "wants a tuple of texts", accepts='such as stop=("\\n",)')
    return None


def _max_tokens(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    most = model.max_output
    accepts = "1 or more" if most is None else f"1 to {most:,}"
    if parameters.max_tokens < 1:
        return ParameterFault(
            "max_tokens", "must write something", accepts=accepts, droppable=False
        )
    if most is not None and parameters.max_tokens > most:
        return ParameterFault(
            "max_tokens",
            f"writes {most:,} tokens at most",
            accepts=accepts,
            fix=f"ask for max_tokens={most}",
        )
    return None


def _seed(parameters: Parameters, model: Model, api: Api) -> ParameterFault | None:
    if parameters.seed is None:
        return None
    if not model.rules.seed:
        return ParameterFault("seed", "promises nothing for it", accepts="no seed")
    if api == "responses":
        return chat_only("seed")
    return None


def _stop(parameters: Parameters, model: Model, api: Api) -> ParameterFault | None:
    if not parameters.stop:
        return None
    most = model.rules.stop
    if most and api == "responses":
        return chat_only("stop")
    if len(parameters.stop) > most:
        return ParameterFault(
            "stop", "refuses it", accepts=f"{most} sequences at most" if most else "none"
        )
    return None


def _context(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    asked, most = parameters.context, model.context
    if asked is None:
        return None
    if not model.rules.context:
        return ParameterFault("context", "always has all of its window", accepts="no context")
    if asked < 1 or (most is not None and asked > most):
        accepts = "1 or more" if most is None else f"1 to {most:,}"
        return ParameterFault("context", "has no such window", accepts=accepts, fix="ask for less")
    return None


def _verbosity(parameters: Parameters, model: Model, _api: Api) -> ParameterFault | None:
    asked: Any = parameters.verbosity
    if asked is None:
        return None
    if asked not in _VERBOSITIES:
        return ParameterFault("verbosity", "has no such", accepts=", ".join(_VERBOSITIES))
    if not model.rules.verbosity:
        return ParameterFault("verbosity", "has no such switch", accepts="no verbosity")
    return None


_VERBOSITIES: Final = ("low", "medium", "high")

_Rule: TypeAlias = Callable[[Parameters, Model, Api], ParameterFault | None]

_RULES: Final[tuple[_Rule, ...]] = (
    # thinking before effort before sampling: each asks what is left of the one before
    _kinds,
    _max_tokens,
    thinking,
    effort,
    sampling,
    top_k,
    penalties,
    logprobs,
    _seed,
    _stop,
    schema,
    search,
    tools,
    tool_choice,
    _verbosity,
    _context,
    tier,
    extra,
)
_DEFAULTS: Final = {item.name: getattr(Parameters(), item.name) for item in fields(Parameters)}
