"""How a prompt fills the room of each model: a bar a model, and what was left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from llmlab.views.html import markup
from llmlab.views.plots.style import OKABE_ITO
from llmlab.views.text import form

CSS = """
.llmlab .ll-fill{display:flex;width:260px;height:14px;border-radius:3px;overflow:hidden;
background:var(--ll-line)}
.llmlab .ll-fill i{display:block;height:14px;min-width:2px;
border-right:1px solid var(--jp-layout-color0,Canvas)}
.llmlab .ll-key{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 5px 0 12px}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPart:
    """A part of a prompt: its tokens, and what became of it."""

    name: str
    tokens: int
    wanted: int
    fate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A prompt in the room of one model."""

    model: str
    parts: tuple[PromptPart, ...] = ()
    room: int = 0
    window: int | None = None
    reserved: int = 0
    exact: bool = True
    trouble: str = ""
    """Why it does not fit at all; the rest is empty then."""

    @property
    def used(self) -> int:
        """Tokens of all parts."""
        return sum(part.tokens for part in self.parts)


def filled_html(listed: Sequence[Filled]) -> str:
    """Return a table, one row a model: the bar, the figures, what is not whole."""
    names = list(dict.fromkeys(part.name for each in listed for part in each.parts))
    colours = {name: OKABE_ITO[at % len(OKABE_ITO)] for at, name in enumerate(names)}
    heads = [("Model", ""), ("", ""), ("tokens", "r"), ("room", "r"), ("answer", "r"),
             ("window", "r"), ("not whole", "w")]  # fmt: skip
    rows = [_row(each, colours) for each in listed]
    legend = "".join(
        f'<span class="ll-key" style="background:{colour}"></span>{escape(name)}'
        for name, colour in colours.items()
    )
    key = f'<div class="ll-quiet">{legend}</div>' if legend else ""
    empty = "" if listed else markup.line("no model is chosen", "ll-quiet")
    style = f"<style>{CSS}</style>"
    return style + markup.block(markup.table(heads, rows) if listed else empty, key)


def _row(each: Filled, colours: dict[str, str]) -> list[str]:
    if each.trouble:
        blank = [markup.cell("")] * 5
        return [markup.cell(each.model), *blank, markup.cell(each.trouble, "w")]
    about = "" if each.exact else "\u2264 "
    return [
        markup.cell(each.model),
        markup.raw_cell(_bar(each, colours)),
        markup.cell(about + form.count(each.used), "r"),
        markup.cell(form.count(each.room), "r"),
        markup.cell(form.count(each.reserved), "r"),
        markup.cell(form.count(each.window), "r"),
        markup.cell(_lost(each), "w"),
    ]


def _bar(each: Filled, colours: dict[str, str]) -> str:
    pieces = "".join(
        f'<i style="width:{100 * part.tokens / max(each.room, 1):.2f}%;'
        f'background:{colours[part.name]}" '
        f'title="{escape(part.name)}: {form.count(part.tokens, ",")} tokens"></i>'
        for part in each.parts
        if part.tokens
    )
    share = f"{each.used / max(each.room, 1):.0%} of the room used"
    return f'<span class="ll-fill" role="img" aria-label="{share}">{pieces}</span>'


def _lost(each: Filled) -> str:
    """Say what the model would not see."""
    lost = [f"{part.name}: {part.fate}" for part in each.parts if part.tokens < part.wanted]
    return "; ".join(lost)
