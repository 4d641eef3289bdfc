"""Functions offered to a model: said once, sent in every shape, and the calls kept as they came."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from llmlab.calls.identity import content_of
from llmlab.calls.prepared import most_input
from llmlab.catalogue import Model
from llmlab.design.options import parameters_of
from llmlab.errors import BadParameter
from llmlab.providers.adapter import unlisted
from llmlab.providers.registry import adapter_of
from llmlab.records import (
    Api,
    HttpCall,
    Parameters,
    Prompt,
    Request,
    Search,
    Tool,
)

Json = dict[str, Any]

CITY: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool(name="weather", description="Forecast the weather of a city.", parameters=CITY)
NOW = Tool(name="now")
EMPTY = {"type": "object", "properties": {}}


def weather(city: str, days: int = 1) -> str:
    """Forecast the weather of a city."""
    return f"{city} {days}"


# --- as they are said ---------------------------------------------------------------------

ABOUT = {"name": "weather", "description": WEATHER.description}
SHAPES: dict[str, object] = {
    "a function": weather,
    "OpenAI's": {"type": "function", "function": {**ABOUT, "parameters": CITY}},
    "flat": {**ABOUT, "parameters": CITY},
    "Responses'": {"type": "function", **ABOUT, "parameters": CITY, "strict": True},
    "Anthropic's": {**ABOUT, "input_schema": CITY},
    "a Tool": WEATHER,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_one_tool_is_the_same_in_every_shape(shape: str) -> None:
    """What a caller has from elsewhere need not be rewritten."""
    assert parameters_of({"tools": [SHAPES[shape]]}).tools == (WEATHER,)
    assert parameters_of({"tools": SHAPES[shape]}).tools == (WEATHER,)


@dataclass
class Place:
    """A place."""

    name: str
    north: float | None = None


def test_a_functions_types_become_its_schema() -> None:
    """Also nested ones, defaults, and none at all."""

    def visit(places: list[Place], note: str | None = None, tags: list[str] = []) -> None:  # noqa: B006 - as people write it
        """Visit places."""

    def now() -> str:
        return ""

    made = parameters_of({"tools": [visit, now]}).tools
    document: Any = made[0].parameters

    assert document["required"] == ["places"]
    assert document["$defs"]["Place"]["properties"]["name"] == {"type": "string"}
    assert document["properties"]["tags"]["default"] == []
    assert made[1] == Tool(name="now")


BAD: dict[str, tuple[object, str]] = {
    "no function": ([3], "a int describes no function: give a function"),
    "a type": ([int], "a type describes no function"),
    "untyped": ([lambda city: city], "cannot|no type"),
    "any number": ([lambda *args: args], "name every parameter"),
    "a name with a blank": ([{"name": "my tool"}], "'my tool' cannot be a tool's name"),
    "a reserved name": ([Tool(name="auto")], "'auto' cannot be a tool's name"),
    "no name": ([{"description": "x"}], "is no function"),
    "another kind": ([{"type": "web_search"}], "type 'web_search' is no function"),
    "no object": ([{"name": "a", "parameters": {"type": "string"}}], "a JSON schema of an object"),
    "twice": ([NOW, NOW], "two are called 'now'"),
    "no JSON": ([{"name": "a", "parameters": {"x": object()}}], "are no JSON"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_one_is_one_clear_line(kind: str) -> None:
    """Before anything is sent."""
    wish, words = BAD[kind]

    with pytest.raises(BadParameter, match=words) as caught:
        parameters_of({"tools": wish})

    assert "\n" not in str(caught.value)


def test_a_choice_is_one_that_there_is() -> None:
    """Misspelt, the nearest is named; without tools there is nothing to choose."""
    assert parameters_of({"tools": [NOW], "tool_choice": "now"}).tool_choice == "now"
    with pytest.raises(BadParameter, match="did you mean required"):
        parameters_of({"tools": [NOW], "tool_choice": "requird"})
    with pytest.raises(BadParameter, match="needs tools="):
        parameters_of({"tool_choice": "auto"})


def test_several_answers_are_repeats() -> None:
    """`n` buys answers that have no row: the line names what has."""
    with pytest.raises(BadParameter, match="repeats="):
        parameters_of({"n": 3})


# --- as they are sent ---------------------------------------------------------------------


def call_of(provider: str, api: Api, **given: Any) -> HttpCall:
    """Write a question."""
    request = Request(
        provider=provider,
        model="m",
        prompt=Prompt(name="p", user="hello"),
        api=api,
        parameters=Parameters(**given),
    )
    return adapter_of(provider, api).write(request, Model(provider=provider, id="m"), "http://x")


def body_of(provider: str, api: Api, **given: Any) -> Json:
    """Return the body of a question."""
    made: Json = json.loads(call_of(provider, api, **given).body)
    return made


NESTED = {"type": "function", "function": {**ABOUT, "parameters": CITY}}
FLAT = {"type": "function", **ABOUT, "parameters": CITY, "strict": False}
SENT: list[tuple[str, Api, object, object, object]] = [
    ("openai", "chat", NESTED, "required", {"type": "function", "function": {"name": "weather"}}),
    ("deepseek", "chat", NESTED, "required", {"type": "function", "function": {"name": "weather"}}),
    ("xai", "chat", NESTED, "required", {"type": "function", "function": {"name": "weather"}}),
    ("openai", "responses", FLAT, "required", {"type": "function", "name": "weather"}),
    ("xai", "responses", FLAT, "required", {"type": "function", "name": "weather"}),
    ("anthropic", "messages", {**ABOUT, "input_schema": CITY}, {"type": "any"},
     {"type": "tool", "name": "weather"}),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "api", "shape", "required", "named"), SENT)
def test_each_wire_has_its_own_shape(
    provider: str, api: Api, shape: object, required: object, named: object
) -> None:
    """The tool, a call that is demanded, and one that is named."""
    tools = (WEATHER,)

    assert body_of(provider, api, tools=tools)["tools"] == [shape]
    assert "tool_choice" not in body_of(provider, api, tools=tools)
    assert body_of(provider, api, tools=tools, tool_choice="required")["tool_choice"] == required
    assert body_of(provider, api, tools=tools, tool_choice="weather")["tool_choice"] == named
    assert "tools" not in body_of(provider, api)


def test_ollama_chooses_itself() -> None:
    """Its API has tools and no choice: one that is asked for is refused, and so is generate."""
    assert body_of("ollama", "chat", tools=(WEATHER,), tool_choice="auto")["tools"] == [NESTED]
    with pytest.raises(BadParameter, match="the model chooses"):
        body_of("ollama", "chat", tools=(WEATHER,), tool_choice="required")
    with pytest.raises(BadParameter, match="api='chat'"):
        body_of("ollama", "generate", tools=(WEATHER,))


@pytest.mark.parametrize(("provider", "api"), [("anthropic", "messages"), ("openai", "responses")])
def test_search_and_tools_go_together(provider: str, api: Api) -> None:
    """The server's search first, then the caller's own."""
    names = [
        each.get("name") or each["type"]
        for each in body_of(provider, api, tools=(WEATHER,), search=Search())["tools"]
    ]

    assert names == ["web_search", "weather"]


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    """Anthropic demands a schema; elsewhere it says the same."""
    assert body_of("anthropic", "messages", tools=(NOW,))["tools"][0]["input_schema"] == EMPTY
    assert body_of("openai", "chat", tools=(NOW,))["tools"][0]["function"]["parameters"] == EMPTY


def test_they_are_part_of_what_is_asked() -> None:
    """Other tools are another question, and the worst case counts the words about them."""

    def request(**given: Any) -> Request:
        return Request(
            provider="openai",
            model="gpt-4o",
            prompt=Prompt(name="p", user="x"),
            parameters=Parameters(**given),
        )

    plain, offered = request(), request(tools=(WEATHER,))
    call = adapter_of("openai", "chat").write(offered, unlisted(offered), "http://x")

    assert content_of(plain) != content_of(offered) != content_of(request(tools=(NOW,)))
    most = most_input(offered, call, unlisted(offered), counted=True)
    assert most is not None
    assert most > len(call.asked) + 1000
