"""The options of a question mean the same, whatever was asked before."""

import pytest

from llmlab.catalogue import Catalogue
from llmlab.runs.asking import Askings


@pytest.mark.parametrize(
    ("before", "options"),
    [({"temperature": 0}, {"temperature": 0.0}), ({"seed": 1}, {"seed": True})],
)
def test_equal_numbers_of_two_types_are_two_ways_to_ask(
    before: dict[str, object], options: dict[str, object]
) -> None:
    """0 and 0.0 are other words on the wire: the book must not know one for the other by chance."""
    catalogue, askings = Catalogue.load(None), Askings()
    alone = Askings().of(catalogue, "gpt", None, options)

    askings.of(catalogue, "gpt", None, before)
    after = askings.of(catalogue, "gpt", None, options)

    assert repr(after.parameters) == repr(alone.parameters)
    assert askings.of(catalogue, "gpt", None, options) is after
