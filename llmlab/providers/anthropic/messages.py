"""Anthropic's Messages API."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import structs

from llmlab.catalogue.models import Model, Rules
from llmlab.errors import BadParameter
from llmlab.providers.adapter import NO_HEADERS, Decoder, refuse
from llmlab.providers.anthropic.read import FINISHES, MessagesReading
from llmlab.providers.anthropic.wire import Message
from llmlab.providers.attached import messages_content
from llmlab.providers.caching import marked
from llmlab.providers.conversation import earlier
from llmlab.providers.decoding import decode
from llmlab.providers.failures import failure_in, request_id_of
from llmlab.providers.functions import message_choice, message_tools
from llmlab.providers.profile import HasProfile, ProviderProfile
from llmlab.providers.response_builder import ResponseBuilder
from llmlab.providers.sse import Sse
from llmlab.providers.stream import Stream
from llmlab.records import Answer, Api, HttpCall, HttpReply, Parameters, Request, Search

_VERSION: Final = "2023-06-01"
_PATH: Final = "/v1/messages"


def _without_v1(base_url: str) -> str:
    """Return the base without the `/v1` that the paths begin with: people add it by habit."""
    return base_url.rstrip("/").removesuffix("/v1")


HOME: Final = ProviderProfile(
    provider="anthropic",
    auth="x-api-key",
    headers={"anthropic-version": _VERSION},
    base_of=_without_v1,
    health="/v1/models?limit=1000",
    models="/v1/models?limit=1000",
    count="/v1/messages/count_tokens",
    standard=("service_tier", "standard_only"),
)
_NONE_OF: Final = ("seed", "logprobs", "presence_penalty", "frequency_penalty", "verbosity")
_NO_SAMPLING: Final = "2026-10-21"
"""The API version from which temperature and top_p are refused, at any value."""
_FAST_BETA: Final = "fast-mode-2026-02-01"
_LEAST_BUDGET: Final = 1024
_SEARCH_TOOL: Final = "web_search_20250305"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anthropic(HasProfile):
    """Adapter for the Messages API in the version given."""

    profile: ProviderProfile = HOME
    api: Api = "messages"
    version: str = _VERSION

    def write(self, request: Request, model: Model, base_url: str) -> HttpCall:
        """Return the HTTP request for *request*; the system prompt is a field of its own."""
        headers = {"anthropic-version": self.version}
        if request.parameters.tier == "fast":
            headers["anthropic-beta"] = _FAST_BETA
        profile = replace(self.profile, headers=headers)
        extra = request.parameters.extra
        body = self._body(request, model)
        call = profile.question(base_url, _PATH, body, extra)
        kept = marked(body, request.prompt) if request.parameters.cache else None
        if kept is None:
            return call
        same = call.asked or call.body
        return structs.replace(profile.question(base_url, _PATH, kept, extra), asked=same)

    def read(self, reply: HttpReply, request: Request) -> Answer:
        """Join the text blocks; raise the `CallError` the reply means."""
        message = decode(reply, Message, self.provider)
        if message.error is not None:
            envelope = {"error": message.error}
            raise failure_in(envelope, self.provider, headers=reply.headers, whole=True)
        reading = self._reading(request)
        reading.hear(message)
        return reading.answer(request_id_of(reply.headers))

    def stream(self, request: Request, headers: Mapping[str, str] = NO_HEADERS) -> Decoder:
        """Return a decoder of message events up to `message_stop`."""
        reading = self._reading(request)
        return Stream(provider=self.provider, reading=reading, events=Sse(), headers=headers)

    def _reading(self, request: Request) -> MessagesReading:
        to_answer = partial(self._answer, request)
        return MessagesReading(provider=self.provider, to_answer=to_answer)

    def _answer(self, request: Request, builder: ResponseBuilder, request_id: str | None) -> Answer:
        return builder.answer(request, FINISHES, request_id)

    def _body(self, request: Request, model: Model) -> dict[str, Any]:
        refuse(request, _NONE_OF, "Anthropic has none")
        refuse(request, ("context",), "only Ollama lets the caller set it")
        if request.parameters.tier in ("flex", "priority"):
            refuse(request, ("tier",), "Anthropic sells fast alone by the request")
        if self.version >= _NO_SAMPLING:
            refuse(
                request, ("temperature", "top_p", "top_k"), f"API version {self.version} has none"
            )
        prompt, asked = request.prompt, request.parameters
        body: dict[str, Any] = {
            "model": request.model,
            "max_tokens": asked.max_tokens,
            "messages": [
                *earlier(prompt.turns),
                {"role": "user", "content": messages_content(prompt)},
            ],
        }
        named = {
            "system": prompt.system or None,
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "top_k": asked.top_k,
            "stop_sequences": list(asked.stop) or None,
            "thinking": _thinking(request, model.rules),
            "output_config": _output(asked) or None,
            "tools": _tools(request) if asked.tools or asked.search else None,
            "tool_choice": message_choice(asked.tool_choice) if asked.tools else None,
            "stream": request.stream or None,
            "service_tier": "auto" if asked.tier == "auto" else None,
            "speed": "fast" if asked.tier == "fast" else None,
        }
        return body | {name: value for name, value in named.items() if value is not None}


def _thinking(request: Request, rules: Rules) -> dict[str, object] | None:
    asked = request.parameters
    if asked.thinking is None:
        return None
    if not asked.thinking:
        if rules.thinking and "disabled" not in rules.thinking:
            raise BadParameter(f"{request.name} always thinks: thinking=False is refused")
        return {"type": "disabled"}
    if "adaptive" in rules.thinking or not rules.thinking:
        return {"type": "adaptive"}
    # The budget must be below max_tokens, and the answer needs room after the thinking.
    budget = max(_LEAST_BUDGET, asked.max_tokens // 2)
    if budget >= asked.max_tokens:
        raise BadParameter(
            f"{request.name} thinks in at least {_LEAST_BUDGET} tokens: "
            f"max_tokens={asked.max_tokens} leaves no room, set it above {_LEAST_BUDGET}"
        )
    return {"type": "enabled", "budget_tokens": budget}


def _output(asked: Parameters) -> dict[str, object]:
    output: dict[str, object] = {}
    if asked.effort is not None:
        output["effort"] = asked.effort
    if asked.schema is not None:
        schema = msgspec.to_builtins(asked.schema.document)
        output["format"] = {"type": "json_schema", "schema": schema}
    return output


def _tools(request: Request) -> list[dict[str, object]]:
    asked = request.parameters
    return [*_searches(request, asked.search), *message_tools(asked.tools)]


def _searches(request: Request, search: Search | None) -> list[dict[str, object]]:
    if search is None:
        return []
    if search.x or search.from_date or search.to_date or not search.web:
        raise BadParameter(f"{request.name} searches the web only, and not by date")
    tool: dict[str, object] = {"type": _SEARCH_TOOL, "name": "web_search"}
    if search.allowed_domains:
        tool["allowed_domains"] = list(search.allowed_domains)
    return [tool]
