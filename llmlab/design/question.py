"""
One question, checked before anything is sent: its words, its slots, its model.

In: what a caller gives. Out: a `Prompt`; the first fault is one line with its fix.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from msgspec import Struct

from llmlab.checks.plain import is_blank
from llmlab.design.gaps import gaps_of
from llmlab.design.grid import Input
from llmlab.errors import TemplateError, UsageError
from llmlab.records import Prompt
from llmlab.templates import Template, parse

Fill: TypeAlias = Callable[[Template, Mapping[str, object]], Prompt]
"""Fills a template for the model that is asked; context blocks are packed for it."""

OPTIONS: Final = ("values", "system", "schema", "api", "deadline", "repeat")
"""What a question takes beside the parameters of the model."""

_SLOT: Final = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)(?:\.\w+|\[[^\]{}]*\])*\s*(?:\|[^{}]*)?-?\}\}")


class Question(Struct, frozen=True, kw_only=True, gc=False):
    """The words of a question as they were given; with *values* they are a template."""

    prompt: object
    system: object = None
    values: Mapping[str, object] | None = None

    def filled(self, fill: Fill) -> Prompt:
        """
        Return the words with their slots filled by *fill*.

        Raises:
            UsageError: They are no text or blank, or a slot has no value.
        """
        user = _text(self.prompt, "the prompt")
        system = None if self.system is None else _text(self.system, "system")
        if is_blank(user):
            raise UsageError("the prompt is empty: write what is to be asked")
        if self.values is not None:
            return _filled(user, system, self.values, fill)
        for each in (user, system or ""):
            _refuse_slots(each)
        return Prompt(name="ask", user=user, system=system)


def _filled(user: str, system: str | None, values: Mapping[str, object], fill: Fill) -> Prompt:
    template = parse(user, name="ask")
    if system is not None:
        template = replace(template, system=system)
    gaps = gaps_of([template], [Input(id="0", values=values)])
    if gaps.by_slot:
        raise UsageError(f"{gaps}: give it a value, or leave the slot out")
    filled = fill(template, values)
    return Prompt(
        name="ask",
        user=filled.user,
        system=filled.system,
        attachments=filled.attachments,
        shared=filled.shared,
    )


def one_model(model: object, lineups: Mapping[str, Sequence[str]]) -> str:
    """
    Return the one model that is named.

    Raises:
        UsageError: It is a list, a line-up, blank, or no name.
    """
    if not isinstance(model, str):
        what = "a list" if isinstance(model, list | tuple) else f"of type {type(model).__name__}"
        raise UsageError(f"a question goes to one model, named as text; model is {what}{_MANY}")
    name = model.strip()
    if not name:
        raise UsageError("no model was named: name one, such as 'gpt', or leave it out")
    if "," in name or name in lineups:
        raise UsageError(f"a question goes to one model; {model!r} names several{_MANY}")
    return str(name)


_MANY: Final = ": name one, such as 'gpt'; abtest asks several"


def _text(value: object, what: str) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    fix = "; decode it first" if isinstance(value, bytes | bytearray) else ""
    kind = "None" if value is None else f"of type {type(value).__name__}"
    raise UsageError(f"{what} must be text, and is {kind}{fix}")


def _refuse_slots(text: str) -> None:
    """Refuse text with a slot that nothing fills: it would be sent with its braces."""
    found = _SLOT.search(text) if "{{" in text else None
    if found:
        raise TemplateError(
            f"nothing fills {found[0]}: give values={{{found[1]!r}: ...}}; to send braces as "
            "they are, give values={} and put {% raw %} and {% endraw %} around them"
        )
