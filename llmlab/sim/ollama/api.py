"""
Ollama `/api/chat` and `/api/generate`: streams by default, cuts long prompts silently.

The default context is that of a machine with less than 24 GiB of video memory. Durations are
the measured time, divided by tokens; a count or duration of zero is left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from llmlab.sim.authors.author import BYTES_PER_TOKEN, Asked, Written, count_prompt
from llmlab.sim.call import Call, Json, Reply, as_json, plain_text
from llmlab.sim.messages import SYSTEM_ROLES, Said, conversation, stops
from llmlab.sim.models import SimulatedModel, find
from llmlab.sim.pictures import written_with_files
from llmlab.sim.refusals import bare
from llmlab.sim.settle import settled
from llmlab.sim.streams import ndjson, words
from llmlab.sim.tools import as_object, call_id, offered
from llmlab.sim.weights import Weight, shown, weighed

Kind: TypeAlias = Literal["chat", "generate"]
DEFAULT_CONTEXT = 4096
_MOST_WEIGHTS = 20
_EVAL_WEIGHT = 4
"""Generating a token takes about this many times as long as reading one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    call: Call
    kind: Kind
    model: SimulatedModel
    written: Written
    seconds: float

    def line(self, text: str, thinking: str = "", **rest: Any) -> Json:
        """Return one line: a piece of text or of thinking, or what else *rest* has."""
        at = datetime.fromtimestamp(self.call.clock(), UTC).isoformat().replace("+00:00", "Z")
        head: Json = {"model": self.call.body["model"], "created_at": at}
        thought = {"thinking": thinking} if thinking else {}
        if self.kind == "generate":
            return {**head, "response": text, **thought, "done": False, **rest}
        message = {"role": "assistant", "content": text, **thought, **rest.pop("said", {})}
        return {**head, "message": message, "done": False, **rest}

    def calls(self) -> Json:
        """Return the functions that the answer calls, which are never in pieces."""
        made = [
            {"id": call_id("call_", self.call.serial, number),
             "function": {"index": number, "name": name, "arguments": as_object(arguments)}}
            for number, (name, arguments) in enumerate(self.written.calls)
        ]  # fmt: skip
        return {"said": {"tool_calls": made}} if made else {}

    def metrics(self, reason: str) -> Json:
        """Return the last line's fields; zeros are left out."""
        written, total = self.written, round(self.seconds * 1e9)
        weights = written.input_tokens + _EVAL_WEIGHT * written.output_tokens
        reading = total * written.input_tokens // max(1, weights)
        counts = {
            "total_duration": total,
            "prompt_eval_count": written.input_tokens,
            "prompt_eval_cached_count": written.cached_tokens,
            "prompt_eval_duration": reading,
            "eval_count": written.output_tokens,
            "eval_duration": total - reading,
        }
        present = {name: value for name, value in counts.items() if value}
        return {"done": True, "done_reason": reason, **present}


async def chat(call: Call) -> Reply:
    """Answer `/api/chat`."""
    messages = _fitted(call, list(call.body.get("messages") or ()))
    return await _answer(call, "chat", conversation(messages))


async def generate(call: Call) -> Reply:
    """Answer `/api/generate`; a long prompt loses its beginning."""
    system, prompt = str(call.body.get("system") or ""), str(call.body.get("prompt") or "")
    over = count_prompt(system, prompt) - context_of(call)
    if over > 0:
        _refuse_cut(call)
        prompt = prompt.encode()[over * BYTES_PER_TOKEN :].decode(errors="ignore")
    return await _answer(call, "generate", Said(system=system, user=prompt))


async def _answer(call: Call, kind: Kind, said: Said) -> Reply:
    model = model_of(call)
    began = call.clock()
    if not said.user:
        return _loaded(call, kind, model)
    asked = _asked(call, model, said)
    call.memory.loaded[model.id] = context_of(call)
    written = await written_with_files(call, asked)
    if not asked.thinking:
        written = replace(written, reasoning="")
    sheet = _Sheet(call=call, kind=kind, model=model, written=written, seconds=call.clock() - began)
    reason = "length" if written.finish == "length" else "stop"
    found = shown(written, asked.logprobs)
    if call.body.get("stream", True):
        reply = ndjson(_lines(sheet, reason, found))
    else:
        weights = {"logprobs": found} if found else {}
        rest = {**sheet.calls(), **weights, **sheet.metrics(reason)}
        body = sheet.line(written.text, written.reasoning, **rest)
        reply = as_json(body)
    return settled(reply, asked, written, model)


