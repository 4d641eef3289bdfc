"""
A conversation as a caller gives it, checked before anything is sent.

In: messages such as `{"role": "user", "content": "Up or down?"}`, or pairs of role and text. Out:
the system prompt, the earlier messages and the last one; the first fault is one line with its fix.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from llmlab.checks.plain import is_blank
from llmlab.errors import UsageError, suggest
from llmlab.records import Turn

ROLES: Final = ("system", "user", "assistant")
_FORM: Final = 'give a list such as [{"role": "user", "content": "Up or down?"}]'
_PAIR: Final = 2


class Conversed(NamedTuple):
    """Messages, taken apart."""

    system: str | None
    turns: tuple[Turn, ...]
    user: str


def conversed(messages: object) -> Conversed:
    """
    Take messages apart: the system prompt, which may only be the first, turns, the last message.

    Raises:
        UsageError: There is none, one is no text or empty, a role is unknown or out of its place.
    """
    if not isinstance(messages, Iterable) or isinstance(messages, str | bytes | Mapping):
        raise UsageError(f"messages must be a list, and is of type {_kind(messages)}: {_FORM}")
    said = [_message(number, each) for number, each in enumerate(messages, 1)]
    system = said.pop(0)[1] if said and said[0][0] == "system" else None
    first = 1 if system is None else _PAIR
    if not said:
        raise UsageError(f"messages has no message of the user: {_FORM}")
    turns = tuple(_turn(number, *each) for number, each in enumerate(said, first))
    if turns[0].role != "user":
        raise UsageError(f"message {first} must be the user's, for a conversation begins with one")
    if turns[-1].role != "user":
        raise UsageError("the last message must be the user's: it is what the model answers")
    return Conversed(system=system, turns=turns[:-1], user=turns[-1].text)


def _message(number: int, message: object) -> tuple[str, str]:
    role, content = _apart(number, message)
    if not isinstance(role, str) or role not in ROLES:
        hint = suggest(role, ROLES, otherwise=f"roles are {', '.join(ROLES)}")
        raise UsageError(f"message {number}: no role is called {role!r}; {hint}")
    if not isinstance(content, str):
        fix = "; decode it first" if isinstance(content, bytes | bytearray) else ""
        kind = _kind(content)
        raise UsageError(f"message {number}: content must be text, and is of type {kind}{fix}")
    if is_blank(content):
        raise UsageError(f"message {number} is empty: write what was said, or leave it out")
    return str.__str__(role), str.__str__(content)


def _apart(number: int, message: object) -> tuple[object, object]:
    """Return role and content; a field that would not be sent is an error, unless it is None."""
    if isinstance(message, Mapping):
        known = {"role", "content"}
        odd = [name for name, each in message.items() if name not in known and each is not None]
        if odd:
            raise UsageError(f"message {number}: {odd[0]!r} is not sent, only role and content are")
        lacks = sorted(known - message.keys())
        if lacks:
            raise UsageError(f"message {number} has no {lacks[0]!r}: {_FORM}")
        return message["role"], message["content"]
    if isinstance(message, Turn):
        return message.role, message.text
    if isinstance(message, list | tuple) and len(message) == _PAIR:
        return message[0], message[1]
    raise UsageError(f"message {number} is of type {_kind(message)}: {_FORM}")


def _turn(number: int, role: str, text: str) -> Turn:
    if role == "system":
        raise UsageError(f"message {number} is the system's, which may only be the first message")
    said: Literal["user", "assistant"] = "assistant" if role == "assistant" else "user"
    return Turn(role=said, text=text)


def _kind(value: object) -> str:
    return type(value).__name__
