"""Log-probabilities of an answer that is made by rule: certain enough, and never quite."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from llmlab.sim.authors.author import Asked, draw

_Weight: TypeAlias = dict[str, Any]
_WORDS = re.compile(r"\s*\S+|\s+$")
_OTHERS = ("the", "It", "A", "This", "In", "Yes", "No", "so", "And", "is", "1", "*")


def weights(asked: Asked, text: str, labels: Sequence[str]) -> tuple[_Weight, ...]:
    """Return a token for each word of *text*, with the likeliest at its place."""
    return tuple(
        _place(asked, number, token, labels) for number, token in enumerate(_WORDS.findall(text))
    )


def held(found: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> tuple[_Weight, ...]:
    """
    Return the tokens of a model that was held to *labels*, with their chances under that.

    The model reports what it would have said freely: of that, what begins or continues a label is
    kept, and makes up all there is. Without *labels* the tokens are as they came.
    """
    tokens = [dict(each) for each in found if each.get("token")]  # the end has no text
    if not labels:
        return tuple(tokens)
    said = accumulate((each["token"] for each in tokens), initial="")
    return tuple(_among(each, before, labels) for each, before in zip(tokens, said, strict=False))


def _among(token: _Weight, said: str, labels: Sequence[str]) -> _Weight:
    tops = {each["token"]: each for each in (*token.get("top_logprobs", ()), token)}
    kept = [
        each
        for text, each in tops.items()
        if text and any(label.startswith(said + text) for label in labels)
    ]
    whole = math.fsum(math.exp(each["logprob"]) for each in kept)
    if not whole:
        return token
    made = [_weight(each["token"], math.exp(each["logprob"]) / whole) for each in kept]
    made.sort(key=lambda each: -each["logprob"])
    own = next((each for each in made if each["token"] == token["token"]), None)
    return token if own is None else {**own, "top_logprobs": made}


def _place(asked: Asked, number: int, token: str, labels: Sequence[str]) -> _Weight:
    blank = token[: len(token) - len(token.lstrip())]
    own = token.strip()
    rivals = [each for each in (labels if own in labels else ()) if each != own]
    others = [each for each in _OTHERS if each != own]
    sure = 0.6 + 0.39 * draw("sure", asked.model, asked.user, number)
    top = [_weight(token, sure)]
    for listed, left in ((rivals, (1.0 - sure) * 0.95), (others, (1.0 - sure) * 0.05)):
        for at, each in enumerate(listed, 1):
            top.append(_weight(blank + each, left * 0.5**at / (1.0 - 0.5 ** len(listed))))
    return {**_weight(token, sure), "top_logprobs": top}


def _weight(token: str, chance: float) -> _Weight:
    return {"token": token, "logprob": math.log(chance), "bytes": list(token.encode())}
