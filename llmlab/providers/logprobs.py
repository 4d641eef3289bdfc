"""Log-probabilities of tokens, which chat completions, Responses and Ollama write alike."""

from typing import Final

import msgspec
from msgspec import Struct

from llmlab.providers.decoding import UNREADABLE
from llmlab.records import TokenLogprob

_MOST: Final = 1e-3
"""A logarithm of a probability is at most 0, but for rounding."""


class _Likely(Struct):
    token: str
    logprob: float


class _Place(Struct):
    token: str
    logprob: float
    top_logprobs: list[_Likely] | None = None


def tokens_of(found: object) -> tuple[list[TokenLogprob], str]:
    """Return the tokens that a reply lists; or none, and what is wrong with the list."""
    try:
        places = msgspec.convert(found, list[_Place])
    except (msgspec.MsgspecError, RecursionError) as error:
        return [], f"{UNREADABLE}logprobs: {str(error)[:120]}"
    told = [each.logprob for each in places]
    told += [each.logprob for place in places for each in place.top_logprobs or ()]
    # Written so that NaN is refused, too.
    if not all(-_LEAST < each <= _MOST for each in told):
        return [], f"{UNREADABLE}logprobs: a logarithm of a probability is no number up to 0"
    return [_token(place) for place in places], ""


_LEAST: Final = 1e9


def _token(place: _Place) -> TokenLogprob:
    top = tuple((each.token, each.logprob) for each in place.top_logprobs or ())
    return TokenLogprob(token=place.token, logprob=place.logprob, top=top)
