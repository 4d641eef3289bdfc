"""Adapter for the Responses API of OpenAI, and of xAI and DeepSeek with their differences."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import msgspec

from llmlab.catalogue.models import Model
from llmlab.errors import BadParameter
from llmlab.providers.adapter import NO_HEADERS, Decoder, refuse
from llmlab.providers.attached import responses_content
from llmlab.providers.conversation import earlier
from llmlab.providers.decoding import decode
from llmlab.providers.failures import request_id_of
from llmlab.providers.functions import response_choice, response_tools
from llmlab.providers.profile import HasProfile, ProviderProfile
from llmlab.providers.response_builder import ResponseBuilder
from llmlab.providers.responses.read import FINISHES, ResponsesReading
from llmlab.providers.responses.wire import ResponseObject
from llmlab.providers.sse import Sse
from llmlab.providers.stream import Stream
from llmlab.providers.switches import effort_of
from llmlab.records import Answer, Api, HttpCall, HttpReply, Parameters, Request, Search

_CHAT_ONLY: Final = ("seed", "stop", "top_k", "presence_penalty", "frequency_penalty")
_WITH_LOGPROBS: Final = "message.output_text.logprobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses(HasProfile):
    """Adapter for Responses; the fields say how this provider's dialect differs."""

    profile: ProviderProfile
    api: Api = "responses"
    system: Literal["instructions", "message"] = "instructions"
    """Where the system prompt goes: a field of its own, or the first message."""
    searches: tuple[Literal["web", "x"], ...] = ("web",)
    """The searches that run on the server."""
    switch: bool = True
    """Whether `reasoning.effort: none` turns thinking off; DeepSeek documents no switch here."""

    def write(self, request: Request, model: Model, base_url: str) -> HttpCall:
        """Return the HTTP request for *request*; raise `BadParameter` for unsupported fields."""
        extra = request.parameters.extra
        call = self.profile.question(base_url, "/responses", self._body(request, model), extra)
        return self.profile.keyed(call, request) if request.parameters.cache else call

    def read(self, reply: HttpReply, request: Request) -> Answer:
        """Join the output's texts; raise the `CallError` the reply means."""
        reading = self._reading(request)
        reading.hear(decode(reply, ResponseObject, self.provider))
        return reading.answer(request_id_of(reply.headers))

    def stream(self, request: Request, headers: Mapping[str, str] = NO_HEADERS) -> Decoder:
        """Return a decoder of `response.*` events up to a terminal one."""
        reading = self._reading(request)
        return Stream(provider=self.provider, reading=reading, events=Sse(), headers=headers)

    def _reading(self, request: Request) -> ResponsesReading:
        to_answer = partial(self._answer, request)
        return ResponsesReading(provider=self.provider, to_answer=to_answer)

    def _answer(self, request: Request, builder: ResponseBuilder, request_id: str | None) -> Answer:
        return builder.answer(request, FINISHES, request_id)

    def _body(self, request: Request, model: Model) -> dict[str, Any]:
        refuse(request, _CHAT_ONLY, "Responses has none; use api='chat'")
        refuse(request, ("context",), "only Ollama lets the caller set it")
        asked = request.parameters
        body: dict[str, Any] = {"model": request.model} | self._words(request)
        named = {
            "max_output_tokens": asked.max_tokens,
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "reasoning": self._reasoning(request, model),
            "text": _text(asked),
            "tools": self._tools(request) if asked.tools or asked.search else None,
            "tool_choice": response_choice(asked.tool_choice) if asked.tools else None,
            "include": None if asked.logprobs is None else [_WITH_LOGPROBS],
            "top_logprobs": asked.logprobs,
            "stream": request.stream or None,
            "service_tier": None if asked.tier == "default" else asked.tier,
            # The default keeps prompt and answer on the server for 30 days.
            "store": False,
        }
        return body | {name: value for name, value in named.items() if value is not None}

    def _words(self, request: Request) -> dict[str, Any]:
        prompt = request.prompt
        user = {"role": "user", "content": responses_content(prompt)}
        messages = [*earlier(prompt.turns), user]
        if not prompt.system:
            return {"input": messages}
        if self.system == "instructions":
            return {"instructions": prompt.system, "input": messages}
        system = {"role": "system", "content": prompt.system}
        return {"input": [system, *messages]}

    def _reasoning(self, request: Request, model: Model) -> dict[str, object] | None:
        asked = request.parameters
        if not self.switch and asked.thinking is False:
            raise BadParameter(f"{request.name} has no thinking switch here; use api='chat'")
        effort = effort_of(asked, model.rules)
        return None if effort is None else {"effort": effort}

    def _tools(self, request: Request) -> list[dict[str, object]]:
        asked = request.parameters
        return [*self._searches(request, asked.search), *response_tools(asked.tools)]

    def _searches(self, request: Request, search: Search | None) -> list[dict[str, object]]:
        if search is None:
            return []
        asked = [name for name, wanted in (("web", search.web), ("x", search.x)) if wanted]
        missing = [name for name in asked if name not in self.searches]
        if missing or not asked:
            has = " and ".join(self.searches) or "no search"
            raise BadParameter(f"{request.name} offers {has}, not {missing or 'nothing'}")
        if not search.x and (search.from_date or search.to_date):
            raise BadParameter(f"{request.name}: only the search of X takes dates (x=True)")
        return [_tool(name, search) for name in asked]


def _text(asked: Parameters) -> dict[str, object] | None:
    verbosity: dict[str, object] = {}
    if asked.verbosity is not None:
        verbosity["verbosity"] = asked.verbosity
    if asked.schema is None:
        return verbosity or None
    document = msgspec.to_builtins(asked.schema.document)
    described = {"type": "json_schema", "name": asked.schema.name, "strict": True}
    return {"format": described | {"schema": document}, **verbosity}


def _tool(name: str, search: Search) -> dict[str, object]:
    tool: dict[str, object] = {"type": f"{name}_search"}
    if name == "x":
        dates = {"from_date": search.from_date, "to_date": search.to_date}
        return tool | {key: day for key, day in dates.items() if day}
    if search.allowed_domains:
        tool["filters"] = {"allowed_domains": list(search.allowed_domains)}
    return tool
