"""A conversation with a model, as a cell and a terminal show it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape

from llmlab.views.html import markup
from llmlab.views.text import form

CSS = """
.llmlab .ll-said{white-space:pre-wrap;overflow-wrap:anywhere;margin:2px 0 8px}
.llmlab .ll-said.ll-asked{border-left:3px solid var(--ll-line);padding-left:9px}
"""


def conversation_html(
    label: str,
    messages: Sequence[Mapping[str, str]],
    cost: Decimal | None,
    *,
    simulated: bool = False,
) -> str:
    """Return who said what, as text: nothing in it makes the page fetch anything."""
    said = "".join(_message(each, label) for each in messages)
    head = markup.line(_head(label, messages, cost, simulated=simulated), "ll-quiet")
    return f"<style>{CSS}</style>" + markup.block(head, said)


def conversation_text(
    label: str,
    messages: Sequence[Mapping[str, str]],
    cost: Decimal | None,
    *,
    simulated: bool = False,
) -> str:
    """Return the same for a terminal."""
    said = [f"{_who(each, label)}: {each['content']}" for each in messages]
    return "\n".join([_head(label, messages, cost, simulated=simulated), *said])


def _head(
    label: str, messages: Sequence[Mapping[str, str]], cost: Decimal | None, *, simulated: bool
) -> str:
    many = sum(each["role"] != "system" for each in messages)
    dollars = "cost unknown" if cost is None else form.money(float(cost), 3)
    simply = " (simulated: a stand-in answered)" if simulated else ""
    return f"conversation with {label}: {many} message{'' if many == 1 else 's'}, {dollars}{simply}"


def _who(message: Mapping[str, str], label: str) -> str:
    return label if message["role"] == "assistant" else message["role"]


def _message(message: Mapping[str, str], label: str) -> str:
    style = "ll-said" if message["role"] == "assistant" else "ll-said ll-asked"
    who = markup.line(_who(message, label), "ll-quiet")
    return f'{who}<div class="{style}">{escape(message["content"])}</div>'
