"""The chat completions wire, which OpenAI, DeepSeek, xAI, llama.cpp and every gateway speak."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import msgspec

from llmlab.catalogue.models import Model
from llmlab.errors import Unavailable
from llmlab.providers.adapter import NO_HEADERS, Decoder, refuse
from llmlab.providers.attached import chat_content
from llmlab.providers.chat.read import ChatReading, heard_of
from llmlab.providers.chat.wire import ChatCompletion
from llmlab.providers.conversation import earlier
from llmlab.providers.decoding import decode
from llmlab.providers.failures import failure_in, request_id_of
from llmlab.providers.functions import chat_choice, chat_tools
from llmlab.providers.profile import HasProfile, ProviderProfile
from llmlab.providers.response_builder import ResponseBuilder
from llmlab.providers.sse import Sse
from llmlab.providers.stream import Stream
from llmlab.providers.switches import effort_of, schema_text
from llmlab.records import Answer, Api, Finish, HttpCall, HttpReply, Parameters, Request

FINISHES: Final[Mapping[str, Finish]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool",
    "function_call": "tool",
    "content_filter": "filter",
    # What servers that speak this wire say for the same: TGI and Together, Anthropic, Gemini.
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "STOP": "stop",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "tool_use": "tool",
    "SAFETY": "filter",
}
_GAVE_UP: Final = "insufficient_system_resource"
"""DeepSeek's finish reason for "the server ran out and stopped": an error, not an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat(HasProfile):
    """Adapter for chat completions; the fields say how this provider's dialect differs."""

    profile: ProviderProfile
    api: Api = "chat"
    path: str = "/chat/completions"
    limit_name: str = "max_tokens"
    """What the output limit is called: `max_completion_tokens` at OpenAI."""
    thinking: Literal["effort", "type", "template", "reasoning"] = "effort"
    """How reasoning is switched: by effort (OpenRouter's stands in `reasoning`), by DeepSeek's
    `thinking.type`, by the template."""
    schema: Literal["strict", "json-mode"] = "strict"
    """Whether a schema goes as `json_schema`, or as JSON mode with its text in the prompt."""
    stream_usage: bool = True
    """Whether a stream is asked for its usage; Mistral refuses the question and always says it."""
    reasoning_apart: bool = False
    """Whether `completion_tokens` leave reasoning out (xAI's chat does, nobody else)."""

    def write(self, request: Request, model: Model, base_url: str) -> HttpCall:
        """Return the HTTP request for *request*; raise `BadParameter` for unsupported fields."""
        extra = request.parameters.extra
        call = self.profile.question(base_url, self.path, self._body(request, model), extra)
        return self.profile.keyed(call, request) if request.parameters.cache else call

    def read(self, reply: HttpReply, request: Request) -> Answer:
        """Return the first choice; raise the `CallError` the reply means."""
        completion = decode(reply, ChatCompletion, self.provider)
        if completion.error is not None:
            raise failure_in(completion.error, self.provider, headers=reply.headers, whole=True)
        builder = heard_of(completion, self.provider, reasoning_apart=self.reasoning_apart)
        return self._answer(request, builder, request_id_of(reply.headers))

    def stream(self, request: Request, headers: Mapping[str, str] = NO_HEADERS) -> Decoder:
        """Return a decoder of `chat.completion.chunk` events."""
        reading = ChatReading(
            provider=self.provider,
            reasoning_apart=self.reasoning_apart,
            to_answer=partial(self._answer, request),
        )
        return Stream(provider=self.provider, reading=reading, events=Sse(), headers=headers)

    def _answer(self, request: Request, builder: ResponseBuilder, request_id: str | None) -> Answer:
        if builder.stop == _GAVE_UP:
            raise Unavailable(
                f"{self.provider}: the server ran out of resources and stopped ({_GAVE_UP})",
                provider=self.provider,
                status=200,
                request_id=request_id or builder.id,
                partial=builder.text,
            )
        return builder.answer(request, FINISHES, request_id)

    def _body(self, request: Request, model: Model) -> dict[str, Any]:
        refuse(request, ("search",), "search is a tool of api='responses' or 'messages'")
        refuse(request, ("context",), "only Ollama lets the caller set it")
        refuse(request, ("top_k",), "chat completions have none; a gateway may by extra=")
        asked = request.parameters
        body: dict[str, Any] = {
            "model": request.model,
            "messages": self._messages(request),
            self.limit_name: asked.max_tokens,
        }
        named = {
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "seed": asked.seed,
            "presence_penalty": asked.presence_penalty,
            "frequency_penalty": asked.frequency_penalty,
            "verbosity": asked.verbosity,
        }
        body |= {name: value for name, value in named.items() if value is not None}
        if asked.stop:
            body["stop"] = list(asked.stop)
        body |= self._reasoning(asked, model)
        if asked.schema is not None:
            body["response_format"] = self._format(asked)
        if asked.tools:
            body |= {"tools": chat_tools(asked.tools)} | _choice(asked)
        if asked.logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": asked.logprobs}
        if asked.tier not in (None, "default"):
            body["service_tier"] = asked.tier
        if request.stream:
            body["stream"] = True
            if self.stream_usage:
                body["stream_options"] = {"include_usage": True}
        return body

    def _messages(self, request: Request) -> list[dict[str, Any]]:
        system, schema = request.prompt.system or "", request.parameters.schema
        if schema is not None and self.schema == "json-mode":
            system = "\n\n".join(part for part in (system, schema_text(schema)) if part)
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        prompt = request.prompt
        user = {"role": "user", "content": chat_content(prompt)}
        return [*messages, *earlier(prompt.turns), user]

    def _reasoning(self, asked: Parameters, model: Model) -> dict[str, object]:
        body: dict[str, object] = {}
        effort = asked.effort
        if self.thinking in ("effort", "reasoning"):
            effort = effort_of(asked, model.rules)
        elif asked.thinking is not None and self.thinking == "type":
            body["thinking"] = {"type": "enabled" if asked.thinking else "disabled"}
        elif asked.thinking is not None:
            body["chat_template_kwargs"] = {"enable_thinking": asked.thinking}
        if effort is None:
            return body
        if self.thinking == "reasoning":
            return {"reasoning": {"effort": effort}}
        return body | {"reasoning_effort": effort}

    def _format(self, asked: Parameters) -> dict[str, object]:
        if self.schema == "json-mode" or asked.schema is None:
            return {"type": "json_object"}
        name, document = asked.schema.name, asked.schema.document
        described = {"name": name, "strict": True, "schema": msgspec.to_builtins(document)}
        return {"type": "json_schema", "json_schema": described}


def _choice(asked: Parameters) -> dict[str, object]:
    choice = chat_choice(asked.tool_choice)
    return {} if choice is None else {"tool_choice": choice}
