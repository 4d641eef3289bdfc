"""Error replies in each provider's own format."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from llmlab.sim.call import Json, Rejection, Reply, as_json


def nested(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Rejection:
    """Error of OpenAI and DeepSeek: one `error` object of four fields."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Rejection(as_json({"error": error}, status=status, headers=headers or {}))


def typed(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    headers: Mapping[str, str] | None = None,
) -> Rejection:
    """Error of Anthropic; the server adds `request_id` from its header."""
    error: Json = {"type": kind, "message": message}
    return Rejection(
        as_json({"type": "error", "error": error}, status=status, headers=headers or {})
    )


def flat(status: int, message: str, *, code: str = "invalid-argument") -> Rejection:
    """Error of xAI: `error` is a string beside its `code`."""
    return Rejection(as_json({"code": code, "error": message}, status=status))


def bare(status: int, message: str) -> Rejection:
    """Error of Ollama: one string."""
    return Rejection(as_json({"error": message}, status=status))


_ANTHROPIC_KINDS = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error",
    403: "permission_error", 404: "not_found_error", 405: "invalid_request_error",
    409: "conflict_error", 413: "request_too_large", 429: "rate_limit_error",
    500: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
_OPENAI_CODES = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", None),
    429: ("requests", "rate_limit_exceeded"),
    503: ("service_unavailable_error", "server_is_overloaded"),
}
_XAI_CODES = {401: "unauthenticated", 403: "permission-denied", 404: "not-found",
              429: "resource-exhausted"}  # fmt: skip
_WORDS = {
    400: "The request is not valid.", 401: "No API key was provided.",
    402: "Insufficient Balance", 403: "This key may not use this endpoint.",
    404: "Not found.", 405: "Method not allowed.", 408: "The request timed out.",
    409: "The resource is locked by another request.", 413: "The request is too large.",
    429: "Rate limit reached. Please try again in 2.08s.",
    500: "The server had an error while processing your request.",
    503: "The server is overloaded or not ready yet.", 504: "The request timed out.",
    529: "Overloaded",
}  # fmt: skip


def _openai(status: int, message: str) -> Rejection:
    fallback = "server_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004 - HTTP's own line between the two sides
    kind, code = _OPENAI_CODES.get(status, (fallback, None))
    return nested(status, message, kind=kind, code=code)


def _anthropic(status: int, message: str) -> Rejection:
    headers = {"x-should-retry": "true"} if status == 529 else {}  # noqa: PLR2004 - overloaded
    return typed(status, message, kind=_ANTHROPIC_KINDS.get(status, "api_error"), headers=headers)


def _deepseek(status: int, message: str) -> Rejection:
    kind = {401: "authentication_error", 402: "unknown_error"}.get(status, "invalid_request_error")
    return nested(status, message, kind=kind, code="invalid_request_error")


def _xai(status: int, message: str) -> Rejection:
    return flat(status, message, code=_XAI_CODES.get(status, "invalid-argument"))


_Refuse: TypeAlias = Callable[[int, str], Rejection]
_REFUSALS: Mapping[str, _Refuse] = {
    "openai": _openai, "anthropic": _anthropic, "deepseek": _deepseek, "xai": _xai, "ollama": bare,
}  # fmt: skip


def refuse(provider: str, status: int, message: str = "") -> Rejection:
    """Error of *provider*, with the usual message of the status if none is given."""
    words = message or _WORDS.get(status, "The server had an error.")
    return _REFUSALS[provider](status, words)


def out_of_credit(provider: str) -> Reply:
    """Error of each provider for an account without credit."""
    match provider:
        case "openai":
            message = "You exceeded your current quota, please check your plan and billing details."
            kind = code = "insufficient_quota"
            return nested(429, message, kind=kind, code=code).reply
        case "anthropic":
            return typed(402, "Your credit balance is too low.", kind="billing_error").reply
        case "xai":
            message = (
                "Your team has either used all available credits or reached its monthly "
                "spending limit."
            )
            return flat(429, message, code="resource-exhausted").reply
        case _:
            return refuse(provider, 402).reply


def malformed(provider: str) -> Rejection:
    """Error for a body that is not a JSON object."""
    status = 422 if provider == "xai" else 400
    return refuse(provider, status, "We could not parse the JSON body of your request.")


def too_long(provider: str, detail: str) -> Rejection:
    """Error for a prompt that is too long, with the text that clients search for."""
    match provider:
        case "openai":
            message = f"Your input exceeds the context window of this model. {detail}"
            return nested(400, message, param="messages", code="context_length_exceeded")
        case "anthropic":
            return refuse(provider, 400, f"prompt is too long: {detail}")
        case "deepseek" | "xai":
            return refuse(
                provider, 400, f"This model's maximum context length is exceeded. {detail}"
            )
        case _:
            return refuse(provider, 400, "the input length exceeds the context length")
