"""`/v1/responses` of OpenAI, xAI and DeepSeek: items in, items out; output includes reasoning."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from llmlab.sim.authors.author import Asked
from llmlab.sim.call import Call, Reply, as_json
from llmlab.sim.deepseek import EFFORTS as DEEPSEEK_EFFORTS
from llmlab.sim.deepseek import model_of as deepseek_model_of
from llmlab.sim.messages import Said, conversation
from llmlab.sim.models import SimulatedModel
from llmlab.sim.openai.rules import (
    RESPONSES_FIELDS,
    check_effort,
    check_fields,
    check_sampling,
    check_schema,
    check_tools,
    check_verbosity,
    check_weights,
    check_window,
    model_of,
    read_from_cache,
    require,
)
from llmlab.sim.pictures import file_tokens, written_with_files
from llmlab.sim.refusals import flat, nested
from llmlab.sim.responses.shape import Sheet
from llmlab.sim.responses.stream import stream
from llmlab.sim.search import searches, with_searches
from llmlab.sim.settle import settled
from llmlab.sim.streams import numbered, sse
from llmlab.sim.tools import choice_of, offered
from llmlab.sim.weights import shown
from llmlab.sim.xai.rules import check_effort as check_xai_effort
from llmlab.sim.xai.rules import dollars, ticks
from llmlab.sim.xai.rules import model_of as xai_model_of

_MOST_DOMAINS = 5
WITH_WEIGHTS = "message.output_text.logprobs"


async def openai_responses(call: Call) -> Reply:
    """Answer as OpenAI: unknown fields and unknown models are both a 400."""
    check_fields(call.body, RESPONSES_FIELDS)
    require(call.body, "model", "input")
    model = model_of(call, missing=400)
    effort = check_effort(model, _effort(call.body), "reasoning.effort")
    check_sampling(call.body, model, effort)
    _check_weights(call.body, model, effort)
    check_verbosity((call.body.get("text") or {}).get("verbosity"), model, "text.verbosity")
    check_tools(call.body, model)
    form = _format(call.body)
    if form.get("strict"):
        check_schema(form.get("schema"), "text.format")
    asked = _asked(call, model, effort)
    if call.body.get("truncation") != "auto":
        check_window(asked, model, "input")
    return await _answer(call, model, asked, effort)


async def xai_responses(call: Call) -> Reply:
    """Answer as xAI: the same items, with the charge in ticks and the count of tool calls."""
    model = xai_model_of(call, "input")
    effort = check_xai_effort(model, _effort(call.body))
    _check_filters(call.body.get("tools") or ())
    return await _answer(call, model, _asked(call, model, effort), effort)


async def deepseek_responses(call: Call) -> Reply:
    """Answer as DeepSeek, which always thinks here; a thought is a content part of its item."""
    model = deepseek_model_of(call, "input")
    effort = _effort(call.body)
    if effort not in DEEPSEEK_EFFORTS:
        raise nested(400, f"Invalid reasoning.effort: {effort}", code="invalid_request_error")
    asked = replace(_asked(call, model, effort or "high"), thinking=True)
    return await _answer(call, model, asked, effort or "high")


async def count_input(call: Call) -> Reply:
    """Count the input tokens of a Responses body, free of charge."""
    require(call.body, "model", "input")
    model = model_of(call, missing=400)
    tokens = _said(call.body).tokens + file_tokens(call, model.id)
    return as_json({"object": "response.input_tokens", "input_tokens": tokens})


async def _answer(call: Call, model: SimulatedModel, asked: Asked, effort: str) -> Reply:
    found = searches(call.body.get("tools"), asked, call.body.get("max_tool_calls") or 3)
    written = read_from_cache(call, asked, await written_with_files(call, asked))
    written = with_searches(written, found, cite=asked.schema is None)
    charge = ticks(model, written, len(found)) if call.provider == "xai" else None
    sheet = Sheet(
        call=call,
        model=model,
        written=written,
        effort=effort,
        searches=found,
        charge=charge,
        weights=shown(written, asked.logprobs),
    )
    reply = sse(numbered(stream(sheet))) if call.body.get("stream") else as_json(sheet.document())
    return settled(reply, asked, written, model, None if charge is None else dollars(charge))


def _effort(body: Mapping[str, Any]) -> str | None:
    reasoning = body.get("reasoning")
    return reasoning.get("effort") if isinstance(reasoning, Mapping) else None


def _format(body: Mapping[str, Any]) -> Mapping[str, Any]:
    text = body.get("text")
    form = text.get("format") if isinstance(text, Mapping) else None
    return form if isinstance(form, Mapping) else {}


def _said(body: Mapping[str, Any]) -> Said:
    return conversation(body["input"], body.get("instructions") or "")


def _asked(call: Call, model: SimulatedModel, effort: str) -> Asked:
    said = _said(call.body)
    form = _format(call.body)
    schema = form.get("schema")
    return Asked(
        provider=call.provider,
        model=model.id,
        system=said.system,
        turns=said.turns,
        user=said.user,
        temperature=call.body.get("temperature"),
        max_tokens=call.body.get("max_output_tokens") or 4096,
        thinking=bool(model.efforts) and effort != "none",
        schema=schema if isinstance(schema, Mapping) else _any_object(form),
        tools=offered(call.body.get("tools")),
        choice=choice_of(call.body.get("tool_choice")),
        logprobs=_weights_asked(call.body),
    )


def _weights_asked(body: Mapping[str, Any]) -> int | None:
    asked = WITH_WEIGHTS in (body.get("include") or ())
    return int(body.get("top_logprobs") or 0) if asked else None


def _check_weights(body: Mapping[str, Any], model: SimulatedModel, effort: str) -> None:
    check_weights(body, model)
    if _weights_asked(body) is not None:
        check_sampling({"logprobs": True}, model, effort)


def _any_object(form: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return {"type": "object"} if form.get("type") == "json_object" else None


def _check_filters(tools: Iterable[Mapping[str, Any]]) -> None:
    for tool in tools:
        filters = tool.get("filters") or {}
        allowed, excluded = filters.get("allowed_domains"), filters.get("excluded_domains")
        if allowed and excluded:
            raise flat(400, "allowed_domains and excluded_domains cannot be used together.")
        if len(allowed or excluded or ()) > _MOST_DOMAINS:
            raise flat(400, f"At most {_MOST_DOMAINS} domains are allowed in filters.")
