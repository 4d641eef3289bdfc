"""Settings are read once, and every entry that does not fit is named."""

import re
from pathlib import Path

import pytest

from llmlab.errors import ConfigError
from llmlab.pricing import Prices
from llmlab.settings import Sourced


def test_later_sources_win_and_are_remembered(tmp_path: Path) -> None:
    """Argument over environment over llmlab.toml over pyproject.toml over default. # R-64."""
    (tmp_path / "pyproject.toml").write_text("[tool.llmlab]\nattempts = 2\ndeadline = 10\n")
    (tmp_path / "llmlab.toml").write_text("deadline = 20\nmax_in_flight = 9\n")

    read = Sourced.read(
        folder=tmp_path, env={"LLMLAB_DEADLINE": "40"}, arguments={"max_in_flight": 7}
    )

    assert (read.settings.attempts, read.settings.deadline) == (2, 40.0)
    assert read.settings.max_in_flight == 7
    assert read.sources == {
        "attempts": "pyproject.toml",
        "deadline": "environment",
        "max_in_flight": "argument",
    }


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"LLMLAB_DEADLIN": "3"}, "did you mean deadline"),
        (
            {"LLMLAB_ATTEMPTS": "many"},
            "environment: attempts is 'many'; it must be a whole number from 1 to 1,000",
        ),
        ({"LLMLAB_MODE": "lve"}, "mode: Invalid enum value 'lve'"),
        (
            {"LLMLAB_BUDGET_DAY": "lots"},
            "environment: budget.day is 'lots'; it must be a number of dollars from 0",
        ),
    ],
)
def test_an_entry_that_does_not_fit_is_named(env: dict[str, str], says: str) -> None:
    """Unknown names get the nearest one, ill-typed values their type. # R-64."""
    with pytest.raises(ConfigError, match=says):
        Sourced.read(env=env)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("llmlab.toml", "[base_urls]\nopenai = 3", r"base_urls.*Expected `str`, got `int`"),
        ("llmlab.toml", 'base_urls = "x"', r"base_urls: Expected `object`"),
        ("pyproject.toml", "[tool]\nllmlab = 3", "tool: llmlab is 3; it must be a table"),
    ],
)
def test_an_entry_of_another_shape_is_named(
    name: str, text: str, says: str, tmp_path: Path
) -> None:
    """A number in the place of an address, or a word in that of a table, is one line."""
    (tmp_path / name).write_text(text)

    with pytest.raises(ConfigError, match=says):
        Sourced.read(folder=tmp_path)


def test_an_unknown_word_inside_an_entry_is_named() -> None:
    """A misspelt limit must not silently be no limit."""
    with pytest.raises(ConfigError, match="dya"):
        Sourced.read(arguments={"budget": {"dya": 5.0}})


def test_broken_toml_names_the_file(tmp_path: Path) -> None:
    """A file that does not parse is named with the place."""
    (tmp_path / "llmlab.toml").write_text("deadline = = 3")

    with pytest.raises(ConfigError, match=r"llmlab\.toml: not valid TOML"):
        Sourced.read(folder=tmp_path)


def test_a_price_of_the_settings_holds_its_tiers(tmp_path: Path) -> None:
    """The rates of long prompts are a list of tables, checked like every other number."""
    head = '[prices."openai/mine"]\ninput = 2\noutput = 6\n'
    (tmp_path / "llmlab.toml").write_text(head + "tiers = [{above = 200000, input = 4}]\n")
    price = Prices(Sourced.read(folder=tmp_path).settings.prices).price("openai", "mine", 0)
    assert price is not None
    (tier,) = price.tiers
    assert (tier.above, str(tier.input), str(tier.output)) == (200_000, "4.0", "6.0")

    for bad, words in (
        ("3", "it must be a list, such as"),
        ("[3]", "it must be a list, such as"),
        ("[{above = -1}]", "tiers.above is -1"),
        ("[{above = 1, input = nan}]", "tiers.input is nan"),
    ):
        (tmp_path / "llmlab.toml").write_text(f"{head}tiers = {bad}\n")
        with pytest.raises(ConfigError, match=re.escape(words)):
            Sourced.read(folder=tmp_path)
