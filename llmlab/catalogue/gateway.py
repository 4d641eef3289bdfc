"""
What a gateway's row of data says: its dialect, headers, and the variables in its address.

`${NAME}` in an address, a query or a header stands for an environment variable, `${NAME:-text}`
has a default. A header may hold a key that way; an address or a query may not, since every server
on the way writes them into its log.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SECRET: Final = re.compile(r"(?i)key|token|secret|passw|credential|bearer|auth|cookie")
_KEY_LIKE: Final = re.compile(r"(?i)\bbearer\s|\b(?:sk|xai|pk|rk|gsk)[-_][A-Za-z0-9]{4}")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_OURS: Final = frozenset(
    {"host", "connection", "content-length", "content-type", "transfer-encoding"}
    | {"accept", "accept-encoding", "user-agent"}
)
"""Headers that belong to the connection, or say how a reply is packed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a gateway differs from the provider whose wire it speaks; empty where it does not."""

    limit_name: str = ""
    """What chat completions call the output limit: `max_tokens`, `max_completion_tokens`."""
    thinking: Literal["", "effort", "type", "template", "reasoning"] = ""
    """How chat completions ask for reasoning: `reasoning_effort`, `thinking.type`,
    `chat_template_kwargs`, or OpenRouter's `reasoning.effort`."""
    schema: Literal["", "strict", "json-mode"] = ""
    """How chat completions ask for a schema: `json_schema`, or JSON mode and words."""
    stream_usage: bool = True
    """Whether streams are asked for their usage; False where it always comes."""
    states_cost: bool = True
    """Whether `usage.cost` is what is charged, in dollars; False where it is an estimate."""
    health: str = ""
    """Path of a free request that needs the key; empty for `models`."""
    models: str = ""
    """Path of the list of models; empty for `/models`."""


AS_LENT: Final = Dialect()
"""The dialect of a gateway that speaks as the provider whose wire it is."""


def variables_in(*texts: str) -> tuple[str, ...]:
    """Return the environment variables that the texts name, each once."""
    names = (found[1] for text in texts for found in _VARIABLE.finditer(text))
    return tuple(dict.fromkeys(names))


def filled(text: str, env: Mapping[str, str], *, trim: str = "") -> str:
    """
    Return *text* with the values of its variables; empty where one has none.

    *trim* are characters that are taken from the end of each value, such as the slash of a host.
    """
    for name, default in _VARIABLE.findall(text):
        if not env.get(name, "").strip() and not default:
            return ""
    return _VARIABLE.sub(
        lambda found: env.get(found[1], "").strip().rstrip(trim or " ") or found[2] or "", text
    )


def faults(
    address: str, key_header: str, headers: Mapping[str, str], query: Mapping[str, str]
) -> Iterator[str]:
    """Yield what is wrong with a row's address, headers and query, a line each, without values."""
    yield from _odd_headers(headers, key_header)
    for name in filter(_SECRET.search, query):
        yield f"query.{name}: a key in an address is logged on the way; use headers"
    for name in filter(_SECRET.search, variables_in(address, *query.values())):
        yield f"base_url: ${{{name}}} may be a key, which an address must not hold"


def _odd_headers(headers: Mapping[str, str], key_header: str) -> Iterator[str]:
    for name in (*headers, *filter(None, [key_header])):
        if not _HEADER.fullmatch(name) or name.lower() in _OURS:
            yield f"headers: {name!r} is no header that a row may set"
    for name, value in headers.items():
        if (_SECRET.search(name) or _KEY_LIKE.search(value)) and not variables_in(value):
            yield f"headers.{name}: a key does not belong in a file; write ${{VARIABLE}}"
