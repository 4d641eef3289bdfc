"""Routes: the endpoint of each path, below each provider's mount."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TypeAlias

from llmlab.sim import batches, deepseek, listings
from llmlab.sim.anthropic import messages as anthropic
from llmlab.sim.call import Call, Reply
from llmlab.sim.ollama import api as ollama
from llmlab.sim.ollama import info as ollama_info
from llmlab.sim.openai import chat as openai_chat
from llmlab.sim.refusals import refuse
from llmlab.sim.responses import responses
from llmlab.sim.xai import chat as xai_chat

Endpoint: TypeAlias = Callable[[Call], Awaitable[Reply]]

MOUNTS = {"openai": "/openai/v1", "anthropic": "/anthropic", "deepseek": "/deepseek",
          "xai": "/xai/v1", "ollama": "/ollama"}  # fmt: skip
"""The path of each provider's base URL."""
VARIABLES = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL",
             "deepseek": "DEEPSEEK_BASE_URL", "xai": "XAI_BASE_URL",
             "ollama": "OLLAMA_HOST"}  # fmt: skip

_ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "openai": {
        "POST /v1/chat/completions": openai_chat.chat,
        "POST /v1/responses": responses.openai_responses,
        "POST /v1/responses/input_tokens": responses.count_input,
        "POST /v1/files": batches.upload,
        "GET /v1/files/*/content": batches.content,
        "POST /v1/batches": batches.openai_create,
        "GET /v1/batches": batches.openai_list,
        "GET /v1/batches/*": batches.openai_show,
        "GET /v1/models": listings.list_models,
        "GET /v1/models/*": listings.show_model,
    },
    "anthropic": {
        "POST /v1/messages": anthropic.messages,
        "POST /v1/messages/count_tokens": anthropic.count_tokens,
        "POST /v1/messages/batches": batches.anthropic_create,
        "GET /v1/messages/batches": batches.anthropic_list,
        "GET /v1/messages/batches/*": batches.anthropic_show,
        "GET /v1/messages/batches/*/results": batches.anthropic_results,
        "GET /v1/models": listings.list_claudes,
        "GET /v1/models/*": listings.show_claude,
    },
    "deepseek": {
        "POST /chat/completions": deepseek.chat,
        "POST /v1/chat/completions": deepseek.chat,
        "POST /responses": responses.deepseek_responses,
        "POST /v1/responses": responses.deepseek_responses,
        "GET /models": listings.list_models,
        "GET /v1/models": listings.list_models,
        "GET /user/balance": listings.balance,
    },
    "xai": {
        "POST /v1/chat/completions": xai_chat.chat,
        "POST /v1/responses": responses.xai_responses,
        "POST /v1/tokenize-text": listings.tokenize_text,
        "POST /v1/batches": batches.xai_create,
        "POST /v1/batches/*/requests": batches.xai_add,
        "GET /v1/batches": batches.xai_list,
        "GET /v1/batches/*": batches.xai_show,
        "GET /v1/batches/*/results": batches.xai_results,
        "GET /v1/api-key": listings.api_key,
        "GET /v1/models": listings.list_models,
        "GET /v1/models/*": listings.show_model,
    },
    "ollama": {
        "POST /api/chat": ollama.chat,
        "POST /api/generate": ollama.generate,
        "POST /api/show": ollama_info.show,
        "GET /api/tags": ollama_info.tags,
        "GET /api/ps": ollama_info.ps,
        "GET /api/version": ollama_info.version,
        "GET /": ollama_info.running,
        "HEAD /": ollama_info.running,
    },
}
GENERATING = frozenset(
    {openai_chat.chat, responses.openai_responses, anthropic.messages, deepseek.chat,
     xai_chat.chat, responses.xai_responses, responses.deepseek_responses, ollama.chat,
     ollama.generate}
)  # fmt: skip
"""Endpoints that generate text, and so count against rate limits."""


def endpoint_of(call: Call) -> Endpoint:
    """
    Find the endpoint.

    Raises:
        Rejection: 404 for an unknown path, 405 for a known one with another method.
    """
    routes = _ROUTES[call.provider]
    for path in _patterns(call.path):
        found = routes.get(f"{call.method} {path}")
        if found is not None:
            return found
    others = any(route.endswith(f" {call.path}") for route in routes)
    message = f"Invalid URL ({call.method} {call.path})"
    raise refuse(call.provider, 405 if others else 404, message)


def _patterns(path: str) -> Iterator[str]:
    """Yield the path as it is, then with its last part as an id, then with the one before."""
    yield path
    head, _, last = path.rpartition("/")
    if last:
        yield f"{head}/*"
        yield f"{head.rpartition('/')[0]}/*/{last}"
