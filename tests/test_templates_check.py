"""A faulty template is refused in production with every fault, and allowed in development."""

import asyncio
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.errors import TemplateError, UsageError
from llmlab.templates import History, Library, TemplateWarning, parse, watch
from llmlab.templates.check import check

GOOD = """---
name: terse
version: "1.0"
tier: 1
description: Labels a headline.
requires:
  role: You are an analyst
  output: Answer with JSON
  keywords: [positive]
slots:
  headline: {type: text, example: Up}
schema:
  type: object
  properties: {label: {type: string}}
  required: [label]
example: {label: positive}
---
[system]
You are an
analyst.
[user]
{{ headline }}: positive or not? Answer with JSON.
"""

BAD = """---
name: Terse
verzion: 1
tier: 3
description: ""
requires:
  role: You are a judge
  keywords: [bullish]
slots:
  headlin: {type: text, example: Up}
  days: {type: integer, example: soon}
  market: {type: marked, example: x}
blocks:
  days: {priority: 300}
schema:
  type: object
  properties: {label: {type: sting}}
  required: [label, score]
---
[system]
You are an analyst.
[user]
{{ headline }} {{ days }}
{% if %}
"""


def faults(text: str) -> list[str]:
    """Return the faults of a file called terse.md, as text."""
    return [str(fault) for fault in check(text, file="terse.md", stem="terse")]


def test_a_good_template_has_no_fault() -> None:
    """Nothing is said about a template that is in order; words may break across lines. # R-51."""
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    "expected",
    [
        "line 2: 'Terse' is no name; use lower-case letters",
        "line 2: the file is called terse.md, the template 'Terse'; write `name: terse`",
        "line 3: no entry is called `verzion`; did you mean version?",
        'line 1: `version` is missing; write `version: "1.0"`',
        "line 4: there is no tier 3; write `tier: 1`",
        "line 1: `description` is missing; write one sentence",
        "line 7: the [system] part does not say 'You are a judge'; write it there",
        "line 6: `requires.output` is missing; name words of the prompt",
        "line 8: the prompt never says 'bullish'; write it or drop it",
        "line 10: {{ headlin }} is not in the prompt; did you mean headline?",
        "line 9: {{ headline }} is not declared; add `headline:` under `slots:`",
        "line 11: the example of `days` is no integer; write a whole number",
        "line 12: 'marked' is no slot type; did you mean market?",
        "line 14: block `days` is no block slot; declare it under `slots:`",
        "line 14: the priority is 300; write 0 to 100",
        "line 17: 'sting' is no JSON type; did you mean string?",
        "line 18: 'score' is required but no property; add or remove it",
        "line 15: a schema needs an `example:` of an answer",
        "line 24: Expected an expression",
    ],
)
def test_every_fault_is_listed_at_once_with_line_and_fix(expected: str) -> None:
    """One look names each fault: file, line, what is wrong, what to do. # R-51."""
    text = BAD.replace("{% if %}\n", "") if "declared" in expected or "headlin" in expected else BAD

    assert any(fault.startswith(f"terse.md, {expected}") for fault in faults(text)), faults(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Just words {{ x }}", "line 1: there is no front matter; begin it with `---`"),
        ("---\na: [\n---\nx", "line 2: front matter is not YAML"),
        ("---\n- a\n---\nx", "line 2: front matter must be `key: value` lines"),
        (GOOD.replace("tier: 1", "tier: 1\ntier: 2"), "line 5: `tier` is given twice"),
        (GOOD.replace("{{ headline }}", "{{ headline"), "line 22: "),
        (GOOD.split("[user]", maxsplit=1)[0], "line 18: there is no prompt"),
        (GOOD.replace("example: Up", "example: null"), "line 11: slot `headline` has no example"),
        (GOOD.replace("{label: positive}", "{lable: x}"), "line 16: the example has no 'label'"),
        (GOOD.replace("tier: 1", "tier: one"), "line 4: `tier` must be a whole number"),
    ],
)
def test_each_kind_of_slip_has_its_line(text: str, expected: str) -> None:
    """Broken YAML, doubled keys, open braces and missing parts are placed. # R-51."""
    assert any(fault.startswith(f"terse.md, {expected}") for fault in faults(text)), faults(text)


@given(st.text(max_size=300))
def test_no_file_makes_the_check_fail(text: str) -> None:
    """Whatever a file holds, checking it returns faults; it never raises. # R-51."""
    assert faults(text)
    assert isinstance(faults(f"---\n{text}\n---\nx"), list)


def test_production_refuses_and_development_warns(tmp_path: Path) -> None:
    """The same file is an error in production and a warning, with its faults, otherwise. # R-51."""
    text = GOOD.replace("tier: 1", "tier: 7").replace("keywords: [positive]", "keywords: [up]")
    (tmp_path / "terse.md").write_text(text)

    with pytest.raises(TemplateError, match=r"in production: 2 faults:\n.*tier 7.*\n.*'up'"):
        Library(tmp_path, "production")["terse"]
    with pytest.warns(TemplateWarning, match="used although it has 2 faults"):
        template = Library(tmp_path)["terse"]

    assert [fault.line for fault in template.faults] == [4, 9]
    assert template.fill({"headline": "Up"}).user.startswith("Up: positive")


