"""
One question, checked before anything is sent: its words, its slots, its model.

In: what a caller gives. Out: a `Prompt`; the first fault is one line with its fix.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec import Struct, structs

from llmlab.checks.plain import is_blank
from llmlab.design.gaps import gaps_of
from llmlab.design.grid import Input
from llmlab.design.messages import conversed
from llmlab.errors import TemplateError, UsageError
from llmlab.records import Prompt, Turn
from llmlab.templates import Template, conversation, parse

Fill: TypeAlias = Callable[[Template, Mapping[str, object]], Prompt]
"""Fills a template for the model that is asked; context blocks are packed for it."""

OPTIONS: Final = ("messages", "values", "system", "schema", "api", "deadline", "repeat")
"""What a question takes beside the parameters of the model."""

_SLOT: Final = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)(?:\.\w+|\[[^\]{}]*\])*\s*(?:\|[^{}]*)?-?\}\}")


class Question(Struct, frozen=True, kw_only=True, gc=False):
    """The words of a question as they were given; with *values* they are a template."""

    prompt: object
    system: object = None
    values: Mapping[str, object] | None = None
    messages: object = None
    """A whole conversation in the place of `prompt`."""
    turns: tuple[Turn, ...] = ()
    """What was said before, by a conversation that is checked already; sent as it is."""
    reuse: bool = False
    """Whether the book may answer, also where another sample would differ."""

    def filled(self, fill: Fill) -> Prompt:
        """
        Return the words with their slots filled by *fill*.

        Raises:
            UsageError: They are no text or blank, or a slot has no value.
        """
        if self.messages is not None:
            return self._conversation(fill)
        user = _text(self.prompt, "the prompt")
        system = None if self.system is None else _text(self.system, "system")
        if is_blank(user):
            raise UsageError("the prompt is empty: write what is to be asked")
        if self.values is not None:
            return _filled(user, system, self.values, fill)
        for each in (user, system or ""):
            _refuse_slots(each)
        # What is said in a conversation goes with every later message of it, so it is shared.
        shared = len(user) if self.reuse else 0
        return Prompt(name="ask", user=user, system=system, turns=self.turns, shared=shared)

    def _conversation(self, fill: Fill) -> Prompt:
        """Return `messages` as a prompt; braces in what a model said are just text."""
        if self.prompt is not None:
            raise UsageError("give a prompt or messages, not both: the last message is the prompt")
        system, turns, user = conversed(self.messages)
        if self.system is not None and system is not None:
            raise UsageError("messages begin with a system prompt and system= is another: give one")
        system = _text(self.system, "system") if self.system is not None else system
        if self.values is not None:
            template = conversation("ask", user, system=system, turns=turns)
            return _rendered(template, self.values, fill)
        for text in (system or "", *(t.text for t in turns if t.role == "user"), user):
            _refuse_slots(text)
        return Prompt(name="ask", user=user, system=system, turns=turns)


def _filled(user: str, system: str | None, values: Mapping[str, object], fill: Fill) -> Prompt:
    template = parse(user, name="ask")
    if system is not None and template.system:
        raise UsageError("the prompt has a [system] part and system= is another: give one")
    return _rendered(template if system is None else template.with_system(system), values, fill)


def _rendered(template: Template, values: Mapping[str, object], fill: Fill) -> Prompt:
    gaps = gaps_of([template], [Input(id="0", values=values)])
    if gaps.by_slot:
        raise UsageError(f"{gaps}: give it a value, or leave the slot out")
    filled = fill(template, values)
    return structs.replace(filled, name="ask", version="")


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


def checked_text(value: object, what: str) -> str:
    """
    Return words that are sent as they are.

    Raises:
        UsageError: They are no text, or have a slot that nothing fills.
    """
    text = _text(value, what)
    _refuse_slots(text)
    return text


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
