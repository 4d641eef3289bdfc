"""Read a conversation of any API: the system text, the earlier messages, the last one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmlab.sim.authors.author import count_prompt
from llmlab.sim.call import plain_text

SYSTEM_ROLES = ("system", "developer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The messages of a request."""

    system: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    """Role and text of the messages before the last, the system's not included."""
    user: str = ""
    """The last message, whoever's it is."""

    @property
    def words(self) -> str:
        """All text."""
        return "\n\n".join([self.system, *(text for _, text in self.turns), self.user])

    @property
    def tokens(self) -> int:
        """Tokens by the simulator's rule."""
        return count_prompt(self.system, *(text for _, text in self.turns), self.user)


def conversation(messages: object, system: str = "") -> Said:
    """Return the messages; *system* is what stands apart from them, and comes first."""
    if isinstance(messages, str):
        return Said(system=system, user=messages)
    turns = [(str(turn.get("role")), turn) for turn in _turns(messages) if "content" in turn]
    texts = [(role, plain_text(turn["content"])) for role, turn in turns]
    systems = [system, *(text for role, text in texts if role in SYSTEM_ROLES)]
    said = [each for each in texts if each[0] not in SYSTEM_ROLES]
    return Said(
        system="\n\n".join(filter(None, systems)),
        turns=tuple(said[:-1]),
        user=said[-1][1] if said else "",
    )


def merged(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return messages with neighbours of one role joined, as Anthropic reads them."""
    joined: list[dict[str, Any]] = []
    for turn in messages:
        role, text = turn.get("role"), plain_text(turn.get("content", ""))
        if joined and joined[-1]["role"] == role:
            joined[-1]["content"] += f"\n\n{text}"
        else:
            joined.append({"role": role, "content": text})
    return joined


def _turns(messages: object) -> Iterable[Mapping[str, Any]]:
    if not isinstance(messages, Iterable):
        return []
    return (turn for turn in messages if isinstance(turn, Mapping))


def stops(value: object) -> tuple[str, ...]:
    """Return stop sequences, given as one string, a list, or not at all."""
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list) else ()
