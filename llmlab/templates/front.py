"""
Front matter as data: YAML in which every error has its line.

PyYAML raises what its constructors raise (for a date without a month, `!!int lots`), and recurses
without a limit; here both are YAML errors like any other.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError

DEEPEST: Final = 50
"""Mappings and lists inside each other."""
MOST: Final = 100_000
"""Nodes, those that aliases repeat counted each time: a few lines can stand for millions."""


def front_of(text: str) -> dict[Any, Any]:
    """
    Return front matter as a mapping; empty where there is nothing.

    Raises:
        yaml.YAMLError: It is not YAML, nests too deep, repeats too much, or a value is not what
            its form says; marked with the line where that is known.
        ValueError: It is not a mapping.
    """
    _measure(text)
    data = yaml.load(text, Loader=_Loader) or {}  # noqa: S506 - a safe loader with better errors
    if not isinstance(data, dict):
        raise ValueError("front matter must be `key: value` lines")  # noqa: TRY004 - the text is wrong, not a caller's type
    return data


class _Loader(yaml.SafeLoader):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's own signature
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError):
            value = " ".join(str(node.value).split())[:40] if node.value else ""
            kind = node.tag.rpartition(":")[2]
            said = f"{value!r} is no {kind}"
            raise ConstructorError(None, None, said, node.start_mark) from None


def _measure(text: str) -> None:
    """Walk the events, which needs no recursion, and refuse what nests or expands too far."""
    open_, sizes, size = [], {}, 0
    for event in _events(text):
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, size))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            sizes[anchor] = size - before
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in (anchor for anchor, _ in open_):
                raise _at(event, f"*{event.anchor} contains itself")
            size += sizes.get(event.anchor, 1)
        size += 1
        if len(open_) > DEEPEST:
            raise _at(event, f"it nests over {DEEPEST} deep")
        if size > MOST:
            raise _at(event, f"it expands to over {MOST:,} values")


def _events(text: str) -> Iterator[yaml.Event]:
    loader = yaml.SafeLoader(text)
    while loader.check_event():
        yield loader.get_event()  # type: ignore[no-untyped-call]


def _at(event: yaml.Event, said: str) -> ConstructorError:
    mark: Any = event.start_mark
    return ConstructorError(None, None, said, mark)
