"""The columns of `run.rows`: one line each, with dtype, unit, meaning and where it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from llmlab.frames.lists import Lists
from llmlab.records import ToolCall

Place: TypeAlias = Literal["row", "request", "prompt", "outcome", "answer", "usage", "beside"]
"""The record that has the value; `answer` and `usage` of a failed call are None throughout."""


@dataclass(frozen=True, slots=True)
class Column:
    """Declaration of one column: `place` and `attribute` say where it is taken from."""

    name: str
    dtype: str
    unit: str
    meaning: str
    place: Place
    attribute: str = ""
    """The column's name when empty."""
    made: Callable[[Lists], list[Any]] | None = None
    """Makes the values where one attribute is not enough."""

    def take(self, lists: Lists) -> list[Any]:
        """Return the column's values, one a row."""
        if self.made is not None:
            return self.made(lists)
        return lists.take(self.place, self.attribute or self.name)


def _model(lists: Lists) -> list[Any]:
    providers, models = lists.take("request", "provider"), lists.take("request", "model")
    return [f"{who}/{what}" for who, what in zip(providers, models, strict=True)]


def _status(lists: Lists) -> list[Any]:
    return ["ok" if each else "error" for each in lists.answered]


def _finish_reason(lists: Lists) -> list[Any]:
    return [each or "error" for each in lists.take("answer", "finish")]


def _text(lists: Lists) -> list[Any]:
    """The answer's text; of a failed call what its stream had delivered."""
    texts = lists.take("answer", "text")
    for place in lists.failed:
        texts[place] = lists.outcomes[place].partial or None
    return texts


def _tool_calls(lists: Lists) -> list[Any]:
    """The calls of tools as JSON; arguments that are no JSON stay the text that they are."""
    return [
        _JSON.encode([_call(call) for call in each]).decode() if each else None
        for each in lists.take("answer", "tool_calls")
    ]


def _call(call: ToolCall) -> dict[str, object]:
    try:
        arguments: object = msgspec.json.decode(call.arguments)
    except (msgspec.MsgspecError, RecursionError):
        arguments = call.arguments
    return {"name": call.name, "arguments": arguments}


def _logprobs(lists: Lists) -> list[Any]:
    return [
        _JSON.encode(each).decode() if each else None for each in lists.take("answer", "logprobs")
    ]


def _error(lists: Lists) -> list[Any]:
    """The failure of the call, or of its score."""
    errors: list[Any] = [each or None for each in lists.take("row", "score_error")]
    for place in lists.failed:
        failure = lists.outcomes[place]
        errors[place] = f"{failure.kind}: {failure.message}"
    return errors


def _cost_status(lists: Lists) -> list[Any]:
    """
    Whether a cost is exact, estimated, simulated or unpriced.

    The cost of a failed call is exact where it was certainly not charged, and else an estimate:
    its stream broke before the provider's count.
    """
    costs, backends = lists.take("outcome", "cost"), lists.take("outcome", "backend")
    estimated = lists.take("usage", "estimated")
    for place in lists.failed:
        estimated[place] = costs[place] != 0
    if not any(estimated) and "stand-in" not in backends:
        return ["unpriced" if cost is None else "exact" for cost in costs]
    return [
        "unpriced" if cost is None else _cost_word(backend, estimated=bool(guess))
        for cost, backend, guess in zip(costs, backends, estimated, strict=True)
    ]


def _cost_word(backend: str, *, estimated: bool) -> str:
    if backend == "stand-in":
        return "simulated"
    return "estimated" if estimated else "exact"


def _unsure_usd(lists: Lists) -> list[Any]:
    """What earlier attempts cost at most: 0 where there are none that may have been charged."""
    counts, costs = lists.take("outcome", "unsure"), lists.take("outcome", "unsure_usd")
    return [cost if count else 0.0 for count, cost in zip(counts, costs, strict=True)]


def _warnings(lists: Lists) -> list[Any]:
    return ["; ".join(each) or None if each else None for each in lists.take("answer", "warnings")]


def _tier(lists: Lists) -> list[Any]:
    tiers = lists.take("usage", "service_tier")
    return [STANDARD if tier == "" else tier for tier in tiers]


def _region(lists: Lists) -> list[Any]:
    return [region or None for region in lists.take("usage", "region")]


def _basis(lists: Lists) -> list[Any]:
    return lists.take("answer", "price_basis")


STANDARD: Final = "standard"
"""The word of the column `service_tier` for a tier that is no other."""

_JSON: Final = msgspec.json.Encoder()
_INT: Final = "Int64"
_TIME: Final = "datetime64[ns, UTC]"

