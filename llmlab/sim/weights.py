"""Log-probabilities of an answer's tokens, as replies and streams have them."""

from collections.abc import Iterator, Sequence
from typing import Any

from llmlab.sim.authors.author import Written
from llmlab.sim.streams import words

Weight = dict[str, Any]


def shown(written: Written, count: int | None) -> list[Weight]:
    """Return the tokens of an answer with the *count* likeliest each; none where none are asked."""
    if count is None:
        return []
    return [{**each, "top_logprobs": each["top_logprobs"][:count]} for each in written.logprobs]


def weighed(text: str, found: Sequence[Weight]) -> Iterator[tuple[str, list[Weight]]]:
    """Yield the pieces of a stream with their tokens; joined they are *text*."""
    if "".join(each["token"] for each in found) == text:
        yield from ((each["token"], [each]) for each in found)
        return
    for number, word in enumerate(words(text)):
        yield word, list(found) if number == 0 else []
