"""Log-probabilities of an answer that is made by rule: certain enough, and never quite."""

import math
import re
from collections.abc import Sequence
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
