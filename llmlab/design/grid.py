"""The grid of an experiment: prompts × models × inputs × repeats, in an order that is fair."""

import difflib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from llmlab.catalogue import Model, ModelVariant, default_api, for_arm
from llmlab.checks.amounts import REPEATS
from llmlab.checks.plain import plain
from llmlab.design.options import schema_of, search_of
from llmlab.errors import BadParameter
from llmlab.records import Api, Parameters, Prompt, Request
from llmlab.templates import Template


class Input(Struct, frozen=True, kw_only=True, gc=False):
    """One line of the frame that the prompts are tried on."""

    id: str
    values: Mapping[str, object] = msgspec.field(default_factory=dict)
    target: object = None


class Cell(Struct, frozen=True, kw_only=True, gc=False):
    """One call of the grid: what is asked of whom, about which input."""

    request: Request
    arm: ModelVariant
    input: Input


class RequestOptions(Struct, frozen=True, kw_only=True):
    """One way to ask: which arm, with which parameters, on which wire."""

    arm: ModelVariant
    parameters: Parameters
    api: Api

    def request(self, prompt: Prompt, *, repeat: int = 0, stream: bool = False) -> Request:
        """Return the question in these words."""
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


def grid(  # noqa: PLR0913 - the axes and how they are crossed
    templates: Sequence[Template],
    arms: Sequence[ModelVariant],
    inputs: Sequence[Input],
    *,
    repeats: int = 1,
    parameters: Parameters | None = None,
    stream: bool = False,
    seed: int = 0,
    first_repeat: Mapping[str, int] | None = None,
    whole: Mapping[str, object] | None = None,
    filled: Filler | None = None,
) -> tuple[Cell, ...]:
    """
    Cross the axes, in blocks: every arm meets an input within the same minutes.

    Inputs are shuffled, and within each the arms, by *seed*; a provider that slows down at
    noon then slows every prompt alike. The same seed gives the same order.

    Args:
        templates: The prompts.
        arms: The models.
        inputs: What they are tried on.
        repeats: How often each question is asked.
        parameters: For every arm.
        stream: Whether answers are streamed.
        seed: Of the order.
        first_repeat: By template name, where its repeats are numbered from (an A/A test asks
            the same words again under other numbers).
        whole: By input id, what must be finished before the next is begun: the input itself or
            its cluster, all repeats together, as looking after each asks for.
        filled: Who fills the templates; every arm alike when None.
    """
    draw = random.Random(seed)  # noqa: S311 - an order of work, not a secret
    base = parameters or Parameters()
    options_cache = [request_options(arm, base) for arm in arms]
    cells: list[Cell] = []
    times = int(REPEATS.read(repeats, "repeats"))
    for repeat, each in _order(inputs, times, draw, whole):
        block = _block(
            templates,
            options_cache,
            each,
            base,
            repeat=repeat,
            stream=stream,
            first=first_repeat or {},
            filled=filled or filled_alike,
        )
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
    templates: Sequence[Template],
    options_cache: Sequence[RequestOptions],
    each: Input,
    base: Parameters,
    *,
    repeat: int,
    stream: bool,
    first: Mapping[str, int],
    filled: Filler,
) -> list[Cell]:
    arms = [options.arm for options in options_cache]
    return [
        Cell(
            request=options.request(
                prompt, repeat=repeat + first.get(prompt.name, 0), stream=stream
            ),
            arm=options.arm,
            input=each,
        )
        for template in templates
        for options, prompt in zip(
            options_cache, filled(template, each.values, arms, base), strict=True
        )
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
    Ask *arm* with its own parameters, over which what the caller set wins.

    A model that reasons gets `REASONING_ROOM` tokens on top of `max_tokens`: every provider
    counts reasoning against the output limit, and a small limit would leave no answer at all.
    """
    wire = api or default_api(arm.model, base)
    return RequestOptions(arm=arm, parameters=merged(arm, base), api=wire)


REASONING_ROOM: Final = 4096
"""Tokens that a reasoning model may think on top of its answer."""

_NAMES: Final = frozenset(each.name for each in fields(Parameters))


def merged(arm: ModelVariant, base: Parameters) -> Parameters:
    """Return the parameters *arm* is asked with: its own, the caller's on top, room to reason."""
    asked = for_arm(arm, base)
    counts = type(asked.max_tokens) is int and asked.max_tokens > 0
    if not counts or not reasons(asked, arm.model):
        return asked  # no count stays as it was said, and `catalogue.check` refuses it
    return replace(asked, max_tokens=asked.max_tokens + REASONING_ROOM)


def reasons(parameters: Parameters, model: Model) -> bool:
    """Say whether *model*, asked so, reasons before it answers."""
    rules = model.rules
    if parameters.thinking is not None:
        return parameters.thinking
    effort = parameters.effort or rules.default_effort
    return rules.thinks_by_default or (bool(rules.efforts) and effort not in {None, "none"})


def parameters_of(given: Mapping[str, Any], *, own: Sequence[str] = ()) -> Parameters:
    """
    Make `Parameters` of keyword arguments; None leaves a default alone.

    Args:
        given: By name; numbers and texts of any kind, such as NumPy's.
        own: What the caller takes beside them, for "did you mean".

    Raises:
        BadParameter: There is none of this name; the nearest is given.
    """
    unknown = sorted(set(given) - _NAMES)
    if unknown:
        raise BadParameter(_unknown(unknown[0], own))
    said = {name: plain(value) for name, value in given.items() if value is not None}
    if "stop" in said:
        said["stop"] = (said["stop"],) if isinstance(said["stop"], str) else tuple(said["stop"])
    said["schema"] = schema_of(said.get("schema"))
    said["search"] = search_of(said.get("search"))
    return Parameters(**said)


def _unknown(name: str, own: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, [*_NAMES, *own], n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(_NAMES))}"
    return f"no parameter is called {name!r}; {hint}"
