"""
The options of a comparison, each defined once: `Design` is the keywords of `Lab.abtest`.

One more option is one more field here, an `argument` of `abtest_options` if a cell may say it, and
the place that uses it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import wraps
from inspect import Parameter, getdoc, signature
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar

from llmlab.checks.amounts import DOLLARS, NUMBERED, REPEATS
from llmlab.checks.plain import plain
from llmlab.design.names import model_names
from llmlab.design.options import PARAMETERS, parameters_of
from llmlab.errors import BadParameter, UsageError, suggest
from llmlab.records import Effort, Parameters, Tier
from llmlab.scores import Judge, Score, ScoreFunction

if TYPE_CHECKING:
    import pandas as pd

AnyScore: TypeAlias = str | Score | Judge | ScoreFunction
"""A name, settings, a judge, or a function of (text, target) or (answer, row)."""

Missing: TypeAlias = Literal["skip", "send"]
"""How to treat an input with a missing value: leave it out, or send the value as a word (`nan`)."""

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """
    What to compare, as it was given; `experiment_of` checks it.

    Args:
        prompts: `{"A": text, "B": text}`, or names of templates in the prompts folder.
        models: A line-up, names, or a list; the settings' line-up when None.
        system: The system prompt of every prompt, slots included; or several by name, such as
            `{"plain": None, "quant": "You are a quant."}`, each of which is an arm
            (`prompt+quant`). Refused where a prompt has a `[system]` part of its own.
        on: One input a row; its columns are the slots, its index names the inputs.
        score: A name ("label", "number:5%", "regex:...", "judge:gpt" ...; see
            `llmlab.scores`), a score with settings (`scores.label(aliases={...})`), or a
            function of `(text, target)` or `(answer, row)`.
        target: The column with what should have been answered, `target` when None; or a
            Series, which goes by the frame's index.
        repeats: How often each question is asked; repeats are averaged within an input.
        cluster: The column whose equal values belong together (same day, same ticker).
        as_of: The column of dates; inputs before a model's knowledge cut-off are marked.
        horizon: How far targets look ahead, where those of neighbouring dates overlap: 5 of
            the run's dates, or a span such as "7D". Dates are those of as_of, or the cluster.
        against: The baseline that the others are compared with, instead of every two arms: a
            prompt, a model, or an arm as `prompt · label`.
        stop_when_clear: Whether to check after each input (cluster), and to stop sending
            once one arm is clear of every other; the error rate stays at 5 %.
        aa: Whether to ask each prompt twice over, to measure the noise of the score itself.
        missing: How to treat an input without a value for a slot (NaN, None, NaT, blank
            text): "skip" leaves it out of every arm, "send" sends it as a word; refused
            when None.
        budget: Dollars that this run may spend at most.
        name: The run's name; made from its content when None.
        values: Slots beside those of the frame.
        stream: Whether answers are streamed, which measures time to first token.
        order_seed: Seed of the order in which calls are sent.
        quiet: Whether to show neither plan nor progress.
        batch: Whether to submit batches where the provider takes them (OpenAI, Anthropic,
            xAI): a lower price, an answer within a day. Interrupted or restarted, the
            same call collects what was submitted.
        max_tokens: For every arm, as are those that follow: see `llmlab.records.Parameters`.
        schema: A JSON schema, or a type that describes one.
        search: True, a list of domains, or a `Search`.
        tools: Functions that the models may call: Python functions with annotations, JSON
            schemas in OpenAI's or Anthropic's shape, or `Tool`s. Calls are kept, never made.
        tool_choice: "auto", "none", "required", or the name of the tool that must be called.
        logprobs: How many of the likeliest tokens to report at each place of an answer with
            their log-probabilities; 0 or True reports the answer's own tokens alone.
    """

    prompts: Mapping[str, str] | Sequence[str] = field(kw_only=False)
    models: str | Sequence[str] | None = field(default=None, kw_only=False)
    system: str | Mapping[str, str | None] | None = None
    on: "pd.DataFrame | None" = None
    score: AnyScore | None = None
    target: "str | pd.Series[Any] | None" = None
    repeats: int = 1
    cluster: str | None = None
    as_of: str | None = None
    horizon: int | str | None = None
    against: str | None = None
    stop_when_clear: bool = False
    aa: bool = False
    missing: Missing | None = None
    budget: float | None = None
    name: str | None = None
    values: Mapping[str, object] | None = None
    stream: bool = False
    order_seed: int = 0
    quiet: bool = False
    batch: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | Sequence[str] | None = None
    thinking: bool | None = None
    effort: Effort | None = None
    schema: object = None
    search: object = None
    context: int | None = None
    tier: Tier | None = None
    extra: Mapping[str, object] | None = None
    tools: Sequence[object] | None = None
    tool_choice: str | None = None
    logprobs: int | None = None
    cache: bool | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    verbosity: Literal["low", "medium", "high"] | None = None

    @property
    def parameters(self) -> Parameters:
        """What every arm is asked with; `BadParameter` for what cannot be meant."""
        return parameters_of({name: getattr(self, name) for name in PARAMETERS})

    def checked(self) -> "Design":
        """
        Return the same with plain names and numbers.

        Raises:
            UsageError: One is none, or two options contradict each other.
        """
        if self.batch and self.stream:
            raise UsageError("a batch cannot be streamed: leave out stream=True or batch=True")
        if self.batch and self.stop_when_clear:
            raise UsageError("a batch cannot stop early: leave out stop_when_clear or batch=True")
        if self.against is not None and self.stop_when_clear:
            raise UsageError(
                "stop_when_clear looks for the best arm, and against= names one to be compared "
                "with: leave out one of the two"
            )
        return replace(
            self,
            models=model_names(self.models),
            repeats=int(REPEATS.read(self.repeats, "repeats")),
            order_seed=int(NUMBERED.read(self.order_seed, "order_seed")),
            budget=None if self.budget is None else DOLLARS.read(self.budget, "budget"),
            name=plain(self.name),
            against=plain(self.against),
            stream=bool(self.stream),
        )


OPTIONS = tuple(each.name for each in fields(Design))
"""Everything that can be said, by keyword."""


def said_as(
    record: Callable[P, Design],
) -> Callable[[Callable[Concatenate[S, Design, ...], R]], Callable[Concatenate[S, P], R]]:
    """
    Let a method that takes a `Design` be called with the keywords of *record*.

    What the method takes beside the design stays a keyword of its own. Signature and docstring
    show them all.

    Raises:
        BadParameter: When it is called: there is no option of this name; the nearest is given.
    """

    def keyworded(
        method: Callable[Concatenate[S, Design, ...], R],
    ) -> Callable[Concatenate[S, P], R]:
        lab, _, *own = signature(method).parameters.values()
        names = {each.name for each in own}

        @wraps(method)
        def called(self: S, /, *args: P.args, **said: P.kwargs) -> R:
            unknown = sorted(said.keys() - names - set(OPTIONS))
            if unknown:
                hint = suggest(unknown[0], OPTIONS)
                raise BadParameter(f"no parameter is called {unknown[0]!r}; {hint}")
            beside = {name: said.pop(name) for name in names & said.keys()}
            return method(self, record(*args, **said), **beside)

        taken = [*signature(record).parameters.values(), *own]
        called.__signature__ = signature(method).replace(parameters=[_bare(lab), *taken])  # type: ignore[attr-defined]  # what `inspect` reads
        options = (getdoc(Design) or "").partition("Args:")[2]
        called.__doc__ = f"{getdoc(method)}\n\nArgs:{options}"
        return called

    return keyworded


def _bare(parameter: Parameter) -> Parameter:
    return parameter.replace(annotation=Parameter.empty)
