"""The user's own catalogue file extends the shipped one, and a slip in it is named."""

from pathlib import Path

import pytest

from llmlab.catalogue import Catalogue
from llmlab.errors import ConfigError, UnknownModel


def _load(folder: Path, text: str) -> Catalogue:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return Catalogue.load(path)


def test_a_user_adds_models_families_aliases_and_lineups(tmp_path: Path) -> None:
    """A new model with its own family can be named, aliased, and played in a line-up."""
    #
    catalogue = _load(
        tmp_path,
        """
        [rules.house]
        sampling = "never"
        [models."openai/ft-desk"]
        rules = "house"
        context = 9000
        retires = 2027-03-01
        [aliases]
        desk = { model = "openai/ft-desk", max_tokens = 64, stop = ["\\n"] }
        snap = "claude-haiku-4-5-20251001"
        mine = { model = "ollama/my-model:latest", temperature = 0.0 }
        [lineups]
        duo = ["desk", "mine", "gpt"]
        """,
    )

    desk, mine, _ = catalogue.arms("duo")

    assert (desk.model.context, desk.model.rules.sampling) == (9000, "never")
    assert desk.model.apis == ("chat", "responses")
    assert dict(desk.parameters) == {"max_tokens": 64, "stop": ("\n",)}
    assert (mine.model.listed, dict(mine.parameters)) == (False, {"temperature": 0.0})
    assert catalogue.find("snap").id == "claude-haiku-4-5-20251001"
    assert catalogue.find("gpt-4o").context == 128_000


def test_a_user_entry_overrides_only_the_keys_it_has(tmp_path: Path) -> None:
    """Changing one key of a shipped entry leaves its other keys; an alias may be re-pointed."""
    catalogue = _load(
        tmp_path,
        """
        [models."openai/gpt-4o"]
        context = 64000
        [providers.ollama]
        base_url = "http://127.0.0.1:9999"
        [aliases]
        claude = { model = "anthropic/claude-sonnet-5-5" }
        """,
    )

    assert catalogue.find("gpt-4o").context == 64_000
    assert catalogue.find("gpt-4o").rules == Catalogue.load().find("gpt-4o").rules
    assert catalogue.providers["ollama"].base_url.endswith(":9999")
    assert catalogue.providers["ollama"].title == "Ollama"
    assert catalogue.find("claude").id == "claude-sonnet-5-5"
    assert "claude" in catalogue.lineups["six"]


def test_a_bare_id_of_two_providers_asks_which(tmp_path: Path) -> None:
    """An id that two providers serve is not guessed."""
    catalogue = _load(tmp_path, '[models]\n"ollama/gpt-4o" = { rules = "ollama" }\n')

    with pytest.raises(UnknownModel, match="say openai/gpt-4o or ollama/gpt-4o"):
        catalogue.find("gpt-4o")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[model]\n", "unknown entry 'model'; did you mean models"),
        ('[models."openai/x"]\ncontxt = 5\n', "openai/x.*'contxt'; did you mean context"),
        ('[models."openai/x"]\ncontext = "5"\n', "openai/x.*context: Expected `int"),
        ('[models."openai/x"]\nretires = "soon"\n', "openai/x.*retires: Invalid"),
        ('[models."openai/x"]\napis = ["chta"]\n', "openai/x.*apis"),
        ('[models."openai/x"]\nrules = "openai-7"\n', "'openai-7'; did you mean openai-"),
        ('[models."openai/x"]\nrules = 3\n', "rules: expected the name of a family"),
        ('[models."opnai/x"]\n', "'opnai'; did you mean openai"),
        ("[models.nameless]\n", "a model is named provider/model"),
        ("[models]\n'openai/x' = 3\n", "openai/x.*expected a table"),
        ("models = 3\n", "models: expected a table"),
        ('[rules.mine]\nsampling = "sometimes"\n', "mine.*sampling: Invalid enum"),
        ("[rules.mine]\nstops = 4\n", "mine.*'stops'; did you mean stop"),
        ('[aliases]\na = { model = "gpt-4o", temprature = 1 }\n', "did you mean temperature"),
        ('[aliases]\na = { model = "gpt-4o", effort = "huge" }\n', "effort: Invalid enum"),
        ("[aliases]\na = { effort = 'none' }\n", "expected a model"),
        ('[aliases]\na = "no-such-model"\n', "aliases.a: no model is called"),
        ('[lineups]\nmine = ["gtp"]\n', "lineups.mine: no model is called 'gtp'"),
        ('[lineups]\nmine = ["gpt", "gpt"]\n', "lineups.mine: gpt is named twice"),
        ('[lineups]\ngpt = ["claude"]\n', "lineups.gpt: an alias has this name"),
        ('[lineups]\nmine = "gpt"\n', "lineups.*mine.*array"),
        ('[dead]\n"openai/x" = { since = 2026-01-01 }\n', "openai/x.*use"),
        ("[providers.new]\ntitel = 'x'\n", "'titel'; did you mean title"),
        ("not toml", "not valid TOML"),
    ],
)
def test_a_slip_in_the_file_is_one_line_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    """Unknown keys get the nearest, ill-typed values the type, both with the entry's name."""
    #
    with pytest.raises(ConfigError, match=said) as refused:
        _load(tmp_path, text)

    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A wrong path is a configuration error with the path."""
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot read"):
        Catalogue.load(tmp_path / "absent.toml")
