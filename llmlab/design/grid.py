"""The grid of an experiment: prompts × models × inputs × repeats, in randomized blocks."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from llmlab.catalogue import Model, ModelVariant, default_api, for_arm
from llmlab.design.design import Design
from llmlab.errors import AttachmentError
from llmlab.records import Api, Parameters, Prompt, Request
from llmlab.templates import Template


class Input(Struct, frozen=True, kw_only=True, gc=False):
    """One row of the frame that is asked about."""

    id: str
    values: Mapping[str, object] = msgspec.field(default_factory=dict)
    target: object = None


class Cell(Struct, frozen=True, kw_only=True, gc=False):
    """One call of the grid: its request, model variant and input."""

    request: Request
    arm: ModelVariant
    input: Input


class RequestOptions(Struct, frozen=True, kw_only=True):
    """How a question is asked: model variant, parameters, API."""

    arm: ModelVariant
    parameters: Parameters
    api: Api

    def request(self, prompt: Prompt, *, repeat: int = 0, stream: bool = False) -> Request:
        """Return the request with *prompt*."""
        model = self.arm.model
        return Request(
            provider=model.provider,
            model=model.id,
            label=self.arm.label,
            prompt=prompt,
            parameters=self.parameters,
            api=self.api,
            stream=stream,
            repeat=repeat,
        )


Filler: TypeAlias = Callable[
    [Template, Mapping[str, object], Sequence[ModelVariant], Parameters], Sequence[Prompt]
]
"""Fills a template for each arm: one prompt an arm, which differ where context is packed."""


def grid(
    design: Design,
    templates: Sequence[Template],
    arms: Sequence[ModelVariant],
    inputs: Sequence[Input],
    *,
    whole: Mapping[str, object] | None = None,
    filled: Filler | None = None,
) -> tuple[Cell, ...]:
    """
    Cross the axes, in blocks: every arm is asked about an input within the same minutes.

    Inputs are shuffled, and within each the arms, by the design's `order_seed`; a provider that
    slows down at noon then slows every prompt alike. The same seed gives the same order.

    Args:
        design: Repeats, parameters, order, whether answers are streamed. An A/A test asks the
            second half of the templates under other numbers of repeats.
        templates: The prompts.
        arms: The models.
        inputs: What is asked about.
        whole: For early stopping: by input id, the unit that is finished, with all its repeats,
            before the next is begun: the input itself or its cluster.
        filled: Fills the templates; every arm alike when None.
    """
    draw = random.Random(design.order_seed)  # noqa: S311 - an order of work, not a secret
    base = design.parameters
    options = [request_options(arm, base) for arm in arms]

    def fill(template: Template, values: Mapping[str, object]) -> Sequence[Prompt]:
        return (filled or filled_alike)(template, values, arms, base)

    cells: list[Cell] = []
    for repeat, each in _order(inputs, design.repeats, draw, whole):
        try:
            block = _block(design, templates, options, each, repeat, fill)
        except AttachmentError as error:
            raise AttachmentError(f"input {each.id!r}: {error}") from None
        cells.extend(draw.sample(block, len(block)))
    return tuple(cells)


def _order(
    inputs: Sequence[Input],
    repeats: int,
    draw: random.Random,
    whole: Mapping[str, object] | None,
) -> Iterator[tuple[int, Input]]:
    """Yield repeat and input; by rounds, or input by input (cluster by cluster) when *whole*."""
    if whole is None:
        for repeat in range(repeats):
            yield from ((repeat, each) for each in draw.sample(inputs, len(inputs)))
        return
    groups: dict[object, list[Input]] = {}
    for each in draw.sample(inputs, len(inputs)):
        groups.setdefault(whole[each.id], []).append(each)
    for members in groups.values():
        for each in members:
            yield from ((repeat, each) for repeat in range(repeats))


def _block(
    design: Design,
    templates: Sequence[Template],
    options: Sequence[RequestOptions],
    each: Input,
    repeat: int,
    fill: Callable[[Template, Mapping[str, object]], Sequence[Prompt]],
) -> list[Cell]:
    second = {template.name for template in templates[len(templates) // 2 :] if design.aa}
    return [
        Cell(
            request=how.request(
                prompt,
                repeat=repeat + (design.repeats if template.name in second else 0),
                stream=design.stream,
            ),
            arm=how.arm,
            input=each,
        )
        for template in templates
        for how, prompt in zip(options, fill(template, each.values), strict=True)
    ]


def filled_alike(
    template: Template,
    values: Mapping[str, object],
    arms: Sequence[ModelVariant],
    _base: Parameters,
) -> Sequence[Prompt]:
    """Fill *template* once: without context blocks every arm reads the same words."""
    return [template.fill(values)] * len(arms)


def request_options(arm: ModelVariant, base: Parameters, api: Api | None = None) -> RequestOptions:
    """
    Return how *arm* is asked: its own parameters, overridden by the caller's.

    A model that reasons gets `REASONING_ROOM` tokens on top of `max_tokens`: every provider
    counts reasoning against the output limit, and a small limit would leave no answer at all.
    """
    wire = api or default_api(arm.model, base)
    return RequestOptions(arm=arm, parameters=merged(arm, base), api=wire)


REASONING_ROOM: Final = 4096
"""Tokens that a reasoning model may think on top of its answer."""


def merged(arm: ModelVariant, base: Parameters) -> Parameters:
    """Return the parameters *arm* is asked with: its own, the caller's on top, room to reason."""
    asked = for_arm(arm, base)
    counts = type(asked.max_tokens) is int and asked.max_tokens > 0
    if not counts or not reasons(asked, arm.model):
        return asked  # what is no count is left as it is, and `catalogue.check` refuses it
    return replace(asked, max_tokens=asked.max_tokens + REASONING_ROOM)


def reasons(parameters: Parameters, model: Model) -> bool:
    """Say whether *model*, asked so, reasons before it answers."""
    rules = model.rules
    if parameters.thinking is not None:
        return parameters.thinking
    effort = parameters.effort or rules.default_effort
    return rules.thinks_by_default or (bool(rules.efforts) and effort not in {None, "none"})
