"""The options of a question mean the same, whatever was asked before."""

import pytest

from llmlab.catalogue import Catalogue
from llmlab.design.options_cache import OptionsCache


@pytest.mark.parametrize(
    ("before", "options"),
    [({"temperature": 0}, {"temperature": 0.0}), ({"seed": 1}, {"seed": True})],
)
def test_equal_numbers_of_two_types_are_two_ways_to_ask(
    before: dict[str, object], options: dict[str, object]
) -> None:
    """0 and 0.0 are other words on the wire: the book must not know one for the other by chance."""
    catalogue, options_cache = Catalogue.load(None), OptionsCache()
    alone = OptionsCache().of(catalogue, "gpt", None, options)

    options_cache.of(catalogue, "gpt", None, before)
    after = options_cache.of(catalogue, "gpt", None, options)

    assert repr(after.parameters) == repr(alone.parameters)
    assert options_cache.of(catalogue, "gpt", None, options) is after
