"""A schema is said in whatever form the caller has, and the answer comes back in that form."""

from dataclasses import dataclass
from typing import Literal

import msgspec
import pydantic
import pytest

from llmlab.catalogue import Catalogue, check
from llmlab.design.options import as_type, schema_of, search_of
from llmlab.errors import BadParameter
from llmlab.records import Parameters, Schema, Search


class Event(pydantic.BaseModel):
    """As pydantic says it."""

    ticker: str
    kind: Literal["beat", "miss"]


class Part(msgspec.Struct):
    """A part of the next."""

    ticker: str


class Trade(msgspec.Struct):
    """As msgspec says it, with a part."""

    part: Part
    size: int


@dataclass
class Note:
    """As the standard library says it."""

    text: str


@pytest.mark.parametrize("kind", [Event, Trade, Note])
def test_a_type_passes_the_strictest_provider(kind: type) -> None:
    """Whoever made the type, its schema is an object with closed objects inside."""
    schema = schema_of(kind)
    assert schema is not None
    model = Catalogue.load().find("gpt")

    checked = check(Parameters(schema=schema), model, "chat")

    assert schema.name == kind.__name__
    assert checked.parameters.schema == schema
    assert schema.document["type"] == "object"


def test_an_answer_comes_back_as_the_type() -> None:
    """What was parsed becomes an instance; without a type it stays data."""
    assert as_type({"ticker": "A", "kind": "beat"}, Event)[0] == Event(ticker="A", kind="beat")
    assert as_type({"part": {"ticker": "A"}, "size": 2}, Trade)[0] == Trade(Part("A"), 2)
    assert as_type({"text": "x"}, Note)[0] == Note("x")
    assert as_type(None, Event) == (None, ())


@pytest.mark.parametrize("kind", [Event, Trade, Note])
def test_an_answer_that_does_not_fit_stays_data_with_a_warning(kind: type) -> None:
    """It was paid for; the warning says what does not fit."""
    parsed, warnings = as_type({"kind": "neither"}, kind)

    assert parsed == {"kind": "neither"}
    assert warnings[0].startswith(f"parsed is not a {kind.__name__}: ")


def test_a_dict_is_taken_as_it_is() -> None:
    """A JSON schema is not changed; its title names it."""
    document = {"title": "My answer!", "type": "object", "properties": {}}

    assert schema_of(document) == Schema(name="My_answer", document=document)


@pytest.mark.parametrize("wish", [5, "object", [{"type": "object"}]])
def test_what_is_no_schema_is_refused(wish: object) -> None:
    """One line says what a schema may be."""
    with pytest.raises(BadParameter, match="pass a dict, a pydantic model"):
        schema_of(wish)


def test_search_is_said_in_short() -> None:
    """True, a list of domains, or the whole record."""
    assert search_of(True) == Search()
    assert search_of(["sec.gov"]) == Search(allowed_domains=("sec.gov",))
    assert search_of(False) is None
    with pytest.raises(BadParameter, match="search must be True"):
        search_of("yes")
