"""
What a prompt reads: the names that need a value, and those that it prints as they are.

Every value can be had as `{{ name }}`; one whose name is no word, such as a column called
`head line`, as `{{ row["head line"] }}`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmlab.templates.sandbox import environment

if TYPE_CHECKING:
    from jinja2.nodes import Node

ROW: Final = "row"
"""The name under which a template reaches all its values."""

_METHODS: Final = frozenset(dir(dict))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """Names in the words of a template."""

    names: frozenset[str]
    """Those that must have a value."""
    printed: frozenset[str]
    """Those that are printed somewhere without an attribute, a filter or a sum."""
    row: bool = False
    """Whether values are reached by way of `row`."""


def reads_of(text: str) -> Reads:
    """
    Return what *text* reads.

    Raises:
        jinja2.TemplateSyntaxError: It does not parse.
    """
    from jinja2 import meta, nodes

    tree = environment().parse(text)
    free = meta.find_undeclared_variables(tree)
    outputs = [each for output in tree.find_all(nodes.Output) for each in output.nodes]
    printed = {each.name for each in outputs if isinstance(each, nodes.Name)} & free
    if ROW not in free:
        return Reads(names=frozenset(free), printed=frozenset(printed))
    items = [each for each in tree.find_all((nodes.Getitem, nodes.Getattr)) if _field(each)]
    names = (free - {ROW}) | printed | {_field(each) for each in items}
    printed |= {_field(each) for each in items if each in outputs}
    return Reads(names=frozenset(names), printed=frozenset(printed), row=True)


def _field(node: "Node") -> str:
    """Return the value that `row["name"]` or `row.name` means; empty where it is neither."""
    from jinja2 import nodes

    inner: Any = getattr(node, "node", None)
    if not isinstance(inner, nodes.Name) or inner.name != ROW:
        return ""
    if isinstance(node, nodes.Getattr):
        return "" if node.attr in _METHODS else node.attr
    key: Any = getattr(node, "arg", None)
    named = isinstance(key, nodes.Const) and isinstance(key.value, str)
    return str(key.value) if named else ""


def with_row(values: Mapping[str, object]) -> Mapping[str, object]:
    """Return *values* with all of them under `row`, unless a value has that name."""
    return values if ROW in values else {**values, ROW: values}


def spelt(name: str) -> str:
    """Write how a template reaches the value *name*."""
    return f"{{{{ {name} }}}}" if name.isidentifier() else f'{{{{ {ROW}["{name}"] }}}}'


_WORDS: Final = re.compile(r"\{\{\s*(\w+(?:[ .-]+\w+)+)\s*\}\}")


def hint_for(text: str) -> str:
    """Say how a name of several words is written, where *text* seems to have one."""
    found = _WORDS.search(text)
    return f"; a name with spaces is written {spelt(found[1])}" if found else ""
