"""Split a template file into front matter and parts, each with the line on which it begins."""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Part: TypeAlias = Literal["system", "user", "assistant"]

_PART: Final = re.compile(r"^\[(system|user|assistant)\][ \t]*$", re.MULTILINE)
TOO_DEEP: Final = "its expressions or blocks nest too deep; take some apart"
_FRONT: Final = re.compile(r"\A---[ \t]*\n(.*?)(?:\n|(?<=\n))---[ \t]*(?:\n|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatePart:
    """Words of one part, as they stand in the file."""

    part: Part
    words: str
    line: int
    """Of its mark, such as `[user]`; of the first word where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSource:
    """A file: its front matter as text, and its pieces in order."""

    front: str | None
    """None when the file does not begin with `---`."""
    pieces: tuple[TemplatePart, ...]
    body_line: int

    @property
    def has_turns(self) -> bool:
        """Whether it is a conversation: then several `[user]` parts are several messages."""
        return any(piece.part == "assistant" for piece in self.pieces)

    def part(self, name: Part) -> str:
        """Return the words of a part; pieces of one part are joined by an empty line."""
        words = (piece.words.strip() for piece in self.pieces if piece.part == name)
        return "\n\n".join(filter(None, words))


def split(text: str) -> TemplateSource:
    """Cut a file at `---` and at lines such as `[user]`; words before those are the user's."""
    found = _FRONT.match(text)
    body = text[found.end() :] if found else text
    start = text[: len(text) - len(body)].count("\n") + 1
    pieces = [TemplatePart(part="user", words=_until(body, _PART), line=start)]
    for match in _PART.finditer(body):
        words = _until(body[match.end() :], _PART)
        line = start + body[: match.end()].count("\n")
        pieces.append(TemplatePart(part=_PARTS[match[1]], words=words, line=line))
    return TemplateSource(front=found[1] if found else None, pieces=tuple(pieces), body_line=start)


_PARTS: Final[dict[str, Part]] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
}


def _until(text: str, pattern: re.Pattern[str]) -> str:
    found = pattern.search(text)
    return text[: found.start()] if found else text