COLUMNS: Final[tuple[Column, ...]] = (
    Column("run", "category", "", "name of the run", "row"),
    Column("prompt", "category", "", "name of the prompt", "prompt", "name"),
    Column("prompt_version", "category", "", "declared version and content hash of the prompt",
           "prompt", "version"),
    Column("label", "category", "", "the model as it was called", "request"),
    Column("model", "category", "", "provider/model as asked", "request", made=_model),
    Column("provider", "category", "", "who was asked", "request"),
    Column("backend", "category", "", "who answered: live, local or stand-in", "outcome"),
    Column("response_model", "category", "", "model as the provider reported it", "answer",
           "model"),
    Column("fingerprint", "category", "", "the provider's mark of its serving configuration",
           "answer"),
    Column("input_id", "string", "", "index label of the input", "row"),
    Column("block", _INT, "", "place of the input in the order of sending, from 0", "beside"),
    Column("cluster", "category", "", "inputs that move together, as named with cluster=",
           "beside"),
    Column("as_of", _TIME, "", "date of the input, as named with as_of=", "beside"),
    Column("before_cutoff", "boolean", "", "whether as_of lies before the model's knowledge "
           "cut-off, so that it may know what happened next; missing when either is unknown",
           "beside"),
    Column("repeat", "int64", "", "number of the repeat, from 0", "request"),
    Column("status", "category", "", "ok or error", "outcome", made=_status),
    Column("finish_reason", "category", "", "why the model stopped", "answer",
           made=_finish_reason),
    Column("outcome", "category", "", "how the call ended: scored, unread, cut, empty, "
           "refused, filtered, untargeted, unscored or failed; see docs/scores.md", "row",
           "became"),
    Column("error", "string", "", "kind and message of a failure, or why there is no score",
           "outcome", made=_error),
    Column("text", "string", "", "the answer; of a failed call the text received", "answer",
           made=_text),
    Column("tool_calls", "string", "", "the tools that the answer calls, as JSON: a list of name "
           "and arguments", "answer", made=_tool_calls),
    Column("logprobs", "string", "", "the answer's tokens as JSON: token, logprob (natural "
           "logarithm) and the likeliest tokens at its place; where logprobs= asked for them",
           "answer", made=_logprobs),
    Column("said", "string", "", "what the score took the answer to say", "beside"),
    Column("probability", "float64", "", "what the score label_p made of what was said: its share "
           "of the probability of all labels", "beside"),
    Column("target", "string", "", "what should have been answered", "beside"),
    Column("score", "float64", "", "higher is better; NaN unless the outcome is scored",
           "row"),
    Column("input_tokens", _INT, "tokens", "whole prompt, cached included", "usage", "input"),
    Column("cached_tokens", _INT, "tokens", "part of input read from a cache", "usage", "cached"),
    Column("cache_write_tokens", _INT, "tokens", "part of input written to a cache", "usage",
           "cache_write"),
    Column("cache_write_1h_tokens", _INT, "tokens", "part of that which is kept for an hour",
           "usage", "cache_write_1h"),
    Column("reasoning_tokens", _INT, "tokens", "part of output spent on reasoning", "usage",
           "reasoning"),
    Column("output_tokens", _INT, "tokens", "answer, reasoning included", "usage", "output"),
    Column("service_tier", "category", "", "tier of service that answered: standard, flex, "
           "priority or fast", "usage", made=_tier),
    Column("region", "category", "", "where it was served, where the provider charges for that",
           "usage", made=_region),
    Column("searches", _INT, "", "server-side tool calls that are charged each", "usage"),
    Column("cost_usd", "float64", "USD", "NaN when no price is known", "outcome", "cost"),
    Column("cost_status", "category", "", "exact, estimated, simulated or unpriced", "outcome",
           made=_cost_status),
    Column("billed_usd", "float64", "USD", "as the provider stated it", "answer", "billed"),
    Column("unsure_attempts", "int64", "", "earlier attempts of the call that failed and may have "
           "been charged all the same; not in cost_usd", "outcome", "unsure"),
    Column("unsure_usd", "float64", "USD", "what these cost at most; NaN when their price is not "
           "known", "outcome", made=_unsure_usd),
    Column("price_basis", "category", "", "price table and date, or who states it", "answer",
           made=_basis),
    Column("latency_s", "float64", "s", "the attempt that succeeded, to its last byte",
           "outcome", "latency"),
    Column("ttft_s", "float64", "s", "to the first content, when streamed", "answer", "ttft"),
    Column("queued_s", "float64", "s", "waiting in llmlab's own queue", "outcome", "queued"),
    Column("attempts", "int64", "", "attempts made", "outcome"),
    Column("started_at", _TIME, "", "when that attempt was sent", "outcome"),
    Column("from_book", "boolean", "", "answered by the book", "answer"),
    Column("request_id", "string", "", "the provider's id", "outcome"),
    Column("request_hash", "string", "", "identity by content", "row"),
    Column("warnings", "string", "", "what to know about this answer", "answer", made=_warnings),
)  # fmt: skip

RENAMED: Final = {
    "answered_by": "response_model",
    "cost_is": "cost_status",
    "finish": "finish_reason",
}
"""Names of columns in files that version 0.1 exported, and the names they have now."""
