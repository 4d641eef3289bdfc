"""
The two records every API family speaks: a `Call` comes in, a `Reply` goes out.

Families are plain coroutines from one to the other and never touch a socket, so that
faults, limits and sending are written once.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from llmlab.sim.authors.author import Author
from llmlab.sim.memory import Memory

Json: TypeAlias = dict[str, Any]

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a family reads it; header names are in lower case."""

    provider: str
    method: str
    path: str
    """Path below the provider's mount, such as `/v1/messages`."""
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    body: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    """How many requests this provider had before; makes ids differ."""
    author: Author
    clock: Callable[[], float]
    memory: Memory

    @property
    def digest(self) -> str:
        """SHA-256 of the body as it came."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def serial(self) -> str:
        """Forty hex digits for ids: stable for the same request at the same place."""
        text = f"{self.provider}{self.path}{self.number}{self.digest}"
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    @property
    def now(self) -> int:
        """Unix time in whole seconds."""
        return int(self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back: `chunks` are written one by one, so a stream has several."""

    status: int = 200
    chunks: tuple[bytes, ...] = ()
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    user: str = ""
    tokens: int = 0
    """Input and output tokens really used; settles the rate limit."""
    billed: Decimal | None = None

    @property
    def streamed(self) -> bool:
        """Whether the body is sent piece by piece, without a length."""
        return self.content_type in (SSE, NDJSON)


class Rejection(Exception):
    """A family says no; `reply` is what the client sees."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def as_json(body: object, *, status: int = 200, **rest: Any) -> Reply:
    """Make a reply of one JSON document."""
    return Reply(status=status, chunks=(dump(body),), **rest)


def dump(body: object) -> bytes:
    """Write JSON as the providers do: compact, in UTF-8."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def plain_text(content: object) -> str:
    """Join the text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Iterable):
        return ""
    parts = (part for part in content if isinstance(part, Mapping))
    return "\n".join(str(part["text"]) for part in parts if "text" in part)
