"""Read a conversation of any API as one system and one user text."""

from collections.abc import Iterable, Mapping
from typing import Any

from llmlab.sim.call import plain_text

SYSTEM_ROLES = ("system", "developer")


def conversation(messages: object) -> tuple[str, str]:
    """Return the system text, and the text of all other messages, oldest first."""
    if isinstance(messages, str):
        return "", messages
    turns = [turn for turn in _turns(messages) if "content" in turn]
    system = [plain_text(turn["content"]) for turn in turns if turn.get("role") in SYSTEM_ROLES]
    said = [plain_text(turn["content"]) for turn in turns if turn.get("role") not in SYSTEM_ROLES]
    return "\n\n".join(system), "\n\n".join(said)


def _turns(messages: object) -> Iterable[Mapping[str, Any]]:
    if not isinstance(messages, Iterable):
        return []
    return (turn for turn in messages if isinstance(turn, Mapping))


def stops(value: object) -> tuple[str, ...]:
    """Return stop sequences, given as one string, a list, or not at all."""
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list) else ()