def model_of(call: Call) -> SimulatedModel:
    """Find a pulled model; a name without a tag means `:latest`."""
    name = call.body.get("model") or call.body.get("name")
    if not name:
        raise bare(400, "model is required")
    full = name if ":" in str(name) else f"{name}:latest"
    model = find("ollama", full, call.clock())
    if model is None:
        raise bare(404, f"model '{name}' not found")
    return model


def context_of(call: Call) -> int:
    """Return the call's context window in tokens."""
    return int(options_of(call).get("num_ctx") or DEFAULT_CONTEXT)


def options_of(call: Call) -> Mapping[str, Any]:
    """Return `options`; sampling parameters outside it are ignored, as by Ollama."""
    options = call.body.get("options")
    return options if isinstance(options, Mapping) else {}


def _fitted(call: Call, turns: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Drop the oldest turns until the rest fits, except system turns and the last one."""
    while conversation(turns).tokens > context_of(call):
        _refuse_cut(call)
        oldest = next((n for n, turn in enumerate(turns[:-1]) if _droppable(turn)), None)
        if oldest is None:
            return _cut_last(turns, context_of(call))
        turns = turns[:oldest] + turns[oldest + 1 :]
    return turns


def _droppable(turn: Mapping[str, Any]) -> bool:
    return turn.get("role") not in SYSTEM_ROLES


def _cut_last(turns: list[Mapping[str, Any]], context: int) -> list[Mapping[str, Any]]:
    """Cut the last message to what fits, as Ollama's runner does when it alone is too long."""
    over = conversation(turns).tokens - context
    text = plain_text(turns[-1].get("content", "")).encode()[over * BYTES_PER_TOKEN :]
    return [*turns[:-1], {**turns[-1], "content": text.decode(errors="ignore")}]


def _refuse_cut(call: Call) -> None:
    if call.body.get("truncate") is False:
        raise bare(400, "the input length exceeds the context length")


def _asked(call: Call, model: SimulatedModel, said: Said) -> Asked:
    options, form = options_of(call), call.body.get("format")
    if form == "json":
        form = {"type": "object"}
    predict = int(options.get("num_predict") or -1)
    return Asked(
        provider="ollama",
        model=model.id,
        system=said.system,
        turns=said.turns,
        user=said.user,
        temperature=options.get("temperature"),
        seed=options.get("seed"),
        max_tokens=predict if predict > 0 else context_of(call),
        stop=stops(options.get("stop")),
        thinking=_thinking(call, model),
        schema=form if isinstance(form, Mapping) else None,
        tools=offered(call.body.get("tools")),
        logprobs=_weights_asked(call),
    )


def _weights_asked(call: Call) -> int | None:
    count = call.body.get("top_logprobs") or 0
    if not 0 <= count <= _MOST_WEIGHTS:
        raise bare(400, f"top_logprobs must be between 0 and {_MOST_WEIGHTS}")
    return int(count) if call.body.get("logprobs") else None


def _thinking(call: Call, model: SimulatedModel) -> bool:
    think = call.body.get("think")
    if think and not model.thinking:
        raise bare(400, f'"{call.body["model"]}" does not support thinking')
    return bool(model.thinking) if think is None else bool(think)


def _loaded(call: Call, kind: Kind, model: SimulatedModel) -> Reply:
    unload = call.body.get("keep_alive") in (0, "0")
    if unload:
        call.memory.loaded.pop(model.id, None)
    else:
        call.memory.loaded[model.id] = context_of(call)
    nothing = Written(text="", input_tokens=0, output_tokens=0)
    sheet = _Sheet(call=call, kind=kind, model=model, written=nothing, seconds=0.0)
    return as_json(sheet.line("", done=True, done_reason="unload" if unload else "load"))


def _lines(sheet: _Sheet, reason: str, found: list[Weight]) -> Iterator[Json]:
    for word in words(sheet.written.reasoning):
        yield sheet.line("", word)
    for word, own in weighed(sheet.written.text, found):
        weights: Json = {"logprobs": own} if own else {}
        yield sheet.line(word, **weights)
    if sheet.written.calls:
        yield sheet.line("", **sheet.calls())
    yield sheet.line("", **sheet.metrics(reason))
