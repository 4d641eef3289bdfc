"""The free endpoints: health check, list of models, token count."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from llmlab.catalogue.models import Model
from llmlab.errors import BadParameter, Unreadable
from llmlab.providers.adapter import Adapter, unlisted
from llmlab.providers.decoding import convert, decode, lenient
from llmlab.providers.listing_wire import OUTPUTS, WINDOWS, ListEntry, ModelList, first_count
from llmlab.providers.registry import adapter_of
from llmlab.records import Api, HttpCall, HttpReply, Parameters, Request

_UNCOUNTED: Final = frozenset(
    {"max_tokens", "max_completion_tokens", "max_output_tokens", "store", "stream"}
)
"""What a token counter does not take: it counts, it does not generate."""
_DAY: Final = len("2026-12-11")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """One model as the provider's own list has it; None is what the list does not say."""

    id: str
    retires: date | None = None
    context: int | None = None
    max_output: int | None = None


class _Count(msgspec.Struct):
    input_tokens: int | None = None
    token_ids: list[Any] | None = None


def health_call(adapter: Adapter, base_url: str) -> HttpCall:
    """Return the call that asks whether the provider answers and takes the key; it is free."""
    return adapter.profile.call(base_url, adapter.profile.health)


def read_health(reply: HttpReply, adapter: Adapter) -> str:
    """Return what was found, in words; raise the `CallError` that the reply means."""
    found = _found(reply, adapter)
    if found.is_available is not None:
        return "key accepted, balance left" if found.is_available else "key accepted, no balance"
    blocked = (found.api_key_blocked, found.api_key_disabled, found.team_blocked)
    if any(state is not None for state in blocked):
        return "key accepted, but blocked" if any(blocked) else "key accepted"
    if found.version is not None:
        return f"version {found.version}"
    if isinstance(found.data, dict):  # OpenRouter's words on a key
        return "key accepted"
    entries = _entries(found, adapter)
    accepted = "" if adapter.profile.auth == "none" else "key accepted, "
    return f"{accepted}{len(entries)} models"


def models_call(adapter: Adapter, base_url: str) -> HttpCall:
    """Return the call for the provider's list of models."""
    return adapter.profile.call(base_url, adapter.profile.models)


def read_models(reply: HttpReply, adapter: Adapter) -> tuple[ListedModel, ...]:
    """Return the models in the provider's order; raise the `CallError` that the reply means."""
    entries = _entries(_found(reply, adapter), adapter)
    return tuple(
        ListedModel(
            id=entry.id or entry.name or "",
            retires=_day(entry.shutdown_date or entry.retires_at),
            context=first_count(entry, WINDOWS),
            max_output=first_count(entry, OUTPUTS),
        )
        for entry in entries
        if entry.id or entry.name
    )


def _found(reply: HttpReply, adapter: Adapter) -> ModelList:
    """Return the reply; Together's list of models is an array without an object around it."""
    if reply.body.lstrip()[:1] == b"[":
        return ModelList(data=decode(reply, list[Any], adapter.provider))
    return decode(reply, ModelList, adapter.provider)


def _entries(found: ModelList, adapter: Adapter) -> list[ListEntry]:
    if found.data is None and found.models is None:
        raise _strange(adapter)
    if found.data is None:
        return found.models or []
    return convert(found.data, list[ListEntry], adapter.provider)


def count_call(request: Request, base_url: str, model: Model | None = None) -> HttpCall:
    """
    Return the call that counts the prompt's tokens, free of charge.

    xAI counts the bare text, the others the whole request. `BadParameter` where the provider
    has no counter (DeepSeek, Ollama).
    """
    model = model or unlisted(request)
    # OpenAI counts for Responses only; the words are the same.
    api: Api | None = "responses" if request.provider == "openai" else None
    adapter = adapter_of(request.provider, api, speaks=model.speaks, dialect=model.dialect)
    profile = adapter.profile
    if not profile.count:
        raise BadParameter(f"{profile.provider} has no token counter; count with a local tokenizer")
    if profile.count.endswith("tokenize-text"):
        text = "\n".join(filter(None, request.prompt.texts))
        return profile.call(base_url, profile.count, {"model": request.model, "text": text})
    asked = Parameters(schema=request.parameters.schema)
    bare = replace(request, stream=False, parameters=asked)
    call = adapter.write(bare, model, base_url)
    body = msgspec.json.decode(call.asked or call.body, type=dict[str, Any])
    counted = {name: value for name, value in body.items() if name not in _UNCOUNTED}
    return profile.call(base_url, profile.count, counted)


def read_count(reply: HttpReply, provider: str) -> int:
    """Return the tokens counted; raise the `CallError` that the reply means."""
    found = decode(reply, _Count, provider)
    if found.input_tokens is not None:
        return found.input_tokens
    if found.token_ids is not None:
        return len(found.token_ids)
    raise Unreadable(f"{provider}: the reply holds no count", provider=provider, status=200)


def _day(text: str | int | None) -> date | None:
    if isinstance(text, int):
        return None
    day, _ = lenient((text or "")[:_DAY] or None, date)
    return day


def _strange(adapter: Adapter) -> Unreadable:
    said = f"{adapter.provider}: the reply is not the list that was asked for"
    return Unreadable(said, provider=adapter.provider, status=200)
