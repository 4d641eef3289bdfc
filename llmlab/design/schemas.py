"""
A template's own schema: sent where the model follows one, and checked in every answer.

In: cells, and later rows, of templates whose front matter has a `schema:`. Out: cells that ask for
it, and notes that say how many answers do not follow it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from llmlab.catalogue import ModelVariant
from llmlab.catalogue.schemas import schema as fault_of
from llmlab.design.grid import Cell
from llmlab.design.options import schema_of
from llmlab.records import Answer, Parameters, Row, Schema
from llmlab.scores import Scorer
from llmlab.scores.documents import document_of, violation_of
from llmlab.scores.unread import Unread
from llmlab.templates import Template


def with_schemas(cells: Sequence[Cell], templates: Sequence[Template]) -> tuple[Cell, ...]:
    """
    Return *cells* that ask for the schema of their template.

    The caller's own schema wins. A model that takes none, or not this one, is asked in words alone,
    as every template does.
    """
    own = {each.name: each.schema for each in templates if each.schema is not None}
    known: dict[tuple[str, str], Parameters] = {}
    made = []
    for cell in cells:
        request, name = cell.request, (cell.request.prompt.name, cell.request.label)
        if name[0] not in own or request.parameters.schema is not None:
            made.append(cell)
            continue
        if name not in known:
            known[name] = _asked(request.parameters, cell.arm, own[name[0]], name[0])
        asked = structs.replace(request, parameters=known[name])
        made.append(structs.replace(cell, request=asked))
    return tuple(made)


def _asked(
    parameters: Parameters, arm: ModelVariant, document: Mapping[str, Any] | None, name: str
) -> Parameters:
    wish = schema_of({"title": name, **(document or {})})
    asked = replace(
        parameters, schema=Schema(name=wish.name, document=document or {}) if wish else None
    )
    return parameters if fault_of(asked, arm.model, "chat") is not None else asked


def knowing(scorer: Scorer | None, templates: Sequence[Template]) -> Scorer | None:
    """
    Return *scorer* with the labels that the schemas of *templates* offer.

    `neutral` is then a wrong answer rather than an unread one, though no input has it for a target.
    """
    if scorer is None or scorer.offered is None:
        return scorer
    choices = [each for one in templates for each in _enums(one.schema or {})]
    return next((made for each in choices if (made := scorer.offered(each)) is not None), scorer)


def _enums(node: Any) -> Iterator[list[object]]:
    """Yield the choices of every field of a schema."""
    if isinstance(node, Mapping):
        if isinstance(node.get("enum"), list):
            yield node["enum"]
        for inner in node.values():
            yield from _enums(inner)


def schema_notes(rows: Sequence[Row], templates: Sequence[Template]) -> tuple[str, ...]:
    """Say for each arm how many whole answers do not follow the schema of their template."""
    checks = {each.name: violation_of(each.schema) for each in templates if each.schema is not None}
    answers: dict[tuple[str, str], int] = defaultdict(int)
    wrong: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        name, outcome = (row.request.prompt.name, row.request.label), row.outcome
        if name[0] not in checks or not isinstance(outcome, Answer):
            continue
        if outcome.gap or outcome.calls_only:
            continue
        answers[name] += 1
        data = document_of(outcome)
        fault = data.why if isinstance(data, Unread) else checks[name[0]](data)
        if fault:
            wrong[name].append(fault)
    return tuple(
        f"{len(faults):,} of {answers[name]:,} answers of {name[0]} \u00b7 {name[1]} do not follow "
        f"the template's schema (the first: {faults[0]})."
        for name, faults in wrong.items()
    )
