"""
The embedded author: a small local model writes real text, with real token counts.

The six stand-ins share one model, so each arm gets its own seed and, when the client sets
none, its own temperature; otherwise all arms would answer alike.

A model of 135 million parameters seldom obeys "answer with one word"; the models it stands in for
do. So a prompt that offers labels ("positive, negative or neutral") is answered under a grammar of
those labels: the model chooses which one.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmlab.errors import CallError, TooLong, Unavailable
from llmlab.secrets import Shy
from llmlab.sim.authors.author import Asked, Finish, Written, draw
from llmlab.sim.authors.calls import called
from llmlab.sim.authors.rule import labels_in
from llmlab.sim.authors.turns import Turns
from llmlab.sim.authors.weights import held

if TYPE_CHECKING:
    import aiohttp

ROOM = 4096
"""Tokens reserved for reasoning, which it does not do: `REASONING_ROOM` of `llmlab.design.grid`."""
WARMEST = 0.9
_SEEDS = 2**31
_LIKELIEST = 200
"""Tokens asked for at each place: those of a label may be rare where the model is free."""
_CHOOSE = re.compile(
    r"\b(?:label|classify|choose|pick|one word|(?:answer|reply) (?:with|only))\b",
    re.IGNORECASE,
)


class EmbeddedAuthor:
    """
    Writes with an OpenAI-compatible llama.cpp server.

    A question that asks for thinking gets an answer without reasoning text or reasoning
    tokens: the model does not reason, and none is made up. The output limit of such a question
    is reduced by `ROOM`, which llmlab adds for reasoning; a smaller limit is used as it is.

    Prompt tokens that llama.cpp found in its own cache are not reported as cached: the
    simulated provider would not have cached them, nor charged less for them.

    Args:
        address: The server's address, such as `http://127.0.0.1:8080`, without `/v1`; or the
            addresses of its copies.
        key: Its API key; empty for none.
        line: Where calls to these copies wait already; without it they wait here.
    """

    name = "embedded"

    def __init__(
        self, address: str | Sequence[str], key: str = "", line: Turns | None = None
    ) -> None:
        addresses = (address,) if isinstance(address, str) else tuple(address)
        self._headers = {"authorization": Shy(f"Bearer {key}")} if key else {}
        self._turns = line or Turns(tuple(each.rstrip("/") for each in addresses))
        self._session: aiohttp.ClientSession | None = None

    async def write(self, asked: Asked) -> Written:
        """
        Answer, one question at a time for each copy.

        Raises:
            Unavailable: The server is gone or broken.
            TooLong: The prompt does not fit the model's context.
        """
        import aiohttp

        tool = called(asked, free=False)
        if tool is not None:
            asked = replace(asked, schema=tool.parameters, tools=())
        async with self._turns.join(f"{asked.system}\n{asked.said}") as address:
            url = f"{address}/v1/chat/completions"
            try:
                async with self._open().post(url, json=_body(asked)) as reply:
                    body = await reply.json(content_type=None)
                    status = reply.status
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise Unavailable(f"the embedded model does not answer: {error}") from error
        if status != 200:  # noqa: PLR2004 - anything else is a failure
            raise _failure(status, body)
        written = _written(body)
        if tool is None:
            if asked.logprobs is None:
                return written
            return replace(written, logprobs=held(written.logprobs, _labels(asked)))
        # Which function is demanded; the model writes its arguments.
        return replace(written, text="", calls=((tool.name, written.text),), logprobs=())

    async def close(self) -> None:
        """Close the session; the next question opens a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=aiohttp.ClientTimeout(total=600)
            )
        return self._session


def arm_seed(asked: Asked) -> int:
    """Derive the seed of an arm from provider, model and the client's seed."""
    return int(draw("seed", asked.provider, asked.model, asked.seed) * _SEEDS)


def arm_temperature(asked: Asked) -> float:
    """Return the client's temperature, or one drawn for the model in [0, 0.9)."""
    if asked.temperature is not None:
        return asked.temperature
    return round(draw("temperature", asked.model) * WARMEST, 3)


def _body(asked: Asked) -> dict[str, Any]:
    turns = [("system", asked.system), *asked.turns, ("user", asked.user)]
    body: dict[str, Any] = {
        "messages": [{"role": role, "content": text} for role, text in turns if text],
        "max_tokens": _answer_limit(asked),
        "temperature": arm_temperature(asked),
        "seed": arm_seed(asked),
        "cache_prompt": True,
    }
    if asked.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": _LIKELIEST}
    if asked.stop:
        body["stop"] = list(asked.stop)
    if asked.schema is not None:
        named = {"name": "answer", "strict": True, "schema": dict(asked.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    elif labels := _labels(asked):
        body["grammar"] = _grammar_of(labels)
    return body


def _answer_limit(asked: Asked) -> int:
    spare = asked.max_tokens - ROOM
    return spare if asked.thinking and spare > 0 else asked.max_tokens


def _labels(asked: Asked) -> list[str]:
    """Return the labels that an answer is held to; none where a schema holds it."""
    return [] if asked.schema is not None else _choice(f"{asked.system}\n{asked.said}")


def _choice(prompt: str) -> list[str]:
    """Return the labels of a prompt that asks to choose one; a mere "cats or dogs" does not."""
    return labels_in(prompt) if _CHOOSE.search(prompt) else []


def _grammar_of(labels: Sequence[str]) -> str:
    """Return a GBNF grammar (llama.cpp, `grammars/README.md`) of exactly these labels."""
    return "root ::= " + " | ".join(json.dumps(label) for label in labels)


def _written(body: Mapping[str, Any]) -> Written:
    try:
        choice, usage = body["choices"][0], body["usage"]
        finish: Finish = "length" if choice["finish_reason"] == "length" else "stop"
        return Written(
            text=choice["message"]["content"] or "",
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            finish=finish,
            logprobs=tuple((choice.get("logprobs") or {}).get("content") or ()),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unavailable(f"the embedded model's answer lacks {error}") from error


def _failure(status: int, body: object) -> CallError:
    error = body.get("error") if isinstance(body, Mapping) else None
    detail = error if isinstance(error, Mapping) else {}
    message = f"the embedded model said {status}: {detail.get('message', 'no reason given')}"
    if detail.get("type") == "exceed_context_size_error":
        return TooLong(message, status=status)
    return Unavailable(message, status=status)
