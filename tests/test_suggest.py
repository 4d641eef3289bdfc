"""A misspelt name is answered the same way everywhere: with the name that was meant."""

from pathlib import Path

import pytest

from llmlab.errors import suggest

PACKAGE = Path(__file__).parents[1] / "llmlab"


@pytest.mark.parametrize(
    ("name", "known", "says"),
    [
        ("lable", ("label", "exact"), "did you mean label?"),
        ("LABEL", ("exact", "label"), "did you mean label?"),
        ("zzz", ("label", "exact"), "there are label, exact"),
        ("zzz", (), "there are none"),
        (3, ("30", "a"), "did you mean 30?"),
    ],
)
def test_the_nearest_name_is_said_or_all(name: object, known: tuple[str, ...], says: str) -> None:
    """Case does not matter; where no name is near, the reader gets all of them."""
    assert suggest(name, known) == says


def test_several_near_names_come_likeliest_first() -> None:
    """At most as many as asked for."""
    known = ("gpt-mini", "gpt", "gpt-5", "claude")
    assert suggest("gpt-6", known, most=2) == "did you mean gpt-5 or gpt?"


def test_other_words_take_the_place_of_a_long_list() -> None:
    """Six hundred time zones are no help."""
    assert suggest("zzz", ("a", "b"), otherwise="see the list") == "see the list"


def test_there_is_one_place_that_guesses_names() -> None:
    """One measure of likeness and one wording: nothing else in the package asks difflib for it."""
    asking = [
        path.name for path in PACKAGE.rglob("*.py") if "get_close_matches" in path.read_text()
    ]
    assert asking == ["errors.py"]
