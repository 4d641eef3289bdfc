"""
Request validation of Anthropic, for the API versions 2023-06-01 and 2026-10-21.

Under the newer version sampling parameters no longer exist; under the older one they are
accepted, accepted only at their default, or refused, depending on the model. One rule is
not from the reference but from Anthropic's page on extended thinking: with
`thinking.type: enabled` the temperature may only be 1.
"""

from collections.abc import Mapping
from typing import Any

from llmlab.sim.call import Call
from llmlab.sim.models import SimulatedModel, find
from llmlab.sim.refusals import typed
from llmlab.sim.tools import unknown_choice

OLD, NEW = "2023-06-01", "2026-10-21"
_FIELDS = """
model max_tokens messages system stop_sequences stream tools tool_choice thinking
output_config cache_control metadata service_tier speed inference_geo diagnostics container
"""
FIELDS = frozenset(_FIELDS.split())
SAMPLING = ("temperature", "top_p", "top_k")
_DEFAULTS: Mapping[str, object] = {"temperature": 1, "top_p": 1}
_LEAST_BUDGET = 1024


def check_version(call: Call) -> str:
    """Return the API version; refuse an absent or unknown one."""
    version = call.headers.get("anthropic-version", "")
    if not version:
        raise typed(400, "anthropic-version: header is required")
    if version not in (OLD, NEW):
        raise typed(400, f"anthropic-version: {version!r} is not a valid version")
    return version


def check_body(call: Call, *, counting: bool = False) -> SimulatedModel:
    """Check version, fields, model and parameters; return the model."""
    version = check_version(call)
    body = call.body
    _check_fields(body, version)
    for name in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if body.get(name) in (None, "", []):
            raise typed(400, f"{name}: Field required")
    model = find("anthropic", body["model"], call.clock())
    if model is None:
        raise typed(404, f"model: {body['model']}", kind="not_found_error")
    _check_limit(body, model)
    check_sampling(body, model)
    check_thinking(body, model)
    _check_messages(body, model)
    return model


def _check_fields(body: Mapping[str, Any], version: str) -> None:
    known = FIELDS if version == NEW else FIELDS | set(SAMPLING)
    for name in body:
        if name not in known:
            raise typed(400, f"{name}: Extra inputs are not permitted")


def _check_limit(body: Mapping[str, Any], model: SimulatedModel) -> None:
    wanted = body.get("max_tokens")
    if wanted is None:
        return
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 0:
        raise typed(400, "max_tokens: Input should be a non-negative integer")
    if wanted > model.max_output:
        raise typed(
            400,
            f"max_tokens: {wanted} > {model.max_output}, which is the maximum allowed number of "
            f"output tokens for {model.id}",
        )


def check_sampling(body: Mapping[str, Any], model: SimulatedModel) -> None:
    """Refuse sampling parameters that this model does not take."""
    sent = [name for name in SAMPLING if body.get(name) is not None]
    temperature = body.get("temperature")
    if temperature is not None and not 0 <= temperature <= 1:
        raise typed(400, "temperature: Input should be between 0 and 1")
    for name in sent:
        default = body[name] == _DEFAULTS.get(name)
        if model.sampling == "never" or (model.sampling == "default-only" and not default):
            raise typed(400, f"`{name}` is not supported with this model.")
    if model.id == "claude-haiku-4-5" and {"temperature", "top_p"} <= set(sent):
        raise typed(400, "`temperature` and `top_p` cannot both be specified for this model.")


def thinking_type(body: Mapping[str, Any], model: SimulatedModel) -> str:
    """Return the `thinking.type` in effect."""
    thinking = body.get("thinking")
    if isinstance(thinking, Mapping):
        return str(thinking.get("type"))
    return model.thinking[0] if model.thinking else "disabled"


def check_thinking(body: Mapping[str, Any], model: SimulatedModel) -> None:
    """Refuse a `thinking.type`, or an effort, that this model does not support."""
    kind = thinking_type(body, model)
    if body.get("thinking") is not None and kind not in model.thinking:
        message = f"thinking.type: '{kind}' is not supported by this model."
        raise typed(400, f"{message} Supported types: {', '.join(model.thinking)}.")
    if kind == "enabled":
        _check_budget(body)
    effort = (body.get("output_config") or {}).get("effort")
    if effort is not None:
        _check_effort(effort, kind, model)


def _check_budget(body: Mapping[str, Any]) -> None:
    budget = body["thinking"].get("budget_tokens")
    if not isinstance(budget, int) or budget < _LEAST_BUDGET:
        raise typed(400, "thinking.enabled.budget_tokens: Input should be at least 1024")
    if budget >= body.get("max_tokens", budget + 1):
        raise typed(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature") not in (None, 1):
        raise typed(400, "`temperature` may only be set to 1 when thinking is enabled.")


def _check_effort(effort: str, kind: str, model: SimulatedModel) -> None:
    if effort not in model.efforts:
        supported = ", ".join(sorted(model.efforts)) or "none"
        raise typed(
            400,
            f"This model does not support effort level '{effort}'. Supported levels: {supported}.",
        )
    limited = model.id in ("claude-opus-5", "claude-haiku-5-5")
    if limited and kind == "disabled" and effort in ("xhigh", "max"):
        raise typed(400, "thinking.type: 'disabled' needs an effort of at most 'high'.")


def _check_messages(body: Mapping[str, Any], model: SimulatedModel) -> None:
    messages = body["messages"]
    for number, turn in enumerate(messages):
        if turn.get("role") not in ("user", "assistant"):
            message = f'messages.{number}.role: Unexpected role "{turn.get("role")}".'
            raise typed(400, f"{message} The system prompt is the top-level `system` parameter.")
        last = number == len(messages) - 1 and turn["role"] == "assistant"
        if not last and not _filled(turn.get("content")):
            message = "all messages must have non-empty content except for the optional final"
            raise typed(400, f"messages.{number}: {message} assistant message")
    if messages[0]["role"] != "user":
        raise typed(400, 'messages: first message must use the "user" role')
    if messages[-1]["role"] == "assistant" and not model.prefill:
        raise typed(400, "Prefilling assistant messages is not supported for this model.")
    _check_choice(body, model)


def _check_choice(body: Mapping[str, Any], model: SimulatedModel) -> None:
    choice = body.get("tool_choice") or {}
    wrong = unknown_choice(body)
    if wrong:
        raise typed(400, f"tool_choice: {wrong}")
    if choice.get("type") in ("any", "tool") and thinking_type(body, model) != "disabled":
        raise typed(400, "Thinking may not be enabled when tool_choice forces tool use.")
    if not model.prefill and choice.get("type") in ("any", "tool"):
        raise typed(400, f"tool_choice.type: '{choice['type']}' is not supported by this model.")


def _filled(content: object) -> bool:
    return bool(content.strip() if isinstance(content, str) else content)
