"""What a model would refuse is refused here, with the reason: the rule table row by row."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.catalogue import Catalogue, ModelVariant, check, default_api, for_arm
from llmlab.errors import BadParameter
from llmlab.records import Api, Parameters, Schema, Search, Tool

CATALOGUE = Catalogue.load()
CLOSED = {
    "type": "object",
    "properties": {"label": {"type": "string"}},
    "required": ["label"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"label": {"type": "string"}}}
OPTIONAL = CLOSED | {"required": []}
NESTED = CLOSED | {"properties": {"label": {"type": "array", "items": {"anyOf": [OPEN]}}}}


def _schema(document: dict[str, Any], name: str = "label") -> dict[str, Any]:
    return {"schema": Schema(name=name, document=document)}


def _check(name: str, given: dict[str, Any], api: Api | None = None) -> Parameters:
    model = CATALOGUE.find(name)
    return check(Parameters(**given), model, api or model.apis[0]).parameters


THINK = {"thinking": True, "max_tokens": 2000}
T0: dict[str, Any] = {"temperature": 0.0}

NONE: dict[str, Any] = {"effort": "none"}
TOOLS: dict[str, Any] = {"tools": (Tool(name="now"),)}
FORCED: dict[str, Any] = TOOLS | {"tool_choice": "required"}

# One line a row of the provider's table: the model, what it accepts, what it refuses.
ROWS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("gpt-4o", T0, {"effort": "low"}),
    ("gpt-4.1", {"temperature": 2.0, "top_p": 0.5}, {"temperature": 2.1}),
    ("o3", {"effort": "low", "temperature": 1}, T0),
    ("o3", {"effort": "high"}, {"stop": ("x",)}),
    ("gpt-5", {"effort": "minimal", "temperature": 1.0}, T0),
    ("gpt-5-mini", {"stop": ("x",)}, {"effort": "none"}),
    ("gpt-5-nano", {"effort": "minimal"}, {"top_p": 0.9}),
    ("gpt-5.1", T0, {"effort": "low", "temperature": 0.0}),
    ("gpt-5.1", {"effort": "high"}, {"effort": "xhigh"}),
    ("gpt-5.2", {"top_p": 0.9}, {"effort": "medium", "top_p": 0.9}),
    ("gpt-5.4-mini", T0 | {"effort": "none"}, T0 | {"effort": "xhigh"}),
    ("gpt-5.5", T0 | {"effort": "none"}, T0),
    ("gpt-5.6-luna", {"temperature": 1}, T0),
    ("gpt-6-luna", T0 | {"effort": "none"}, T0 | {"effort": "low"}),
    ("gpt-6.1-terra", {"effort": "max"}, {"effort": "minimal"}),
    ("gpt-5.4-pro", {"temperature": 1}, {"effort": "high"}),
    ("gpt-5.5-pro", {"max_tokens": 9000}, T0),
    ("gpt-6-astra", T0, {"context": 4096}),
    ("claude-haiku-4-5", T0, {"effort": "low"}),
    ("claude-haiku-4-5", THINK, {"thinking": True, "max_tokens": 1024}),
    ("claude-haiku-4-5", THINK | {"temperature": 1}, THINK | T0),
    ("claude-haiku-4-5", {"top_p": 0.9}, {"top_p": 0.9, "temperature": 0.5}),
    ("claude-haiku-4-5", {"max_tokens": 64_000}, {"max_tokens": 64_001}),
    ("claude-haiku-4-5", {"temperature": 1.0}, {"temperature": 1.1}),
    ("claude-sonnet-4-6", {"effort": "max", "temperature": 0.2}, {"effort": "xhigh"}),
    ("claude-opus-4-6", {"thinking": True}, {"thinking": True, "top_p": 0.5}),
    ("claude-opus-4-7", {"temperature": 1, "thinking": False}, T0),
    ("claude-opus-4-8", {"thinking": True, "effort": "xhigh"}, {"top_p": 0.9}),
    ("claude-sonnet-5", {"thinking": False, "effort": "max"}, T0 | {"thinking": False}),
    ("claude-opus-5", {"thinking": False, "effort": "high"}, {"thinking": False, "effort": "max"}),
    ("claude-sonnet-5-5", {"thinking": True}, {"thinking": False}),
    ("claude-sonnet-5-5", {"effort": "low"}, {"temperature": 1}),
    ("claude-opus-5-5", {"effort": "xhigh"}, {"thinking": False}),
    ("claude-opus-4-5", {"effort": "high"}, {"effort": "max"}),
    ("claude-haiku-5-5", {"thinking": False}, {"thinking": False, "effort": "xhigh"}),
    ("claude-haiku-5-5", {"max_tokens": 128_000}, {"max_tokens": 128_001}),
    ("claude-fable-5-2", {"thinking": True}, {"thinking": False}),
    ("claude-mythos-5-2", {"stop": ("a", "b")}, {"temperature": 1}),
    ("deepseek-flash", {"thinking": False, "temperature": 0.0}, T0),
    ("deepseek-flash", {"effort": "max"}, {"effort": "medium"}),
    ("deepseek-v4-pro", {"thinking": True}, {"thinking": True, "top_p": 0.5}),
    ("deepseek-v4-pro", {"thinking": True, "effort": "low"}, {"thinking": False, "effort": "low"}),
    ("deepseek-v4-flash", {"stop": ("x",) * 16}, {"stop": ("x",) * 17}),
    ("deepseek-flash", {"max_tokens": 384_000}, {"seed": 1}),
    ("grok-4.3", {"effort": "none", "temperature": 0.0, "seed": 1}, {"stop": ("x",)}),
    ("grok-4.3", {"effort": "high"}, {"thinking": True}),
    ("grok-4.5", {"effort": "low"}, {"effort": "none"}),
    ("grok-4.7", T0, {"stop": ("x",)}),
    ("grok-4.20", T0, {"effort": "low"}),
    ("grok-4.20-multi-agent", {"effort": "xhigh"}, {"stop": ("x",)}),
    ("grok-build-0.1", {"effort": "low"}, {"thinking": True}),
    ("qwen", T0 | {"seed": 1, "context": 8192}, {"thinking": True}),
    ("qwen", {"context": 32_768}, {"context": 32_769}),
    ("qwen3:8b", {"thinking": False}, {"effort": "low"}),
    ("smollm", T0 | {"seed": 1}, {"context": 1024}),
    ("gpt-4o", {"stop": ("a", "b", "c", "d")}, {"stop": ("a", "b", "c", "d", "e")}),
    ("claude-haiku-4-5", {"stop": ("a",)}, {"seed": 1}),
    ("gpt-4o", {"top_p": 1.0}, {"top_p": 1.1}),
    ("gpt-4o", {"temperature": 0}, {"temperature": float("nan")}),
    ("gpt-4o", {"max_tokens": 1}, {"max_tokens": 0}),
    ("gpt-4o", {"seed": 3}, {"seed": "3"}),
    ("gpt-4o", {"temperature": 1}, {"temperature": True}),
    ("gpt-4o", {"stop": ("x",)}, {"stop": "x"}),
    ("gpt-4o", _schema(CLOSED), _schema(OPEN)),
    ("gpt-4o", _schema(CLOSED), _schema(OPTIONAL)),
    ("gpt-4o", _schema(CLOSED), _schema(NESTED)),
    ("gpt-4o", _schema(CLOSED), _schema(CLOSED, "my label")),
    ("gpt-4o", _schema(CLOSED), _schema({"type": "string"})),
    ("claude-haiku-4-5", _schema(OPTIONAL), _schema(OPEN)),
    ("deepseek-flash", _schema(OPEN), _schema({"type": "array"})),
    ("qwen", _schema(NESTED), _schema(OPEN, "")),
    ("grok-4.3", _schema(CLOSED), _schema(OPEN)),
    ("gpt-4o", {"logprobs": 20}, {"logprobs": 21}),
    ("gpt-6-luna", {"logprobs": 5} | NONE, {"logprobs": 6} | NONE),
    ("gpt-6-luna", {"logprobs": 0} | NONE, {"logprobs": 0}),
    ("gpt-5", {"verbosity": "low"}, {"logprobs": 1}),
    ("gpt-5.4", {"logprobs": 5, "presence_penalty": 1}, {"presence_penalty": 1, "effort": "low"}),
    ("gpt-5.5-pro", {"verbosity": "high"}, {"logprobs": 1}),
    ("gpt-4o", {"frequency_penalty": -2.0}, {"frequency_penalty": 2.5}),
    ("gpt-4o", {"logprobs": 0}, {"verbosity": "low"}),
    ("gpt-6-luna", {"verbosity": "low"}, {"verbosity": "loud"}),
    ("gpt-6-luna", {"verbosity": "low"}, {"top_k": 5}),
    ("claude-haiku-4-5", {"top_k": 5}, {"logprobs": 5}),
    ("claude-haiku-4-5", {"top_k": 1}, {"top_k": 0}),
    ("claude-haiku-4-5", THINK, THINK | {"top_k": 5}),
    ("claude-opus-4-8", {"thinking": False}, {"top_k": 5}),
    ("claude-sonnet-4-6", {"top_k": 5}, {"presence_penalty": 0.5}),
    ("deepseek-flash", {"thinking": False, "logprobs": 20}, {"logprobs": 5}),
    ("deepseek-flash", {"thinking": False, "presence_penalty": 1}, {"frequency_penalty": 1}),
    ("grok-4.3", {"logprobs": 8}, {"logprobs": 9}),
    ("grok-4.3", {"logprobs": 0}, {"presence_penalty": 1}),
    ("qwen", {"logprobs": 20, "top_k": 40, "presence_penalty": 1}, {"verbosity": "low"}),
    ("smollm", {"presence_penalty": 1}, {"logprobs": 5}),
    ("gpt-4o", TOOLS | {"tool_choice": "now"}, {"tool_choice": "now"}),
    ("gpt-6-luna", TOOLS, TOOLS | {"effort": "low"}),
    ("claude-haiku-4-5", FORCED, THINK | FORCED),
    ("claude-sonnet-5", FORCED | {"thinking": False}, FORCED),
    ("claude-opus-5-5", TOOLS | {"tool_choice": "none"}, FORCED),
    ("deepseek-flash", FORCED | {"thinking": False}, FORCED),
    ("qwen", TOOLS | {"tool_choice": "auto"}, TOOLS | {"tool_choice": "none"}),
    ("grok-4.20-multi-agent", {}, TOOLS),
    ("smollm", {}, TOOLS),
]


@pytest.mark.parametrize(("name", "accepted", "refused"), ROWS)
def test_each_row_accepts_what_the_provider_accepts_and_refuses_the_rest(
    name: str, accepted: dict[str, Any], refused: dict[str, Any]
) -> None:
    """Accepted parameters come back untouched; a refused one is one line with model and fix."""
    assert _check(name, accepted) == Parameters(**accepted)

    with pytest.raises(BadParameter) as error:
        _check(name, refused)

    message = str(error.value)
    assert CATALOGUE.find(name).name in message
    assert any(message.startswith(parameter) for parameter in refused)
    assert "; it accepts " in message
    assert "\n" not in message


def test_every_family_with_listed_models_has_a_row_here() -> None:
    """No family of the rule table is left without a case."""
    tried = {CATALOGUE.find(name).rules for name, _, _ in ROWS}

    assert [m.name for m in CATALOGUE.models() if m.rules not in tried] == []


WEB = {"search": Search()}
APIS: list[tuple[str, Api, dict[str, Any], Api, dict[str, Any]]] = [
    ("gpt-4o", "chat", {"seed": 1}, "responses", {"seed": 1}),
    ("gpt-4o", "chat", {"stop": ("x",)}, "responses", {"stop": ("x",)}),
    ("grok-4.3", "chat", {"seed": 1}, "responses", {"seed": 1}),
    ("gpt-4o", "responses", WEB, "chat", WEB),
    ("grok-4.3", "responses", WEB, "chat", WEB),
    ("gpt-4o", "responses", WEB, "responses", {"search": Search(x=True)}),
    ("gpt-4o", "responses", WEB, "responses", {"search": Search(from_date="2026-01-01")}),
    ("gpt-4o", "responses", WEB, "responses", {"search": Search(web=False)}),
    ("grok-4.3", "responses", {"search": Search(x=True, from_date="2026-01-01")}, "responses",
     {"search": Search(allowed_domains=("a", "b", "c", "d", "e", "f"))}),
    ("grok-4.3", "responses", {"search": Search(allowed_domains=("a",))}, "responses",
     {"search": Search(web=False, x=True, allowed_domains=("a",))}),
    ("claude", "messages", WEB, "messages", {"search": Search(x=True)}),
    ("qwen", "generate", {"context": 4096}, "generate", WEB),
    ("deepseek-flash", "chat", {}, "chat", WEB),
    ("gpt-4o", "responses", {}, "messages", {}),
    ("gpt-5.5-pro", "responses", {}, "chat", {}),
    ("gpt-4o", "responses", {"logprobs": 5}, "responses", {"presence_penalty": 1}),
    ("grok-4.3", "chat", {"logprobs": 5}, "responses", {"logprobs": 5}),
    ("qwen", "chat", TOOLS, "generate", TOOLS),
    ("gpt-6-luna", "responses", TOOLS | {"effort": "low"}, "chat", TOOLS | {"effort": "low"}),
    ("claude", "messages", TOOLS | WEB, "messages", {"tools": (Tool(name="web_search"),)} | WEB),
]  # fmt: skip


@pytest.mark.parametrize(("name", "good_api", "accepted", "bad_api", "refused"), APIS)
def test_what_depends_on_the_wire_format_is_checked_against_it(
    name: str, good_api: Api, accepted: dict[str, Any], bad_api: Api, refused: dict[str, Any]
) -> None:
    """Seed and stop exist in chat only, search only where it is offered."""
    assert _check(name, accepted, good_api) == Parameters(**accepted)

    with pytest.raises(BadParameter):
        _check(name, refused, bad_api)


@pytest.mark.parametrize(
    ("name", "given", "line"),
    [
        (
            "gpt-6-luna",
            T0,
            (
                "temperature=0.0: openai/gpt-6-luna refuses it at effort medium; "
                "it accepts it at effort 'none'; leave it out, or say effort='none'"
            ),
        ),
        (
            "deepseek-think",
            T0,
            (
                "temperature=0.0: deepseek/deepseek-v4-pro ignores it while it thinks; "
                "it accepts it with thinking=False; leave it out, or say thinking=False"
            ),
        ),
        (
            "gpt-4o",
            _schema(NESTED),
            (
                "schema: openai/gpt-4o wants closed objects, and $.properties.label.items.anyOf[0] "
                'is open; it accepts "additionalProperties": false everywhere; add it there'
            ),
        ),
    ],
)
def test_the_line_says_why_and_what_to_do(name: str, given: dict[str, Any], line: str) -> None:
    """The whole sentence, as a person reads it in the cell."""
    with pytest.raises(BadParameter) as error:
        _check(name, given)

    assert str(error.value) == line


def test_dropping_names_everything_that_was_left_out() -> None:
    """With `drop`, refused parameters go, the rest stays, and the names come back."""
    asked = Parameters(temperature=0.0, top_p=0.5, seed=7, stop=("x",), max_tokens=200_000)

    checked = check(asked, CATALOGUE.find("claude-opus-5-5"), "messages", drop=True)

    assert checked.parameters == Parameters(stop=("x",), max_tokens=128_000)
    assert checked.dropped == ("max_tokens", "temperature", "top_p", "seed")


def test_a_parameter_is_not_lost_to_one_that_goes_itself() -> None:
    """Thinking that cannot be had (512 tokens are too few) does not take the temperature along."""
    asked = Parameters(thinking=True, temperature=0.0)

    checked = check(asked, CATALOGUE.find("claude"), "messages", drop=True)

    assert checked.dropped == ("thinking",)
    assert checked.parameters == Parameters(temperature=0.0)


def test_one_temperature_for_all_is_kept_where_the_lineup_allows_it() -> None:
    """Of `six`, only the reasoning arm loses the temperature, and says so."""
    lost = {}
    for arm in CATALOGUE.arms("six"):
        asked = for_arm(arm, Parameters(temperature=0.0))
        lost[arm.label] = check(asked, arm.model, arm.model.apis[0], drop=True).dropped

    assert {label: names for label, names in lost.items() if names} == {
        "deepseek-think": ("temperature",)
    }


def test_the_callers_parameters_win_over_the_arms() -> None:
    """An alias's parameter fills only what the caller left open."""
    arm = ModelVariant(
        label="x", model=CATALOGUE.find("gpt"), parameters={"effort": "none", "seed": 1}
    )

    merged = for_arm(arm, Parameters(effort="low", temperature=0.5))

    assert merged == Parameters(effort="low", temperature=0.5, seed=1)


