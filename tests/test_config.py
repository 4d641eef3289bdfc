"""Configuration: each value with its source, tables merged, keys as dots."""

from pathlib import Path

import pytest

from llmlab import Lab
from llmlab.cli import main
from llmlab.errors import ConfigError, TemplateError
from llmlab.settings import Settings, Sourced
from tests.conftest import ROOT


def test_a_limit_of_one_source_does_not_lift_those_of_another(tmp_path: Path) -> None:
    """A day's limit from the environment leaves the run's limit of the file alone. # R-64."""
    (tmp_path / "llmlab.toml").write_text(
        "[budget]\nrun = 1.0\nday = 2.0\n[limits.openai]\nrpm = 5\n[limits.xai]\nrpm = 7\n"
    )

    read = Sourced.read(
        folder=tmp_path,
        env={"LLMLAB_BUDGET_DAY": "9"},
        arguments={"limits": {"openai": {"tpm": 100}}},
    )

    assert (read.settings.budget.run, read.settings.budget.day) == (1.0, 9.0)
    assert read.settings.limits["openai"].rpm == 5
    assert read.settings.limits["openai"].tpm == 100
    assert read.settings.limits["xai"].rpm == 7
    assert read.sources == {
        "budget.run": "llmlab.toml",
        "budget.day": "environment",
        "limits.openai.rpm": "llmlab.toml",
        "limits.openai.tpm": "argument",
        "limits.xai.rpm": "llmlab.toml",
    }


def test_none_lifts_a_limit() -> None:
    """An argument of None inside a table is said on purpose, and takes a limit away."""
    read = Sourced.read(env={"LLMLAB_BUDGET_DAY": "9"}, arguments={"budget": {"day": None}})

    assert read.settings.budget.day is None


def test_every_setting_is_an_entry_with_its_source() -> None:
    """`entries` has each field once, and the default ones say so."""
    entries = Sourced.read(env={"LLMLAB_DEADLINE": "40"}).entries()

    names = {name.split(".")[0] for name, _, _ in entries}
    assert names == set(Settings.__dataclass_fields__)
    assert ("deadline", 40.0, "environment") in entries
    assert ("attempts", 4, "default") in entries
    assert ("budget.day", None, "default") in entries


def test_an_ill_typed_word_of_a_table_names_its_own_source(tmp_path: Path) -> None:
    """The file is fine, the environment is not: the environment is named."""
    (tmp_path / "llmlab.toml").write_text("[budget]\nrun = 1.0\n")

    with pytest.raises(ConfigError, match=r"^environment: budget\.day is "):
        Sourced.read(folder=tmp_path, env={"LLMLAB_BUDGET_DAY": "lots"})


def test_llmlab_config_shows_all_but_the_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values, sources, paths, and which variables hold a key, as dots. # R-60, R-64."""
    (tmp_path / "llmlab.toml").write_text("attempts = 2\n[base_urls]\nxai = 'https://x.test/v1'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0000000000000000000000")
    monkeypatch.setenv("LLMLAB_BUDGET_DAY", "5")

    main(["trust"])
    capsys.readouterr()
    code = main(["config"])

    shown = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line.strip()}
    assert code == 0
    assert lines["attempts"][1:] == ["2", "llmlab.toml"]
    assert lines["budget.day"][1:] == ["5.0", "environment"]
    assert lines["base_urls.xai"][1:] == ["https://x.test/v1", "llmlab.toml"]
    assert lines["deadline"][1:] == ["30.0", "default"]
    assert lines["OPENAI_API_KEY"][1] == "••••••••"
    assert "not set" in shown
    assert str(tmp_path / ".llmlab" / "lab.db") in shown
    assert "planted" not in shown


def test_every_setting_is_in_the_docs() -> None:
    """`docs/configuration.md` has a row for each field of `Settings`, and no other."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = text.split("| entry |")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]

    documented = {line.split("`")[1].partition(".")[0] for line in rows}

    assert documented == set(Settings.__dataclass_fields__)


def test_production_refuses_a_template_with_faults(tmp_path: Path) -> None:
    """Development warns of a faulty template; production lists its faults, refuses. # R-51."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "odd.md").write_text("---\nname: odd\ntier: 9\n---\nSay {{ x }}.\n")
    (tmp_path / "llmlab.toml").write_text('templates = "production"\n')

    with Lab(book=":memory:", env={}, config=tmp_path) as lab, pytest.raises(TemplateError) as said:
        lab.abtest(["odd"], "gpt", values={"x": 1}, quiet=True)

    assert "tier" in str(said.value)


def test_no_book_is_one_in_memory(tmp_path: Path) -> None:
    """`book=None` keeps nothing on the disk; leaving it out is the project's own file."""
    with Lab(book=None, env={}, config=tmp_path) as kept_nowhere:
        in_memory = kept_nowhere.book.path
    with Lab(env={}, config=tmp_path) as kept:
        in_file = kept.book.path

    assert in_memory is None
    assert in_file == tmp_path / ".llmlab" / "lab.db"


def test_a_lab_says_where_its_book_lies_and_who_is_asked(tmp_path: Path) -> None:
    """Its repr is one line without a key, and opens nothing."""
    with Lab(env={"OPENAI_API_KEY": f"sk-{'a' * 40}"}, config=tmp_path) as lab:
        said = repr(lab)

    assert said == f"Lab(book='{tmp_path / '.llmlab' / 'lab.db'}', mode='live', models='six')"
