"""The checks of declared slots and blocks."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from llmlab.errors import suggest
from llmlab.templates.lines import Where
from llmlab.templates.meta import BLOCK, BLOCK_TYPES, SLOT, SLOT_TYPES, is_whole
from llmlab.templates.reads import spelt

Found: TypeAlias = Iterator[tuple[Where, str, str]]
"""Place in the front matter, what is wrong, what to do."""


QUERY: Final = "query"
"""The slot that a template's `default_query` fills; it needs no other declaration."""


def slot_faults(slots: object, used: frozenset[str], query: object = None) -> Found:
    """Yield what is wrong with the declared slots, and which used ones are not declared."""
    declared = slots if isinstance(slots, dict) else {}
    for name, entry in declared.items():
        yield from _slot(str(name), entry, used)
    if query and QUERY not in used:
        what = "{{ query }} is not in the prompt, so the default query is never asked"
        yield ("default_query",), what, "write {{ query }} where it belongs, or drop it"
    for name in sorted(used - declared.keys() - ({QUERY} if query else set())):
        yield ("slots",), f"{spelt(name)} is not declared", f"add `{name}:` under `slots:`"


def _slot(name: str, entry: object, used: frozenset[str]) -> Found:
    where = ("slots", name)
    if name not in used:
        hint = suggest(name, sorted(used), otherwise=f"write {spelt(name)} or drop it")
        yield where, f"{spelt(name)} is not in the prompt", hint
    if not isinstance(entry, dict):
        yield where, f"slot `{name}` must have type and example", "write them under it"
        return
    yield from unknown(entry, where, SLOT)
    kind = entry.get("type")
    if kind not in SLOT_TYPES:
        yield (*where, "type"), f"{kind!r} is no slot type", suggest(kind, SLOT_TYPES)
    elif entry.get("example") in (None, ""):
        yield where, f"slot `{name}` has no example", "write `example:` with a real value"
    elif not _example_fits(str(kind), entry["example"]):
        yield (*where, "example"), f"the example of `{name}` is no {kind}", _EXAMPLES[str(kind)]


_EXAMPLES: Final = {
    "text": "write words",
    "number": "write a number without quotes",
    "integer": "write a whole number without quotes",
    "date": "write it as 2026-11-22",
    "list": "write `[a, b]`",
    "table": "write a list of `{column: value}` rows",
    "portfolio": "write a list of `{ticker: ..., quantity: ...}` rows",
    "market": "write a list of `{Date: ..., Close: ...}` rows",
    "news": "write words, or a list of items, oldest first",
    "image": "write the path of a file",
    "pdf": "write the path of a file",
}
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def _example_fits(kind: str, value: object) -> bool:
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "date":
        return bool(_DATE.match(str(value)))
    if kind in {"table", "portfolio", "market"}:
        return isinstance(value, list) and all(isinstance(row, dict) for row in value)
    if kind == "integer":
        return is_whole(value)
    types = {"list": (list,), "news": (str, list)}.get(kind, (str,))
    return isinstance(value, types)


def block_faults(blocks: object, slots: object) -> Found:
    """Yield what is wrong with the blocks: each is a declared slot of a block type."""
    kinds = {
        str(name): entry.get("type")
        for name, entry in (slots if isinstance(slots, dict) else {}).items()
        if isinstance(entry, dict)
    }
    for name, entry in (blocks if isinstance(blocks, dict) else {}).items():
        where = ("blocks", str(name))
        if kinds.get(str(name)) not in BLOCK_TYPES:
            fix = f"declare it under `slots:` with type {', '.join(BLOCK_TYPES)}"
            yield where, f"block `{name}` is no block slot", fix
        if not isinstance(entry, dict):
            yield where, f"block `{name}` must have a priority", "write `priority: 80` under it"
            continue
        yield from unknown(entry, where, BLOCK)
        yield from _block(where, entry)


def _block(where: Where, entry: Mapping[str, Any]) -> Found:
    priority, minimum = entry.get("priority"), entry.get("minimum", 0)
    if not is_whole(priority) or not 0 <= priority <= 100:  # noqa: PLR2004 - the scale of priorities
        yield (*where, "priority"), f"the priority is {priority!r}", "write 0 to 100, higher stays"
    if not is_whole(minimum) or minimum < 0:
        yield (*where, "minimum"), f"the minimum is {minimum!r}", "write a number of tokens"
    if not isinstance(entry.get("must", False), bool):
        yield (*where, "must"), f"must is {entry['must']!r}", "write true or false"


def unknown(entry: Mapping[str, Any], where: Where, names: tuple[str, ...]) -> Found:
    """Yield the unknown entries, with the nearest known name."""
    for name in entry:
        if str(name) not in names:
            dotted = ".".join((*where, str(name)))
            yield (*where, str(name)), f"no entry is called `{dotted}`", suggest(name, names)