def test_search_chooses_the_wire_format_that_has_it() -> None:
    """Without search the first format is asked, with it the first that searches."""
    gpt = CATALOGUE.find("gpt")

    assert default_api(gpt, Parameters()) == "chat"
    assert default_api(gpt, Parameters(search=Search())) == "responses"
    assert default_api(CATALOGUE.find("qwen"), Parameters(search=Search())) == "chat"


_SCHEMAS = st.sampled_from([CLOSED, OPEN, OPTIONAL, NESTED, {"type": "string"}])
_PARAMETERS = st.builds(
    Parameters,
    max_tokens=st.integers(1, 1_000_000),
    temperature=st.none() | st.floats(-1, 3) | st.just(1.0) | st.just(float("nan")),
    top_p=st.none() | st.floats(-1, 2),
    seed=st.none() | st.integers(),
    stop=st.lists(st.text(max_size=3), max_size=20).map(tuple),
    thinking=st.none() | st.booleans(),
    effort=st.none()
    | st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    schema=st.none() | st.builds(Schema, name=st.sampled_from(["a", "a b"]), document=_SCHEMAS),
    search=st.none()
    | st.builds(
        Search,
        web=st.booleans(),
        x=st.booleans(),
        allowed_domains=st.lists(st.just("a.example"), max_size=8).map(tuple),
        from_date=st.none() | st.just("2026-01-01"),
    ),
    context=st.none() | st.integers(-1, 2_000_000),
)
_MODELS = st.sampled_from(
    [*CATALOGUE.models(), *(CATALOGUE.find(f"{name}/unlisted") for name in CATALOGUE.providers)]
)


@given(parameters=_PARAMETERS, model=_MODELS, data=st.data())
def test_what_is_left_after_dropping_always_passes(
    parameters: Parameters, model: Any, data: st.DataObject
) -> None:
    """Dropping once is enough: the result is accepted as it is, and `dropped` is the difference."""
    api = data.draw(st.sampled_from(model.apis))

    checked = check(parameters, model, api, drop=True)

    again = check(checked.parameters, model, api)
    assert again.parameters == checked.parameters
    assert again.dropped == ()
    untouched = set(Parameters.__slots__) - set(checked.dropped)
    assert all(getattr(parameters, n) == getattr(checked.parameters, n) for n in untouched)
    assert len(set(checked.dropped)) == len(checked.dropped)
