"""One question to one model."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from llmlab.archive.replay import replayed_answer
from llmlab.archive.run_store import question_row
from llmlab.backends.pulled import require_pulled
from llmlab.calls.caller import OnPiece
from llmlab.calls.identity import content_of
from llmlab.catalogue import Model
from llmlab.checks.amounts import NUMBERED, SECONDS
from llmlab.design.options import as_type, parameters_of
from llmlab.design.question import Question, one_model
from llmlab.errors import ERRORS_BY_KIND, CallError
from llmlab.records import Answer, Api, Failure, Parameters, Piece, Prompt, Request
from llmlab.runs.filling import Filling
from llmlab.runs.services import Services
from llmlab.templates import Template


async def answer_of(
    services: Services,
    prompt: object,
    model: object,
    *,
    schema: object = None,
    system: object = None,
    values: Mapping[str, object] | None = None,
    messages: object = None,
    **options: Any,
) -> Answer:
    """
    Ask one model; where *schema* is a type, `parsed` is an instance of it.

    *schema* is a JSON schema, a pydantic model, a msgspec Struct or a dataclass.
    """
    asked = Question(prompt=prompt, system=system, values=values, messages=messages)
    return await answer_to(services, asked, model, schema=schema, **options)


async def answer_to(
    services: Services, asked: Question, model: object, *, schema: object = None, **options: Any
) -> Answer:
    """Ask one model a question that is put together already; see `answer_of`."""
    answer = await _answer(services, asked, model, schema=schema, **options)
    if not isinstance(schema, type):
        return answer
    parsed, warnings = as_type(answer.parsed, schema)
    return replace(answer, parsed=parsed, warnings=(*answer.warnings, *warnings))


async def _answer(
    services: Services,
    asked: Question,
    model: object,
    *,
    on_piece: OnPiece | None = None,
    api: Api | None = None,
    deadline: float | None = None,
    repeat: int = 0,
    **parameters: Any,
) -> Answer:
    """
    Ask; the book answers when the question is deterministic and was asked before.

    A question that is under way already, whoever asked it, is not sent a second time.
    In replay mode the tape answers. A stored answer is streamed as one piece.

    Raises:
        UsageError: The input is bad; nothing was sent.
        ReplayMiss: The tape has no answer to this question.
        CallError: The call failed.
    """
    catalogue = services.catalogue
    name = services.settings.models if model is None else one_model(model, catalogue.lineups)
    options = services.options_cache.of(catalogue, name, api, parameters)
    filling = Filling(services.counting)

    def fill(template: Template, given: Mapping[str, object]) -> Prompt:
        return filling(template, given, [options.arm], parameters_of(parameters))[0]

    words = asked.filled(fill)
    request = options.request(words, repeat=_repeat_of(repeat), stream=on_piece is not None)
    limit = None if deadline is None else SECONDS.read(deadline, "deadline")
    if services.settings.mode == "replay":
        return _told(_replayed(services, request, options.arm.model), on_piece)
    answer = await _sent(
        services, request, options.arm.model, deadline=limit, on_piece=on_piece, reuse=asked.reuse
    )
    notes = () if asked.values is None else filling.notes()
    return replace(answer, warnings=(*answer.warnings, *notes)) if notes else answer


def _replayed(services: Services, request: Request, model: Model) -> Answer:
    drop = services.settings.drop_parameters
    return replayed_answer(services.tape, request, model, drop=drop)


async def _sent(
    services: Services,
    request: Request,
    model: Model,
    *,
    deadline: float | None,
    on_piece: OnPiece | None,
    reuse: bool,
) -> Answer:
    """Send one question and keep it as a row of the run `ask`."""
    endpoint = await services.backends.endpoint(model.provider)
    await require_pulled(services.pulled, model, endpoint)
    caller = services.asker
    prepared = caller.prepare(request, model, endpoint)
    services.counting.check(prepared.request, model)
    answer = await caller.outcome(
        prepared,
        deadline=deadline or services.deadline(prepared),
        on_piece=on_piece,
        reuse=reuse or _deterministic(request.parameters),
        strict=deadline is not None,
    )
    if isinstance(answer, Failure):
        raise _error_of(answer, model.provider)
    content = content_of(prepared.request)
    row = question_row(prepared.request, prepared.key, answer, content)
    services.recorder.question(row, by=endpoint.identity, content=content)
    return answer


def _repeat_of(repeat: object) -> int:
    """Check *repeat*; the usual case, a plain count, is returned as it is."""
    if type(repeat) is int and repeat >= 0:
        return repeat
    return int(NUMBERED.read(repeat, "repeat"))


def _told(answer: Answer, on_piece: OnPiece | None) -> Answer:
    """Pass a whole answer to *on_piece*, if the caller streams."""
    if on_piece is not None:
        on_piece(Piece(text=answer.text, reasoning=answer.reasoning))
    return answer


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
