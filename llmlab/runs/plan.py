"""The grid of an experiment: prompts × models × inputs × repeats, in an order that is fair."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from llmlab.catalogue import Arm, Model, default_api, for_arm
from llmlab.errors import BadParameter, UsageError
from llmlab.records import Api, Parameters, Prompt, Request
from llmlab.templates import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One line of the frame that the prompts are tried on."""

    id: str
    values: Mapping[str, object] = field(default_factory=dict)
    target: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One call of the grid: what is asked of whom, about which input."""

    request: Request
    arm: Arm
    input: Input


def grid(
    templates: Sequence[Template],
    arms: Sequence[Arm],
    inputs: Sequence[Input],
    *,
    repeats: int = 1,
    parameters: Parameters | None = None,
    stream: bool = False,
    seed: int = 0,
) -> tuple[Cell, ...]:
    """
    Cross the axes, in blocks: every arm meets an input within the same minutes.

    Inputs are shuffled, and within each the arms, by *seed*; a provider that slows down at
    noon then slows every prompt alike. The same seed gives the same order.
    """
    if repeats < 1:
        raise UsageError(f"repeats must be at least 1, not {repeats}")
    draw = random.Random(seed)  # noqa: S311 - an order of work, not a secret
    base = parameters or Parameters()
    cells: list[Cell] = []
    for repeat in range(repeats):
        for each in draw.sample(inputs, len(inputs)):
            block = _block(templates, arms, each, base, repeat=repeat, stream=stream)
            cells.extend(draw.sample(block, len(block)))
    return tuple(cells)


def _block(
    templates: Sequence[Template],
    arms: Sequence[Arm],
    each: Input,
    base: Parameters,
    *,
    repeat: int,
    stream: bool,
) -> list[Cell]:
    prompts = [template.fill(each.values) for template in templates]
    return [
        Cell(
            request=request_for(arm, prompt, base, repeat=repeat, stream=stream),
            arm=arm,
            input=each,
        )
        for prompt in prompts
        for arm in arms
    ]


def request_for(
    arm: Arm,
    prompt: Prompt,
    base: Parameters,
    *,
    repeat: int = 0,
    stream: bool = False,
    api: Api | None = None,
) -> Request:
    """
    Ask *arm* with its own parameters, over which what the caller set wins.

    A model that reasons gets `REASONING_ROOM` tokens on top of `max_tokens`: every provider
    counts reasoning against the output limit, and a small limit would leave no answer at all.
    """
    return Request(
        provider=arm.model.provider,
        model=arm.model.id,
        label=arm.label,
        prompt=prompt,
        parameters=_merged(arm, base),
        api=api or default_api(arm.model, base),
        stream=stream,
        repeat=repeat,
    )


REASONING_ROOM: Final = 4096
"""Tokens that a reasoning model may think on top of its answer."""

_NAMES: Final = frozenset(each.name for each in fields(Parameters))


def _merged(arm: Arm, base: Parameters) -> Parameters:
    merged = for_arm(arm, base)
    if not reasons(merged, arm.model):
        return merged
    return replace(merged, max_tokens=merged.max_tokens + REASONING_ROOM)


def reasons(parameters: Parameters, model: Model) -> bool:
    """Say whether *model*, asked so, reasons before it answers."""
    rules = model.rules
    if parameters.thinking is not None:
        return parameters.thinking
    effort = parameters.effort or rules.default_effort
    return rules.thinks_by_default or (bool(rules.efforts) and effort not in {None, "none"})


def parameters_of(given: Mapping[str, Any]) -> Parameters:
    """Make `Parameters` of keyword arguments; None leaves a default alone."""
    unknown = sorted(set(given) - _NAMES)
    if unknown:
        raise BadParameter(f"no parameter is called {unknown[0]!r}")
    return Parameters(**{name: value for name, value in given.items() if value is not None})
