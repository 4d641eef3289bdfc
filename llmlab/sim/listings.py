"""
What costs nothing to ask: model lists, balances, keys and counts.

Dead models are left out, except at Anthropic, whose list keeps retired ones and says so.
"""

from llmlab.sim.anthropic.rules import check_version
from llmlab.sim.authors.author import count_tokens
from llmlab.sim.call import Call, Json, Reply, as_json
from llmlab.sim.models import MODELS, SimulatedModel, find
from llmlab.sim.refusals import flat, refuse, typed

_CREATED = 1_767_225_600
"""2026-01-01; the real dates are not known here."""
_DEFAULT_PAGE = 20


async def list_models(call: Call) -> Reply:
    """List living models in OpenAI's shape, with `shutdown_date` where one is announced."""
    living = (model for model in MODELS[call.provider] if model.alive(call.clock()))
    data = [_model(call.provider, model) for model in living]
    return as_json({"object": "list", "data": data})


async def show_model(call: Call) -> Reply:
    """Show one model, or 404."""
    name = call.path.rsplit("/", 1)[-1]
    model = find(call.provider, name, call.clock())
    if model is None:
        raise refuse(call.provider, 404, f"The model '{name}' does not exist")
    return as_json(_model(call.provider, model))


def _model(provider: str, model: SimulatedModel) -> Json:
    shown: Json = {"id": model.id, "object": "model", "owned_by": provider}
    if provider != "deepseek":
        shown["created"] = _CREATED
    if provider == "openai" and model.dies:
        shown["shutdown_date"] = model.dies
    return shown


async def list_claudes(call: Call) -> Reply:
    """List Anthropic's models page by page, with `lifecycle`, `retires_at` and capabilities."""
    check_version(call)
    models = MODELS["anthropic"]
    after = call.query.get("after_id")
    ids = [model.id for model in models]
    first = ids.index(after) + 1 if after in ids else 0
    limit = int(call.query.get("limit", _DEFAULT_PAGE))
    page = [_claude(model, call.clock()) for model in models[first : first + limit]]
    return as_json(
        {
            "data": page,
            "has_more": first + limit < len(models),
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
        }
    )


async def show_claude(call: Call) -> Reply:
    """Show one of Anthropic's models, or 404."""
    check_version(call)
    name = call.path.rsplit("/", 1)[-1]
    model = find("anthropic", name, call.clock())
    if model is None:
        raise typed(404, f"model: {name}", kind="not_found_error")
    return as_json(_claude(model, call.clock()))


def _claude(model: SimulatedModel, now: float) -> Json:
    efforts = {level: {"supported": level in model.efforts}
               for level in ("low", "medium", "high", "xhigh", "max")}  # fmt: skip
    types = {kind: {"supported": kind in model.thinking}
             for kind in ("adaptive", "between_tools", "disabled", "enabled")}  # fmt: skip
    lifecycle = "retired" if not model.alive(now) else "deprecated" if model.dies else "active"
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id.replace("-", " ").title(),
        "created_at": "1970-01-01T00:00:00Z",
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
        "lifecycle": lifecycle,
        "retires_at": f"{model.dies}T00:00:00Z" if model.dies else None,
        "capabilities": {
            "batch": {"supported": True},
            "structured_outputs": {"supported": True},
            "effort": {"supported": bool(model.efforts), **efforts},
            "thinking": {"supported": bool(model.thinking), "types": types},
        },
    }


async def balance(_call: Call) -> Reply:
    """Show DeepSeek's balance; its numbers are strings."""
    money = {"currency": "USD", "total_balance": "100.00", "granted_balance": "0.00",
             "topped_up_balance": "100.00"}  # fmt: skip
    return as_json({"is_available": True, "balance_infos": [money]})


async def api_key(_call: Call) -> Reply:
    """Show what xAI knows of the key in use."""
    return as_json(
        {
            "redacted_api_key": "xai-...sim",
            "name": "simulator",
            "api_key_blocked": False,
            "api_key_disabled": False,
            "team_blocked": False,
            "acls": ["api-key:endpoint:*", "api-key:model:*"],
            "team_id": "00000000-0000-0000-0000-000000000000",
            "user_id": "00000000-0000-0000-0000-000000000000",
        }
    )


async def tokenize_text(call: Call) -> Reply:
    """Cut a text into as many tokens as the simulator's rule counts."""
    text = call.body.get("text")
    if not isinstance(text, str):
        raise flat(422, "Failed to deserialize the JSON body: missing field `text`")
    ids = [{"token_id": number} for number in range(count_tokens(text))]
    return as_json({"token_ids": ids})
