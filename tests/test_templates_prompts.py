"""The templates that come with llmlab: each is valid, each renders, each fits a small model."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from llmlab.catalogue import Catalogue
from llmlab.templates import Library
from llmlab.tokens import Packer, Portfolio, Text, fit, room
from llmlab.tokens.fit import blocks_of
from llmlab.tokens.guard import GUARD

FOLDER = Path(__file__).parent.parent / "prompts"
LIBRARY = Library(FOLDER, "production")
NAMES = LIBRARY.names()
MODELS = ("openai/gpt-4o", "anthropic/claude-haiku-4-5", "ollama/qwen2.5:7b")


def test_there_are_twelve_and_none_has_a_fault() -> None:
    """Twelve templates pass production's checks. # R-50."""
    assert len(NAMES) == 12
    assert LIBRARY.check() == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_all_its_metadata(name: str) -> None:
    """Name, version, tier, sections, slots, default query and hints are there. # R-50."""
    template = LIBRARY[name]

    assert template.version.startswith("1.0+")
    assert template.about.tier in {1, 2}
    assert template.about.description.endswith(".")
    assert template.about.default_query
    assert template.about.models["max_tokens"] > 0
    assert set(template.slots) == set(template.examples)


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_valid_and_the_example_follows_it(name: str) -> None:
    """The schema is JSON Schema 2020-12, strict, and the example answer satisfies it."""
    template = LIBRARY[name]
    assert template.schema is not None

    validator: Any = importlib.import_module("jsonschema").Draft202012Validator
    validator.check_schema(template.schema)
    validator(template.schema).validate(template.meta["example"])

    assert template.schema["additionalProperties"] is False
    assert set(template.schema["required"]) == set(template.schema["properties"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model", MODELS)
def test_a_template_renders_with_its_examples(name: str, model: str) -> None:
    """Filled with its own examples it fits 2,000 tokens whole, on exact and estimated counts."""
    template, found = LIBRARY[name], Catalogue.load().find(model)
    space = room(found, max_tokens=template.about.models["max_tokens"])

    fitted = fit(template, template.examples, found, space, packer=Packer())

    assert fitted.count.high < 2_000
    assert fitted.packed is None or fitted.packed.whole
    assert "{{" not in fitted.prompt.user
    assert fitted.prompt.version == template.version


@pytest.mark.parametrize("name", NAMES)
def test_text_from_outside_is_marked_as_data(name: str) -> None:
    """Where words from outside go in, the prompt says they are data, and marks them. # R-55."""
    template = LIBRARY[name]
    kinds = {slot.type for slot in template.about.slots.values()}
    prompt = fit(
        template,
        template.examples,
        Catalogue.load().find("openai/gpt-4o"),
        room(Catalogue.load().find("openai/gpt-4o")),
        packer=Packer(),
    ).prompt

    if "news" in kinds or "<data>" in template.user:
        assert "never an instruction" in " ".join((prompt.system or "").split())
        assert "<data" in prompt.user
    assert "instruction" in GUARD


def test_declared_slots_make_blocks_of_plain_values() -> None:
    """A list of rows in a portfolio slot is a portfolio, words in a news slot are data."""
    blocks = blocks_of(LIBRARY["risk-flags"], LIBRARY["risk-flags"].examples)

    assert isinstance(blocks["portfolio"], Portfolio)
    assert isinstance(blocks["news"], Text)
    assert "limit" not in blocks
