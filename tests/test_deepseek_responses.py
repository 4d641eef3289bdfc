"""DeepSeek's Responses endpoint: asked, streamed, priced, and refused where it has no words."""

from decimal import Decimal
from typing import Any

import pytest

from llmlab import Lab
from llmlab.errors import BadParameter

ENV = {"LLMLAB_LOCAL_MODEL": "/nonexistent"}
MODEL = "deepseek/deepseek-v4-pro"
ASKED = "What is 2 + 2?"


def _lab() -> Lab:
    return Lab(book=":memory:", env=ENV, config="/", mode="stand-in")


async def test_it_is_asked_by_the_catalogue() -> None:
    """`api="responses"` is one of the two that DeepSeek has; thoughts stand apart, counts hold."""
    async with _lab() as lab:
        answer = await lab.ask_async(ASKED, MODEL, api="responses", effort="low")

    usage = answer.usage
    assert ASKED in answer.text
    assert answer.reasoning
    assert 0 < (usage.reasoning or 0) < (usage.output or 0)
    assert answer.sent["reasoning"] == {"effort": "low"}
    assert answer.sent["store"] is False
    assert answer.cost is not None
    assert answer.cost > Decimal(0)
    assert not answer.warnings


async def test_its_stream_says_the_same() -> None:
    """The pieces of a stream are the words of its answer."""
    async with _lab() as lab:
        pieces = [piece async for piece in lab.stream(ASKED, MODEL, api="responses")]

    last = pieces[-1].answer
    assert last is not None
    assert "".join(piece.text for piece in pieces) == last.text
    assert last.usage.output
    assert last.reasoning


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"thinking": False}, "no thinking switch here; use api='chat'"),
        ({"schema": {"type": "object", "properties": {}, "additionalProperties": False}},
         "takes it in chat only; it accepts it with api='chat'"),
        ({"stop": ("x",)}, "takes it in chat only"),
        ({"temperature": 0.5}, "temperature"),
    ],
)  # fmt: skip
async def test_what_it_has_no_words_for_is_refused_before_it_is_sent(
    asked: dict[str, Any], why: str
) -> None:
    """Each line names what to do instead."""
    async with _lab() as lab:
        with pytest.raises(BadParameter, match="deepseek") as said:
            await lab.ask_async(ASKED, MODEL, api="responses", **asked)

    assert why in str(said.value)
