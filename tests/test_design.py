"""What a comparison can be told is written down once: the fields of `Design`."""

import inspect
from dataclasses import FrozenInstanceError

import pytest

from llmlab import Lab
from llmlab.design.design import OPTIONS, Design
from llmlab.errors import BadParameter, UsageError
from llmlab.notebook.magics import LLMLab

OF_THE_CELL = {"models", "prompts", "out", "background"}
"""What only a notebook needs, or reads in its own way."""


def test_the_methods_of_the_lab_have_the_fields_as_keywords() -> None:
    """`lab.abtest?`, completion and type checkers show every option, and its explanation."""
    for method in (Lab.abtest, Lab.start, Lab.abtest_async):
        names = [*inspect.signature(method).parameters]
        assert names[0] == "self"
        assert [name for name in names[1:] if name != "handle"] == [*OPTIONS]
        assert "budget: Dollars that this run may spend at most." in (inspect.getdoc(method) or "")


def test_every_option_of_the_cell_is_a_field() -> None:
    """An argument of `%%abtest` reaches the design by its name; nothing lists them again."""
    parser = LLMLab.abtest.parser  # type: ignore[union-attr]  # magic_arguments puts it there
    named = {action.dest for action in parser._actions}
    assert named - OF_THE_CELL <= set(OPTIONS)


def test_a_design_is_frozen_and_checked_in_one_place() -> None:
    """Numbers of any kind become plain ones; what is none is one line."""
    design = Design({"A": "x"}, "gpt", repeats="2", budget="0.5")  # type: ignore[arg-type]  # of a cell
    assert (design.checked().repeats, design.checked().budget) == (2, 0.5)
    assert design.checked().models == ["gpt"]
    with pytest.raises(FrozenInstanceError):
        design.repeats = 3  # type: ignore[misc]  # the slip
    with pytest.raises(UsageError, match="repeats is 0"):
        Design({"A": "x"}, "gpt", repeats=0).checked()
    with pytest.raises(UsageError, match="a batch cannot stop early"):
        Design({"A": "x"}, "gpt", batch=True, stop_when_clear=True).checked()


def test_an_option_that_is_none_is_refused_before_anything_is_read() -> None:
    """By every method, with the nearest name."""
    with Lab(book=None, env={}, config="/") as lab:
        for method in (lab.abtest, lab.start, lab.abtest_async):
            with pytest.raises(BadParameter, match=r"'clutser'; did you mean cluster\?"):
                method({"A": "x"}, clutser="day")  # type: ignore[call-arg]  # the slip
