"""
Who writes the words behind every wire format.

An `Author` is asked the same question whichever API carried it, and says what it wrote
and what it counted; the API families turn that into their own shapes and arithmetic.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

Finish: TypeAlias = Literal["stop", "length", "filter", "refusal"]

BYTES_PER_TOKEN = 4
FRAME_TOKENS = 4
"""Tokens that every message costs on top of its words (role and separators)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the client asked, free of any wire format."""

    provider: str
    model: str
    system: str = ""
    user: str
    temperature: float | None = None
    seed: int | None = None
    max_tokens: int = 4096
    """Output limit, reasoning included."""
    stop: tuple[str, ...] = ()
    thinking: bool = False
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """
    What an author wrote, with its own counts.

    `input_tokens` is the whole prompt and includes `cached_tokens`; `output_tokens`
    includes `reasoning_tokens`. Each API family splits them its provider's way.
    """

    text: str
    reasoning: str = ""
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    finish: Finish = "stop"
    matched_stop: str | None = None
    """The stop sequence that ended the text, where one did."""


class Author(Protocol):
    """Anything that can answer a question."""

    @property
    def name(self) -> str:
        """The name that replies carry in `x-llmlab-simulator`."""
        ...

    async def write(self, asked: Asked) -> Written:
        """Answer, within `asked.max_tokens`."""
        ...


def count_tokens(text: str) -> int:
    """Count tokens by the simulator's rule: one for every four bytes of UTF-8, rounded up."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def count_prompt(system: str, user: str) -> int:
    """Count a prompt by the rule: its words, and `FRAME_TOKENS` for each message."""
    messages = [text for text in (system, user) if text]
    return sum(count_tokens(text) + FRAME_TOKENS for text in messages)


def draw(*parts: object) -> float:
    """Draw from [0, 1), always the same for the same parts."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48
