"""Front matter as data, with the line of each entry."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llmlab.templates.front import front_of

Where: TypeAlias = tuple[str, ...]
"""The keys that lead to an entry, such as `("slots", "headline", "type")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lined:
    """A YAML mapping, and the line of each of its entries."""

    data: Mapping[str, Any]
    lines: Mapping[Where, int] = field(default_factory=dict)
    twice: tuple[tuple[Where, int], ...] = ()
    """Keys given a second time, whose values YAML would silently take."""

    def line(self, *where: str) -> int:
        """Return the line of an entry, or of the nearest entry above it."""
        for size in range(len(where), 0, -1):
            found = self.lines.get(where[:size])
            if found is not None:
                return found
        return 1


def read_lines(text: str, first: int) -> Lined:
    """
    Read YAML; *first* is the line of the file on which it begins.

    Raises:
        yaml.YAMLError: It is not YAML.
        ValueError: It is not a mapping.
    """
    import yaml

    data = front_of(text)
    seen = list(_walk(yaml.compose(text, Loader=yaml.SafeLoader), (), first))
    lines: dict[Where, int] = {}
    twice = []
    for where, line in seen:
        if where in lines:
            twice.append((where, line))
        lines.setdefault(where, line)
    return Lined(data=data, lines=lines, twice=tuple(twice))


def _walk(node: Any, where: Where, first: int) -> Iterator[tuple[Where, int]]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        inner = (*where, str(key.value))
        yield inner, key.start_mark.line + first
        yield from _walk(value, inner, first)
