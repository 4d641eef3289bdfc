"""Secrets stay out of everything that is shown or kept."""

import copy
import pickle

import pytest

from llmlab.secrets import Secret, Shy, redact

KEY = "sk-proj-planted0123456789abcdef"


@pytest.mark.parametrize(
    "show",
    [repr, str, format, lambda key: f"{key}", lambda key: str([key])],
    ids=["repr", "str", "format", "f-string", "in-a-list"],
)
def test_a_secret_shows_as_dots(show: object) -> None:
    """However a key is printed, its characters are not there. # R-60."""
    assert "planted" not in show(Secret(KEY))  # type: ignore[operator]


def test_a_secret_is_not_pickled_but_may_be_copied() -> None:
    """A frozen record with a key in it can be copied; it cannot be written to a file."""
    assert copy.deepcopy(Secret(KEY)) == Secret(KEY)

    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(KEY))


def test_a_header_value_is_whole_and_shows_as_dots() -> None:
    """The wire gets the characters, a traceback that prints its locals does not."""
    value = Shy(f"Bearer {KEY}")

    assert value == f"Bearer {KEY}"
    assert "planted" not in repr({"authorization": value})


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: {KEY}.",
        "Incorrect API key provided: sk-proj-****************planted.",
        "your api key: ****planted is invalid",
        "authorization: Bearer abc.planted.def",
        '{"x-api-key": "planted-planted"}',
        "No access for organization org-planted12345678",
        "xai-planted0123456789",
        "Your IP: 203.0.113.7, planted@example.com",
    ],
)
def test_texts_from_outside_are_cleaned(text: str) -> None:
    """Keys, masked keys, headers, account ids and addresses go; the sentence stays. # R-60."""
    clean = redact(text)

    assert "planted" not in clean
    assert "203.0.113" not in clean
    assert "[...]" in clean


def test_ordinary_text_is_left_alone() -> None:
    """Version numbers, times and prices are no secrets."""
    text = "at 12:30:45 version 1.2.3 cost $0.0001 for deepseek-v4-pro (gpt-6-luna)"

    assert redact(text) == text
