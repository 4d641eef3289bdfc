"""
The interface of authors, which write the text behind every wire format.

An `Author` gets the same question whichever API carried it, and returns its text and token
counts; the API families turn these into their own format and arithmetic.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

Finish: TypeAlias = Literal["stop", "length", "filter", "refusal"]

BYTES_PER_TOKEN = 4
FRAME_TOKENS = 4
"""Tokens that every message costs on top of its text (role and separators)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    """A function that the answer may call."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the client asked, independent of the wire format."""

    provider: str
    model: str
    system: str = ""
    user: str
    """The last message."""
    turns: tuple[tuple[str, str], ...] = ()
    """Role and text of earlier messages, oldest first."""
    temperature: float | None = None
    seed: int | None = None
    max_tokens: int = 4096
    """Output limit, reasoning included."""
    stop: tuple[str, ...] = ()
    thinking: bool = False
    schema: Mapping[str, Any] | None = None
    tools: tuple[OfferedTool, ...] = ()
    choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the function that must be called."""
    logprobs: int | None = None
    """How many of the likeliest tokens to report at each place; None reports nothing."""

    @property
    def said(self) -> str:
        """All messages but the system's, oldest first, as one text."""
        return "\n\n".join([*(text for _, text in self.turns), self.user])

    @property
    def tokens(self) -> int:
        """Tokens of the whole prompt, by the simulator's rule."""
        return count_prompt(self.system, *(text for _, text in self.turns), self.user)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """
    What an author wrote, with its token counts.

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
    calls: tuple[tuple[str, str], ...] = ()
    """Names and arguments, as JSON, of the functions that it calls."""
    logprobs: tuple[Mapping[str, Any], ...] = ()
    """Its tokens as OpenAI writes them, with up to 20 of the likeliest at each place."""


class Author(Protocol):
    """Writes the answer to a question."""

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


def count_prompt(*texts: str) -> int:
    """Count a prompt's tokens by the rule: its text, and `FRAME_TOKENS` for each message."""
    return sum(count_tokens(text) + FRAME_TOKENS for text in texts if text)


def draw(*parts: object) -> float:
    """Return a number in [0, 1), always the same for the same parts."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48
