"""An empty list of models or prompts is a slip, and never the whole line-up."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmlab import Lab
from llmlab.cli import main
from llmlab.design.names import model_names, prompt_words
from llmlab.errors import UsageError

NOBODY = [[], (), {}, set(), "", " ", ["", " "], np.array([], dtype=object)]


@pytest.mark.parametrize("models", NOBODY, ids=repr)
def test_no_model_is_not_every_model(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty parameter buys nothing: the line says what to write, and nothing is sent."""
    monkeypatch.setattr("llmlab.lab.conduct", _never)
    with (
        Lab(book=None, env={}, config="/") as lab,
        pytest.raises(UsageError, match=r"no model was named: name some, such as 'gpt'"),
    ):
        lab.abtest({"A": "Say something"}, models, quiet=True)


def _never(*_: object, **__: object) -> None:
    raise AssertionError


@pytest.mark.parametrize(
    ("models", "says"),
    [
        (["gpt", ""], "model 2 of 2 has no name: it is blank"),
        ([None], "model 1 of 1 must be a name, not None"),
        (3, "models must be names, not an int"),
        (b"gpt", "models must be names, not a bytes"),
    ],
)
def test_what_is_no_name_is_said(models: object, says: str) -> None:
    """One line with its place in the list."""
    with pytest.raises(UsageError, match=says):
        model_names(models)


@pytest.mark.parametrize("prompts", [*NOBODY, {"": "words"}], ids=repr)
def test_no_prompt_is_said(prompts: Any) -> None:
    """Whatever is empty, the line is the same."""
    with pytest.raises(UsageError, match=r"no prompt was named: give \{'name': text\}"):
        prompt_words(prompts)


@pytest.mark.parametrize(
    ("prompts", "says"),
    [
        ({"A": None}, "prompt 'A' must be text, not None"),
        ({"A": "x", "B": " "}, "prompt 'B' is empty"),
        ({1: "x"}, "prompt 1 of 1 must be a name, not an int"),
        (None, "prompts must be text by name, not None"),
        (["mood", "mood"], "prompt 'mood' is named twice"),
    ],
)
def test_what_is_no_prompt_is_said(prompts: Any, says: str) -> None:
    """Text by name or names, each once."""
    with pytest.raises(UsageError, match=says):
        prompt_words(prompts)


def test_a_list_of_any_kind_names_models() -> None:
    """Names of a column or an array are names."""
    assert model_names(np.array(["gpt", "claude"])) == ["gpt", "claude"]
    assert all(type(each) is str for each in model_names(np.array(["gpt"])))


def test_a_blank_model_on_the_command_line_is_a_slip(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`-m ""`, as an unset variable of a shell gives it, asks nobody."""
    monkeypatch.chdir(tmp_path)
    assert main(["ask", "-m", "", "Say something"]) == 2
    assert "no model was named" in capsys.readouterr().err
