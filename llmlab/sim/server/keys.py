"""
Check keys the way each provider does.

Any key is good, so that no real one is ever needed here, but one that contains
`invalid`, `wrong` or `revoked`. No key is kept or logged.
"""

from llmlab.sim.call import Call, Rejection
from llmlab.sim.refusals import flat, nested, typed

REFUSED = ("invalid", "wrong", "revoked")


def check_key(call: Call) -> None:
    """
    Let a call with a good key pass.

    Raises:
        Rejection: 401 in the provider's envelope; for a wrong key xAI says 400.
    """
    if call.provider == "ollama":
        return
    key = _bearer(call) or (call.headers.get("x-api-key", "") if _takes_header(call) else "")
    if key and not any(word in key for word in REFUSED):
        return
    raise _refusal(call.provider, key)


def _takes_header(call: Call) -> bool:
    return call.provider == "anthropic"


def _bearer(call: Call) -> str:
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _refusal(provider: str, key: str) -> Rejection:
    match provider:
        case "openai":
            return _openai(key)
        case "anthropic":
            headers = {"x-should-retry": "false"}
            message = "invalid x-api-key" if key else "x-api-key header is required"
            return typed(401, message, kind="authentication_error", headers=headers)
        case "deepseek":
            shown = f"Your api key: ****{key[-4:]} is invalid" if key else "no api key was given"
            message = f"Authentication Fails, {shown}"
            kind, code = "authentication_error", "invalid_request_error"
            return nested(401, message, kind=kind, code=code)
        case _:
            return _xai(key)


def _openai(key: str) -> Rejection:
    masked = f"{key[:3]}{'*' * 8}{key[-4:]}"
    message = f"Incorrect API key provided: {masked}." if key else "You didn't provide an API key."
    code = "invalid_api_key" if key else None
    headers = {"www-authenticate": 'Bearer realm="OpenAI API"'}
    return nested(401, message, code=code, headers=headers)


def _xai(key: str) -> Rejection:
    if key:
        return flat(400, "Incorrect API key provided.")
    return flat(401, "No or malformed authorization header.", code="unauthenticated")
