"""
The conversation of a template: which parts are earlier messages, and what is wrong with them.

A template with an `[assistant]` part is a conversation: `[system]`, if any, then `[user]` and
`[assistant]` in turn, the last of them `[user]`. Without one, all `[user]` parts are one message.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from llmlab.records import Turn
from llmlab.templates.source import TemplatePart, TemplateSource


def turns_of(source: TemplateSource) -> tuple[tuple[Turn, ...], str]:
    """Return the earlier messages and the last one; neighbours of one role are one message."""
    if not source.has_turns:
        return (), source.part("user")
    turns: list[Turn] = []
    for piece in _said(source):
        role: Literal["user", "assistant"] = "assistant" if piece.part == "assistant" else "user"
        words = piece.words.strip()
        if turns and turns[-1].role == role:
            words = f"{turns.pop().text}\n\n{words}"
        turns.append(Turn(role=role, text=words))
    return tuple(turns[:-1]), turns[-1].text


def turn_faults(source: TemplateSource) -> Iterator[tuple[int, str, str]]:
    """Yield line, fault and fix of every part that is out of its place, or empty."""
    if not source.has_turns:
        return
    said = _said(source)
    for before, after in pairwise(_marked(source)):
        if after.part == "system" and before.part != "system":
            what = f"[system] comes after [{before.part}]"
            yield after.line, what, "a conversation has it at the top"
    for piece in _marked(source):
        if not piece.words.strip():
            what = f"the [{piece.part}] part is empty"
            yield piece.line, what, "write what was said, or drop the part"
    if said[0].part != "user":
        what = "the first message is [assistant]"
        yield said[0].line, what, "a conversation begins with a [user] part"
    if said[-1].part != "user":
        what = "the last message is [assistant]"
        yield said[-1].line, what, "end with a [user] part: what is to be answered"


def _marked(source: TemplateSource) -> list[TemplatePart]:
    """Return the parts without the empty one that stands before the first mark."""
    first, *rest = source.pieces
    return [first, *rest] if first.words.strip() else rest


def _said(source: TemplateSource) -> list[TemplatePart]:
    """Return the messages of user and assistant."""
    return [piece for piece in _marked(source) if piece.part != "system"]
