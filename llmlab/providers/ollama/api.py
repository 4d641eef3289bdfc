"""Ollama's own API: `/api/chat` and `/api/generate`, whole or as one JSON document a line."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from llmlab.catalogue.models import Model
from llmlab.errors import BadParameter
from llmlab.providers.adapter import NO_HEADERS, Decoder, refuse
from llmlab.providers.attached import images_of
from llmlab.providers.conversation import earlier
from llmlab.providers.decoding import decode
from llmlab.providers.failures import request_id_of
from llmlab.providers.functions import chat_tools
from llmlab.providers.ndjson import Ndjson
from llmlab.providers.ollama.host import host_of
from llmlab.providers.ollama.read import FINISHES, OllamaLine, OllamaReading
from llmlab.providers.profile import HasProfile, ProviderProfile
from llmlab.providers.response_builder import ResponseBuilder
from llmlab.providers.stream import Stream
from llmlab.records import Answer, Api, HttpCall, HttpReply, Parameters, Request

HOME: Final = ProviderProfile(
    provider="ollama",
    auth="none",
    base_of=host_of,
    health="/api/version",
    models="/api/tags",
)
_NEAR: Final = 0.98
"""A prompt that fills this share of the context window was probably truncated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ollama(HasProfile):
    """
    Adapter for `/api/chat`, or `/api/generate` where *api* says so.

    The rules of the model show in no body: Ollama takes the same parameters for all.
    """

    profile: ProviderProfile = HOME
    api: Api = "chat"

    def write(self, request: Request, model: Model, base_url: str) -> HttpCall:  # noqa: ARG002
        """Return the HTTP request for *request*; sampling parameters go into `options`."""
        path = "/api/generate" if self.api == "generate" else "/api/chat"
        return self.profile.question(base_url, path, self._body(request), request.parameters.extra)

    def read(self, reply: HttpReply, request: Request) -> Answer:
        """Return the answer; raise the `CallError` the reply means."""
        reading = self._reading(request)
        reading.hear(decode(reply, OllamaLine, self.provider))
        return reading.answer(request_id_of(reply.headers))

    def stream(self, request: Request, headers: Mapping[str, str] = NO_HEADERS) -> Decoder:
        """Return a decoder of lines up to the one with `done: true`."""
        reading = self._reading(request)
        return Stream(provider=self.provider, reading=reading, events=Ndjson(), headers=headers)

    def _reading(self, request: Request) -> OllamaReading:
        return OllamaReading(provider=self.provider, to_answer=partial(self._answer, request))

    def _answer(self, request: Request, builder: ResponseBuilder, request_id: str | None) -> Answer:
        window, used = request.parameters.context, builder.usage.input
        if window is not None and used is not None and used >= window * _NEAR:
            builder.warn(f"the prompt fills the context of {window} tokens: it may have been cut")
        return builder.answer(request, FINISHES, request_id)

    def _body(self, request: Request) -> dict[str, Any]:
        _refuse_foreign(request, self.api)
        prompt, asked = request.prompt, request.parameters
        body: dict[str, Any] = {"model": request.model}
        if self.api == "generate":
            if prompt.turns:
                raise BadParameter(
                    f"{request.name} cannot take earlier messages: /api/generate has one prompt; "
                    "use api='chat'"
                )
            body |= {"prompt": prompt.user} | ({"system": prompt.system} if prompt.system else {})
            body |= images_of(prompt)
        else:
            system: list[dict[str, Any]] = []
            if prompt.system:
                system = [{"role": "system", "content": prompt.system}]
            user = {"role": "user", "content": prompt.user, **images_of(prompt)}
            body["messages"] = [*system, *earlier(prompt.turns), user]
        # Streaming is Ollama's default, and so is cutting a long prompt without a word.
        body |= {"stream": request.stream, "truncate": False, "options": _options(asked)}
        if asked.tools:
            body["tools"] = chat_tools(asked.tools)
        if asked.logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": asked.logprobs}
        return body | _form(asked)


def _refuse_foreign(request: Request, api: Api) -> None:
    """Raise `BadParameter` for what Ollama's API has no word for."""
    refuse(request, ("search", "verbosity"), "Ollama's API has none")
    if api == "generate":
        refuse(request, ("tools",), "functions are offered on api='chat'")
    if request.parameters.tool_choice != "auto":
        refuse(request, ("tool_choice",), "Ollama has none: the model chooses")
    if request.parameters.tier != "default":
        refuse(request, ("tier",), "Ollama has no tiers of service")


def _options(asked: Parameters) -> dict[str, object]:
    named = {
        "num_predict": asked.max_tokens,
        "num_ctx": asked.context,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "top_k": asked.top_k,
        "presence_penalty": asked.presence_penalty,
        "frequency_penalty": asked.frequency_penalty,
        "seed": asked.seed,
        "stop": list(asked.stop) or None,
    }
    return {name: value for name, value in named.items() if value is not None}


def _form(asked: Parameters) -> dict[str, object]:
    """Return whether it is to think, and the form of its answer, where either is asked for."""
    body: dict[str, object] = {}
    think = _think(asked)
    if think is not None:
        body["think"] = think
    if asked.schema is not None:
        body["format"] = msgspec.to_builtins(asked.schema.document)
    return body


def _think(asked: Parameters) -> bool | str | None:
    if asked.thinking is False or asked.effort == "none":
        return False
    return asked.effort or asked.thinking
