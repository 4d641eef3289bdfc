"""A prompt is text with slots: braces are text, an empty slot is an error, versions are content."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.errors import TemplateError
from llmlab.templates import Library, parse

FILE = """---
name: terse
version: 1.2
---
[system]
You are {{ tone }}.
[user]
Label: {{ headline }} {"json": {"a": 1}}
"""


def test_a_file_has_parts_slots_and_a_version() -> None:
    """Front matter, system and user are told apart; JSON braces are text. # R-50."""
    template = parse(FILE, name="file")

    prompt = template.fill({"tone": "brief", "headline": "Up 5%"})

    assert (template.name, template.slots) == ("terse", ("headline", "tone"))
    assert prompt.system == "You are brief."
    assert prompt.user == 'Label: Up 5% {"json": {"a": 1}}'
    assert prompt.version.startswith("1.2+")


def test_the_version_follows_the_words() -> None:
    """A changed word is another version, whatever the front matter declares. # R-50."""
    assert parse(FILE, name="a").version != parse(FILE.replace("Label", "Say"), name="a").version
    assert parse(FILE, name="a").version == parse(FILE, name="b").version


@pytest.mark.parametrize(
    ("text", "values", "says"),
    [
        ("{{ headline }}", {"headlines": 1}, r"no value for {{ headline }}; did you mean"),
        ("{{ a.b }}", {"a": {}}, "has no attribute 'b'"),
        ("{{ a", {}, "line 2: unexpected end of template"),
        ("---\na: [\n---\nx", {}, "front matter is not YAML"),
        ("---\njust words\n---\nx", {}, "must be `key: value` lines"),
        ("  ", {}, "the prompt is empty"),
        ("{{ ''.__class__.__mro__ }}", {}, "unsafe"),
    ],
)
def test_a_slip_is_one_line_with_its_fix(text: str, values: dict[str, object], says: str) -> None:
    """Every fault of a template is one sentence; the sandbox holds."""
    with pytest.raises(TemplateError, match=says) as caught:
        parse(text, name="t").fill(values)

    assert "\n" not in str(caught.value)


@given(st.text())
def test_values_are_never_templates(value: str) -> None:
    """What fills a slot is text, even when it looks like Jinja. # R-55."""
    assert parse("a {{ x }}", name="t").fill({"x": value}).user == f"a {value}"


def test_the_library_reads_again_when_a_file_changed(tmp_path: Path) -> None:
    """Files load when asked for and again when they changed; a miss suggests names. # R-52."""
    (tmp_path / "terse.md").write_text("One: {{ x }}")
    library = Library(tmp_path)
    before = library["terse"]
    (tmp_path / "terse.md").write_text("Twelve words: {{ x }}")

    assert library["terse"].version != before.version
    assert tuple(library) == ("terse",)
    with pytest.raises(TemplateError, match="did you mean terse"):
        library["terce"]
