"""One question to one model."""

from typing import Any

from llmlab.errors import ERRORS_BY_KIND, CallError
from llmlab.records import Answer, Api, Failure, Parameters, Prompt
from llmlab.runs.caller import OnPiece
from llmlab.runs.parts import Parts
from llmlab.runs.plan import parameters_of, request_for


async def answer_of(
    parts: Parts,
    prompt: str,
    model: str | None,
    *,
    on_piece: OnPiece | None = None,
    system: str | None = None,
    api: Api | None = None,
    deadline: float | None = None,
    repeat: int = 0,
    **parameters: Any,
) -> Answer:
    """
    Ask; the book answers when the question is deterministic and was asked before.

    Raises:
        UsageError: The input is bad; nothing was sent.
        CallError: The call failed.
    """
    arm = parts.catalogue.arms(model or parts.settings.models)[0]
    words = Prompt(name="ask", user=prompt, system=system)
    request = request_for(
        arm,
        words,
        parameters_of(parameters),
        repeat=repeat,
        stream=on_piece is not None,
        api=api,
    )
    endpoint = await parts.backends.endpoint(arm.model.provider)
    caller = parts.caller()
    prepared = caller.prepare(request, arm.model, endpoint)
    known = caller.known(prepared) if _deterministic(request.parameters) else None
    if known is not None:
        return known
    outcome = await caller.outcome(
        prepared, deadline=deadline or parts.deadline(prepared), on_piece=on_piece
    )
    if isinstance(outcome, Failure):
        raise _error_of(outcome, arm.model.provider)
    return outcome


def _deterministic(parameters: Parameters) -> bool:
    """Say whether asking again should give the same: then the book may answer."""
    return parameters.temperature == 0.0 or parameters.seed is not None


def _error_of(failure: Failure, provider: str) -> CallError:
    kind = ERRORS_BY_KIND.get(failure.kind, CallError)
    return kind(
        failure.message,
        provider=provider,
        status=failure.status,
        request_id=failure.request_id,
        partial=failure.partial,
    )
