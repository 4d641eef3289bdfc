"""HTML that takes its colours from the page it stands in, with everything from data escaped."""

from collections.abc import Iterable, Sequence
from html import escape

CSS = """
.llmlab{--ll-ink:var(--jp-content-font-color1,var(--vscode-foreground,currentColor));
--ll-mark:#2f88cf;--ll-line:color-mix(in srgb,currentColor 22%,transparent);
--ll-faint:color-mix(in srgb,currentColor 8%,transparent);
color:var(--ll-ink);font:13px/1.45 var(--jp-ui-font-family,system-ui,-apple-system,
"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif);max-width:76rem}
@media (prefers-color-scheme:dark){.llmlab{--ll-mark:#4a9fe3}}
[data-jp-theme-light="false"] .llmlab{--ll-mark:#4a9fe3}
[data-jp-theme-light="true"] .llmlab{--ll-mark:#2f88cf}
.llmlab .ll-title{font-size:15px;font-weight:600}
.llmlab .ll-quiet{opacity:.72;font-size:12px;margin:2px 0}
.llmlab .ll-verdict{font-size:14px;margin:6px 0 8px}
.llmlab .ll-note{border-left:3px solid #d55e00;padding:2px 0 2px 9px;margin:6px 0}
.llmlab .ll-scroll{overflow-x:auto}
.llmlab table.ll{border-collapse:collapse;border:0;margin:4px 0 6px;
font-variant-numeric:tabular-nums;color:inherit;font-size:13px;background:none}
.llmlab table.ll th,.llmlab table.ll td{padding:3px 7px;border:0;text-align:left;
white-space:nowrap;background:none;vertical-align:middle;color:inherit}
.llmlab table.ll thead th{font-weight:600;font-size:12px;vertical-align:bottom;
border-top:1.5px solid currentColor;border-bottom:1px solid var(--ll-line)}
.llmlab table.ll tbody tr{background:none}
.llmlab table.ll tbody tr:hover{background:var(--ll-faint)}
.llmlab table.ll tbody tr:last-child td{border-bottom:1.5px solid currentColor}
.llmlab table.ll .r{text-align:right}
.llmlab table.ll .u{opacity:.6}
.llmlab table.ll .w{white-space:normal;min-width:16rem}
.llmlab table.ll .n{white-space:normal;max-width:13em;overflow-wrap:break-word}
.llmlab table.ll .best{font-weight:600}
.llmlab table.ll small{font-size:11px;font-weight:400;opacity:.75}
.llmlab table.ll small.loud{font-weight:600;opacity:1}
.llmlab .ll-badge{border:1px dashed currentColor;border-radius:3px;padding:0 4px;
font-size:11px;margin-left:6px;opacity:.85;font-weight:400;display:inline-block;line-height:1.35;
white-space:nowrap}
.llmlab .ll-bar{position:relative;display:inline-block;width:110px;height:12px;
background:linear-gradient(var(--ll-line),var(--ll-line)) center/100% 1px no-repeat;
vertical-align:middle}
.llmlab .ll-bar i{position:absolute;display:block}
.llmlab .ll-bar .span{top:4px;height:4px;background:var(--ll-mark);opacity:.55;border-radius:2px}
.llmlab .ll-bar .dot{top:2px;width:8px;height:8px;margin-left:-4px;border-radius:50%;
background:var(--ll-mark)}
.llmlab .ll-bar .hollow{background:none;box-shadow:inset 0 0 0 2px var(--ll-mark)}
.llmlab .ll-bar .chance{top:0;height:12px;border-left:1px dashed currentColor;opacity:.7}
.llmlab .ll-done{display:inline-block;width:180px;height:8px;border-radius:4px;
background:var(--ll-line);overflow:hidden;vertical-align:middle}
.llmlab .ll-done i{display:block;float:left;height:8px;background:var(--ll-mark)}
.llmlab .ll-done .bad{background:#d55e00}
@media (max-width:1000px){.llmlab .ll-bar{width:72px}
.llmlab table.ll th,.llmlab table.ll td{padding:3px 5px}}
"""
"""Scoped to `.llmlab`. Ink is the page's own, so it is legible whatever the page's theme."""


NO_MATH = "tex2jax_ignore mathjax_ignore"
"""Classes that keep a page from reading `$1 of $2` as a formula."""


def block(*parts: str) -> str:
    """Return parts of HTML as one block with its style."""
    return f'<style>{CSS}</style><div class="llmlab {NO_MATH}">{"".join(parts)}</div>'


def line(text: str, style: str) -> str:
    """Return one escaped line, or nothing for an empty one."""
    return f'<div class="{style}">{escape(text)}</div>' if text else ""


def lines(texts: Iterable[str], style: str) -> str:
    """Return one escaped line for each text."""
    return "".join(line(text, style) for text in texts)


def cell(text: str, style: str = "") -> str:
    """Return a table cell with escaped text."""
    return raw_cell(escape(text), style)


def raw_cell(html: str, style: str = "") -> str:
    """Return a table cell round HTML that is already safe."""
    return f'<td class="{style}">{html}</td>' if style else f"<td>{html}</td>"


def second(text: str, *, loud: bool = False) -> str:
    """Return the lower line of a cell; a break, so that it stands below without any style."""
    style = ' class="loud"' if loud else ""
    return f"<br><small{style}>{escape(text)}</small>" if text else ""


def table(heads: Sequence[tuple[str, str]], rows: Iterable[Iterable[str]]) -> str:
    """Return a table from `(heading, style)` pairs and rows of finished cells."""
    head = "".join(f'<th class="{style}">{_head(text)}</th>' for text, style in heads)
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return (
        f'<div class="ll-scroll"><table class="ll"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _head(text: str) -> str:
    """Return a heading; what follows a line break is its lower line."""
    top, _, under = text.partition("\n")
    return escape(top) + second(under)


def badge(word: str) -> str:
    """Return the mark of an arm that no provider answered."""
    return f'<span class="ll-badge">{escape(word)}</span>' if word else ""