def test_a_plain_prompt_needs_no_front_matter_in_development(tmp_path: Path) -> None:
    """Words alone are a prompt while trying things out; production wants the metadata. # R-51."""
    (tmp_path / "quick.md").write_text("Label {{ x }}")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Library(tmp_path)["quick"].fill({"x": 1}).user == "Label 1"
    with pytest.raises(TemplateError, match="there is no front matter"):
        Library(tmp_path, "production")["quick"]


def test_a_folder_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    """The list shows name, version, tier and slots; a broken file is in it with its faults."""
    (tmp_path / "terse.md").write_text(GOOD)
    (tmp_path / "broken.md").write_text("---\na: [\n---\n{{ x")
    (tmp_path / "latin.md").write_bytes(b"caf\xe9\n")
    library = Library(tmp_path)

    broken, latin, terse = library.entries()

    assert (terse.name, terse.tier, terse.slots, terse.faults) == ("terse", 1, ("headline",), ())
    assert terse.version.startswith("1.0+")
    assert {fault.line for fault in broken.faults} == {2, 4}
    assert latin.faults[0].what == "not UTF-8"
    assert len(library.check()) == len(broken.faults) + len(latin.faults)
    assert "terse" in library
    assert len(library) == 3
    with pytest.raises(TemplateError, match="did you mean terse"):
        library.check("tersee")
    with pytest.raises(TemplateError, match=r"latin\.md, line 1: not UTF-8"):
        library["latin"]


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    """A template is a file of the folder and nothing else."""
    (tmp_path / "secret.md").write_text("x")
    (tmp_path / "prompts").mkdir()

    with pytest.raises(TemplateError, match="no prompt is called"):
        Library(tmp_path / "prompts")["../secret"]


def test_a_run_keeps_the_template_it_began_with(tmp_path: Path) -> None:
    """A changed file gives a new template; the one in hand stays as it was. # R-52."""
    file = tmp_path / "terse.md"
    file.write_text(GOOD)
    library = Library(tmp_path)
    held = library["terse"]
    file.write_text(GOOD.replace("or not?", "or negative?"))

    assert "or negative?" in library["terse"].user
    assert "or not?" in held.fill({"headline": "Up"}).user
    assert held.version != library["terse"].version


async def test_a_change_is_seen_while_watching(tmp_path: Path) -> None:
    """In development a saved file is announced with its faults, once. # R-52."""
    file = tmp_path / "terse.md"
    file.write_text(GOOD)
    stop = asyncio.Event()
    changes = watch(Library(tmp_path), stop=stop)

    async def save() -> None:
        for at in range(100):
            file.write_text(GOOD.replace("tier: 1", f"tier: {at + 3}"))
            await asyncio.sleep(0.05)

    saving = asyncio.create_task(save())
    async with asyncio.timeout(20):
        changed = await anext(changes)
    stop.set()
    saving.cancel()
    await changes.aclose()

    assert [entry.name for entry in changed] == ["terse"]
    assert "there is no tier" in changed[0].faults[0].what
    with pytest.raises(UsageError, match="development mode only"):
        await anext(watch(Library(tmp_path, "production")))


def test_front_matter_is_there_typed() -> None:
    """Tier, slots, blocks, schema and hints are read; what is malformed is left out."""
    good, bad = parse(GOOD, name="terse"), parse(BAD.replace("{% if %}", ""), name="terse")

    assert (good.about.tier, good.about.slots["headline"].example) == (1, "Up")
    assert good.schema is not None
    assert good.examples == {"headline": "Up"}
    assert bad.about.tier is None
    assert bad.blocks["days"].priority == 50


@dataclass(frozen=True)
class Used:
    """A version as the book keeps it."""

    version: str
    text: str
    first_used_at: float


def test_a_history_shows_what_changed() -> None:
    """Versions are listed with their first use and lines changed, and compared. # R-50."""
    one = parse("[system]\nA\n[user]\nLabel {{ x }}", name="t")
    two = parse("[system]\nA\n[user]\nJudge {{ x }}", name="t")
    history = History(
        name="t", versions=[Used(one.version, one.text, 0.0), Used(two.version, two.text, 86_400.0)]
    )

    assert history.table().splitlines()[1] == f"1970-01-02 00:00  {two.version}  +1 -1"
    assert "-Label {{ x }}\n+Judge {{ x }}" in history.diff()
    assert history.diff(two.version, two.version) == ""
    with pytest.raises(TemplateError, match="no version 'x'; it has"):
        history.diff("x")
    with pytest.raises(TemplateError, match="in one version only"):
        History(name="t", versions=history.versions[:1]).diff()
