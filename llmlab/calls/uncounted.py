"""
An Ollama server that does not count the prompt, or counts far less than was sent.

Its counts are left out when they are 0 or unknown, and a prompt that does not fit its window is
cut without a word: the count of what it read is all that tells. The tokenizer is asked only where
a count is absent or too small to be true.
"""

from typing import Final

from msgspec.structs import replace

from llmlab.catalogue import Model
from llmlab.records import Answer, Request

ESTIMATED: Final = "tokens are llmlab's own estimate: the server did not count them"
CUT: Final = "the server read about"
"""How the warnings begin (or end) that a run gathers into a note."""

_SILENT: Final = "ollama"
_BYTES_PER_TOKEN: Final = 5.5
"""More bytes than this to a token is no language: fewer tokens were read than were sent."""

_FAR: Final = 0.7
"""Share of llmlab's own low bound below which a count is no matter of another vocabulary."""


def counted(answer: Answer, request: Request, model: Model) -> Answer:
    """Return *answer* with counts that were absent filled in, and what they tell as a warning."""
    if request.provider != _SILENT:
        return answer
    usage = answer.usage
    if usage.input is None or usage.output is None:
        return _filled(answer, request, model)
    if usage.input * _BYTES_PER_TOKEN >= len(request.prompt.words.encode()):
        return answer
    return _cut(answer, request, model, usage.input)


def _filled(answer: Answer, request: Request, model: Model) -> Answer:
    from llmlab.tokens import count, count_prompt

    usage = answer.usage
    asked = count_prompt(request.prompt, model).tokens if usage.input is None else usage.input
    said = usage.output
    if said is None:
        said = count(f"{answer.reasoning}{answer.text}", model).tokens
    return replace(
        answer,
        usage=replace(usage, input=asked, output=said, estimated=True),
        warnings=(*answer.warnings, ESTIMATED),
    )


def _cut(answer: Answer, request: Request, model: Model, read: int) -> Answer:
    from llmlab.tokens import count_prompt

    own = count_prompt(request.prompt, model)
    if read >= _FAR * own.low:
        return answer
    window = request.parameters.context
    given = f" (num_ctx {window:,})" if window else ""
    warning = (
        f"{CUT} {read:,} of {own.tokens:,} tokens{given}: it cut the prompt, or counted only "
        "what its cache did not have; shorten the prompt or raise tier_local"
    )
    return replace(answer, warnings=(*answer.warnings, warning))
