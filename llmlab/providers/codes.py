"""
What providers' statuses, codes and phrases mean.

Source: providers.md chapters 2.3, 3.2, 4.2, 5.2 and 6.2, and the vendors' SDKs (openai 3.54,
anthropic 2.12) for the codes of spend limits.
"""

from collections.abc import Mapping
from typing import Final

from llmlab.errors import (
    AuthFailed,
    CallError,
    ModelNotFound,
    OutOfCredit,
    Throttled,
    TimedOut,
    TooLong,
    Unavailable,
)

CODES: Final[Mapping[str, type[CallError]]] = {
    "insufficient_quota": OutOfCredit,
    "billing_not_active": OutOfCredit,
    "billing_hard_limit_reached": OutOfCredit,
    "billing_error": OutOfCredit,
    "enforced_spend_limit_reached": OutOfCredit,
    "contract_spend_limit_reached": OutOfCredit,
    "credit_balance_exhausted": OutOfCredit,
    "organization_spend_limit_exceeded": OutOfCredit,
    "organization_usage_limit_exceeded": OutOfCredit,
    "project_spend_limit_exceeded": OutOfCredit,
    "invalid_api_key": AuthFailed,
    "authentication_error": AuthFailed,
    "context_length_exceeded": TooLong,
    "exceed_context_size_error": TooLong,
    "model_not_found": ModelNotFound,
    "invalid_model": ModelNotFound,  # Mistral, 400
    "deploymentnotfound": ModelNotFound,  # Azure, 404
    "no_db_connection": AuthFailed,  # LiteLLM (issue 12273), 400: not its key
    "budget_exceeded": OutOfCredit,  # LiteLLM, the budget of a key
}
"""Codes that mean the same under every status below 500."""

PHRASES: Final[tuple[tuple[str, type[CallError]], ...]] = (
    ("used all available credits", OutOfCredit),  # xAI, 429
    ("monthly spending limit", OutOfCredit),  # xAI, 429
    ("spend limit", OutOfCredit),  # Anthropic, 400
    ("specified api usage limits", OutOfCredit),  # Anthropic, 400
    ("credit balance is too low", OutOfCredit),  # Anthropic, 400
    ("insufficient balance", OutOfCredit),  # DeepSeek, 402
    ("incorrect api key", AuthFailed),  # xAI, 400
    ("prompt is too long", TooLong),  # Anthropic, 400
    ("maximum context length", TooLong),  # DeepSeek, 400
    ("maximum prompt length", TooLong),  # xAI, 400
    ("context window", TooLong),  # OpenAI, 400
    ("context size", TooLong),  # llama.cpp, 400
    ("exceeds the context", TooLong),  # Ollama, 400 and 500
    ("exceeds maximum context", TooLong),  # Ollama
    ("exceeded max context length", TooLong),  # Ollama's cloud
    ("exceeds the available context", TooLong),  # Ollama's runner, 500
    ("model not exist", ModelNotFound),  # DeepSeek, 400
    ("invalid model name", ModelNotFound),  # LiteLLM, 400
    ("not a valid model id", ModelNotFound),  # OpenRouter, 400
)
"""Where a provider has no code for it, the words are all there is."""

TYPES: Final[Mapping[str, int]] = {
    "overloaded_error": 529,
    "api_error": 500,
    "server_error": 500,
    "service_unavailable_error": 503,
    "server_is_overloaded": 503,
    "timeout_error": 408,
    "vector_store_timeout": 504,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "slow_down": 429,
    "too_many_requests": 429,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "insufficient_quota": 429,
    "model_not_found": 404,
    "context_length_exceeded": 400,
    "invalid_api_key": 401,
}
"""The status that an error inside a reply of 200 would have had."""

STATUSES: Final[Mapping[int, type[CallError]]] = {
    401: AuthFailed,
    402: OutOfCredit,
    408: TimedOut,
    409: Unavailable,
    429: Throttled,
}
