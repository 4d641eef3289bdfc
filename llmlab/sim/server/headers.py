"""The headers each provider adds: request ids, rate limits in its own form, timings."""

from datetime import UTC, datetime

from llmlab.sim.call import Call
from llmlab.sim.server.limits import Level

_MINUTE, _HOUR = 60, 3600


def identity(call: Call) -> dict[str, str]:
    """Return the headers that name the request and the gateway it passed."""
    match call.provider:
        case "openai":
            return {"x-request-id": f"req_{call.serial[:32]}", "openai-version": "2020-10-01"}
        case "anthropic":
            return {"request-id": f"req_{call.serial[:24]}"}
        case "deepseek":
            via = {"via": "1.1 sim.cloudfront.net (CloudFront)", "x-cache": "Miss from cloudfront"}
            return {"x-ds-trace-id": call.serial[:32], **via}
        case "xai":
            return {"x-request-id": call.serial[:36], "x-zero-data-retention": "false"}
        case _:
            return {}


def timing(call: Call, seconds: float) -> dict[str, str]:
    """Return the headers that tell how long the answer took."""
    milliseconds = 1000 * seconds
    if call.provider == "openai":
        return {"openai-processing-ms": f"{milliseconds:.0f}"}
    if call.provider == "xai":
        shown = f"{milliseconds:.1f}"
        return {"x-metrics-ttft-ms": shown, "x-metrics-e2e-ms": shown}
    return {}


def rate_limits(call: Call, level: Level) -> dict[str, str]:
    """Return rate-limit headers; DeepSeek and Ollama have none, xAI has no reset."""
    match call.provider:
        case "openai":
            reset = go_duration(level.reset)
            both = {"reset-requests": reset, "reset-tokens": reset}
            return {
                f"x-ratelimit-{name}": value for name, value in {**_plain(level), **both}.items()
            }
        case "xai":
            return {f"x-ratelimit-{name}": value for name, value in _plain(level).items()}
        case "anthropic":
            return _anthropic(level, call.clock())
        case _:
            return {}


def retry_after(call: Call, level: Level) -> dict[str, str]:
    """Return how long to wait, where the provider says it: OpenAI twice, Anthropic once."""
    whole = str(max(1, -int(-level.wait // 1)))
    match call.provider:
        case "openai":
            return {"retry-after": whole, "retry-after-ms": str(int(1000 * level.wait) + 1)}
        case "anthropic":
            return {"retry-after": whole}
        case _:
            return {}


def _plain(level: Level) -> dict[str, str]:
    return {
        "limit-requests": str(level.limit_requests),
        "limit-tokens": str(level.limit_tokens),
        "remaining-requests": str(level.left_requests),
        "remaining-tokens": str(level.left_tokens),
    }


def _anthropic(level: Level, now: float) -> dict[str, str]:
    at = datetime.fromtimestamp(now + level.reset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tokens = (level.limit_tokens, level.left_tokens)
    rows = {"requests": (level.limit_requests, level.left_requests), "tokens": tokens,
            "input-tokens": tokens, "output-tokens": tokens}  # fmt: skip
    found: dict[str, str] = {}
    for name, (limit, left) in rows.items():
        prefix = f"anthropic-ratelimit-{name}"
        shown = left if name == "requests" else left // 1000 * 1000
        found |= {f"{prefix}-limit": str(limit), f"{prefix}-remaining": str(shown),
                  f"{prefix}-reset": at}  # fmt: skip
    return found


def go_duration(seconds: float) -> str:
    """Write seconds as Go does: `12ms`, `1s`, `6m0s`, `1h30m0s`."""
    if seconds < 1:
        milliseconds = round(1000 * seconds)
        return f"{milliseconds}ms" if milliseconds else "0s"
    whole = round(seconds, 3)
    hours, rest = divmod(whole, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    text = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{int(hours)}h{int(minutes)}m{text}"
    return f"{int(minutes)}m{text}" if minutes else text
