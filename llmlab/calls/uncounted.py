"""
Ollama's missing or too small token counts.

Ollama omits counts that are 0 or unknown, and cuts a prompt that does not fit its context window
without a warning: only the count of what it read shows it. The tokenizer is used only where a
count is absent or too small to be true.
"""

from typing import Final

from msgspec.structs import replace

from llmlab.catalogue import Model
from llmlab.records import Answer, Request

ESTIMATED: Final = "tokens are llmlab's own estimate: the server did not count them"
CUT: Final = "the server read about"
"""Parts of the warnings by which a run finds them to make a note."""

_OLLAMA: Final = "ollama"
_BYTES_PER_TOKEN: Final = 5.5
"""More bytes per token than any language has: fewer tokens were read than sent."""

_LOW_SHARE: Final = 0.7
"""Share of llmlab's own low bound below which another vocabulary cannot explain the count."""


def counted(answer: Answer, request: Request, model: Model) -> Answer:
    """Return *answer* with absent counts estimated, and with a warning where the prompt was cut."""
    if request.provider != _OLLAMA:
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
    if read >= _LOW_SHARE * own.low:
        return answer
    window = request.parameters.context
    given = f" (num_ctx {window:,})" if window else ""
    warning = (
        f"{CUT} {read:,} of {own.tokens:,} tokens{given}: it cut the prompt, or counted only "
        "what its cache did not have; shorten the prompt or raise tier_local"
    )
    return replace(answer, warnings=(*answer.warnings, warning))
