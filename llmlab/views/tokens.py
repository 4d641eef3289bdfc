"""How a prompt fills each model's token budget: one bar per model, and what was left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from llmlab.views.html import markup
from llmlab.views.plots.style import OKABE_ITO
from llmlab.views.text import form

CSS = """
.llmlab .ll-fill{position:relative;display:flex;width:260px;height:14px;border-radius:3px;
overflow:hidden;background:var(--ll-line)}
.llmlab .ll-fill i{display:block;height:14px;min-width:2px;
border-right:1px solid var(--jp-layout-color0,Canvas)}
.llmlab .ll-fill b{position:absolute;right:0;top:0;height:14px;min-width:4px;background:#d00000}
.llmlab table.ll .ll-over{color:#d00000;font-weight:600}
[data-jp-theme-light="false"] .llmlab table.ll .ll-over{color:#ff6b6b}
.llmlab .ll-key{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 5px 0 12px}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPart:
    """A part of a prompt: its tokens, and whether it was kept, cut or left out."""

    name: str
    tokens: int
    wanted: int
    fate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A prompt within the token budget of one model."""

    model: str
    parts: tuple[PromptPart, ...] = ()
    room: int = 0
    window: int | None = None
    limit: int = 0
    """Tokens of prompt and answer together that the settings allow."""
    setting: str = ""
    """The setting that says so."""
    reserved: int = 0
    exact: bool = True
    refused: bool = False
    """Whether a run would refuse it before anything is sent."""
    trouble: str = ""
    """Why it does not fit at all; the rest is empty then."""

    @property
    def used(self) -> int:
        """Tokens of all parts."""
        return sum(part.tokens for part in self.parts)

    @property
    def over(self) -> int:
        """Tokens beyond the budget."""
        return max(0, self.used - self.room)


def filled_html(listed: Sequence[Filled]) -> str:
    """Return a table, one row a model: the bar, the figures, what is not whole."""
    names = list(dict.fromkeys(part.name for each in listed for part in each.parts))
    colours = {name: OKABE_ITO[at % len(OKABE_ITO)] for at, name in enumerate(names)}
    heads = [("Model", ""), ("room used", ""), ("tokens", "r"), ("room", "r"), ("answer", "r"),
             ("window", "r"), ("limit\nsetting", "r"), ("not whole", "w")]  # fmt: skip
    rows = [_row(each, colours) for each in listed]
    legend = "".join(
        f'<span class="ll-key" style="background:{colour}"></span>{escape(name)}'
        for name, colour in colours.items()
    )
    key = f'<div class="ll-quiet">{legend}</div>' if legend else ""
    empty = "" if listed else markup.line("no model is chosen", "ll-quiet")
    style = f"<style>{CSS}</style>"
    return style + markup.block(markup.table(heads, rows) if listed else empty, key)


def filled_text(each: Filled) -> str:
    """Return the same for a terminal: one line."""
    if each.trouble:
        return f"{each.model}: {each.trouble}"
    said = [f"{each.used:,} of {each.room:,} tokens", _too_many(each)]
    return f"{each.model}: {'; '.join(filter(None, said))}"


def _row(each: Filled, colours: dict[str, str]) -> list[str]:
    if each.trouble:
        blank = [markup.cell("")] * 6
        return [markup.cell(each.model), *blank, markup.cell(each.trouble, "w ll-over")]
    about = "" if each.exact else "\u2264 "
    loud = " ll-over" if each.over else ""
    limit = escape(form.count(each.limit)) + markup.second(each.setting)
    return [
        markup.cell(each.model),
        markup.raw_cell(_bar(each, colours)),
        markup.cell(about + form.count(each.used), f"r{loud}"),
        markup.cell(form.count(each.room), "r"),
        markup.cell(form.count(each.reserved), "r"),
        markup.cell(form.count(each.window), "r"),
        markup.raw_cell(limit, "r"),
        markup.cell(_too_many(each) or _lost(each), f"w{loud}"),
    ]


def _bar(each: Filled, colours: dict[str, str]) -> str:
    """Return the bar; what is too long makes it longer than the room, and that end is red."""
    whole = max(each.room, each.used, 1)
    pieces = "".join(
        f'<i style="width:{100 * part.tokens / whole:.2f}%;'
        f'background:{colours[part.name]}" '
        f'title="{escape(part.name)}: {form.count(part.tokens, ",")} tokens"></i>'
        for part in each.parts
        if part.tokens
    )
    if each.over:
        pieces += f'<b style="width:{100 * each.over / whole:.2f}%"></b>'
    share = f"{each.used / max(each.room, 1):.0%} of the room used"
    return f'<span class="ll-fill" role="img" aria-label="{share}">{pieces}</span>'


def _too_many(each: Filled) -> str:
    """Return by how many tokens the text exceeds the budget, and what changes it."""
    if not each.over:
        return ""
    bound = "" if each.exact else "up to "
    many = f"{bound}{form.count(each.over, ',')} tokens too many"
    window_binds = each.window is not None and each.window <= each.limit
    more = "choose a model with a larger window" if window_binds else f"raise {each.setting}"
    fate = "not sent" if each.refused else "sent all the same, and the model may refuse or cut it"
    return f"{many}: {fate}; shorten the words, keep less for the answer, or {more}"


def _lost(each: Filled) -> str:
    """Return what the model would not see."""
    lost = [f"{part.name}: {part.fate}" for part in each.parts if part.tokens < part.wanted]
    return "; ".join(lost)
