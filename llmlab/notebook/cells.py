"""Parse a cell: its prompts, and the notebook variables that they need."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from llmlab.errors import TemplateError, UsageError, suggest
from llmlab.templates import conversation, parse

_NAMED: Final = re.compile(r"^---[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)

T = TypeVar("T")


def prompts_of(cell: str) -> dict[str, str]:
    """
    Read the prompts of a cell: each starts after a line `--- name`.

    A cell without such a line is one prompt, called `prompt`.

    Raises:
        TemplateError: Two prompts have one name, words stand before the first, or none follow.
    """
    pieces = _NAMED.split(cell)
    before, named = pieces[0].strip(), pieces[1:]
    if not named:
        return {"prompt": before} if before else {}
    if before:
        raise TemplateError(
            f"words before the first `--- name` line belong to no prompt: {before[:40]!r}"
        )
    prompts: dict[str, str] = {}
    for name, text in zip(named[::2], named[1::2], strict=True):
        if name in prompts:
            raise TemplateError(f"two prompts are called {name!r}: give each its own name")
        if not text.strip():
            raise TemplateError(f"prompt {name!r} is empty: write it below its `--- {name}` line")
        prompts[name] = text.strip()
    return prompts


def values_for(
    prompts: Mapping[str, str], names: Mapping[str, object], systems: Iterable[str] = ()
) -> dict[str, object]:
    """Return those *names* of the notebook that the prompts, or *systems*, have slots for."""
    slots = {slot for name, text in prompts.items() for slot in parse(text, name=name).slots}
    slots.update(slot for text in systems for slot in conversation("system", text).slots)
    return {slot: names[slot] for slot in slots if slot in names}


def lookup(name: str, names: Mapping[str, object], kind: type[T], option: str) -> T:
    """
    Return the notebook's *name*, which must be a *kind*.

    Raises:
        UsageError: There is no such name (the nearest is suggested), or it is something else.
    """
    if name not in names:
        fitting = [each for each, value in names.items() if isinstance(value, kind)]
        hint = suggest(name, fitting, otherwise=f"assign a {kind.__name__} to it first")
        raise UsageError(f"{option} {name}: nothing in this notebook is called {name}; {hint}")
    value = names[name]
    if not isinstance(value, kind):
        raise UsageError(
            f"{option} {name}: must be a {kind.__name__}, not a {type(value).__name__}"
        )
    return value
