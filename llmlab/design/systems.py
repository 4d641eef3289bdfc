"""
System prompts that are given apart: one for all prompts, or several, each an arm of its own.

In: templates and `system=`. Out: templates that have it, named `prompt+system` where it is one of
several.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from llmlab.checks.plain import is_blank
from llmlab.errors import UsageError
from llmlab.templates import Template

_FORM: Final = 'give a text, or {"plain": None, "quant": "You are a quant."}'


def with_systems(templates: Sequence[Template], system: object) -> tuple[Template, ...]:
    """
    Return *templates* with *system* as their system prompt; a mapping crosses the two.

    Raises:
        UsageError: A prompt has one of its own, or *system* is empty or no text.
    """
    if system is None:
        return tuple(templates)
    own = next((each.name for each in templates if each.system), None)
    if own is not None:
        raise UsageError(
            f"prompt {own!r} has a [system] part of its own, and system= would be a second: "
            "take one of them out"
        )
    if not isinstance(system, Mapping):
        return tuple(each.with_system(_text(system, "system")) for each in templates)
    named = _named(system)
    made = [(each, name) for each in templates for name in named]
    crossed = tuple(_renamed(each.with_system(named[name]), name) for each, name in made)
    twice = [name for name, many in Counter(each.name for each in crossed).items() if many > 1]
    if twice:
        raise UsageError(f"two prompts would be called {twice[0]!r}: name one of them otherwise")
    return crossed


def _renamed(template: Template, name: str) -> Template:
    return replace(template, name=f"{template.name}+{name}")


def _named(system: Mapping[object, object]) -> dict[str, str | None]:
    if not system:
        raise UsageError(f"system is empty: {_FORM}")
    for name in system:
        if not isinstance(name, str) or is_blank(name):
            raise UsageError(f"a system prompt is called {name!r}, which is no name: {_FORM}")
    return {
        str(name): None if text is None else _text(text, f"system prompt {name!r}")
        for name, text in system.items()
    }


def _text(text: object, what: str) -> str:
    if not isinstance(text, str):
        raise UsageError(f"{what} must be text, not of type {type(text).__name__}: {_FORM}")
    if is_blank(text):
        raise UsageError(f"{what} is empty: write it, or leave it out")
    return str.__str__(text)
