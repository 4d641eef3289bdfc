"""Cost estimate of judging a run, before anything is sent."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llmlab.design.experiment import Experiment
from llmlab.records import JudgeForecast, Usage
from llmlab.runs.forecast import BYTES_PER_TOKEN, USUAL_OUTPUT
from llmlab.scores.judge import Judge, question

if TYPE_CHECKING:
    from llmlab.catalogue import Catalogue, ModelVariant
    from llmlab.pricing import Prices


def judge_arm(catalogue: "Catalogue", judge: Judge, line_up: str) -> "ModelVariant":
    """Return the judging model: the one that was named, else the first of the line-up."""
    return catalogue.arms(judge.model or line_up)[0]


def judge_forecast(
    experiment: Experiment,
    judge: Judge,
    arm: "ModelVariant",
    prices: "Prices",
    *,
    live: bool,
    at: float,
) -> JudgeForecast:
    """
    Estimate the judge's calls, two a comparison, as if every answer had its usual length.

    Answers with the same words are not put to the judge and what the book knows is not sent
    again, so that the number of calls is the most there can be, reminders aside.
    """
    calls = 2 * _comparisons(experiment, judge)
    if not live:
        return JudgeForecast(label=arm.label, calls=calls, expected_usd=0.0)
    model, tokens = arm.model, _input_tokens(experiment, judge)
    usage = Usage(input=tokens, cached=0, output=min(judge.max_tokens, USUAL_OUTPUT))
    cost = prices.cost(usage, model.provider, model.id, at)
    expected = None if cost is None else calls * float(cost.usd)
    return JudgeForecast(label=arm.label, calls=calls, expected_usd=expected)


def _comparisons(experiment: Experiment, judge: Judge) -> int:
    arms = len(experiment.names)
    each = len(experiment.cells) // arms
    return each * (math.comb(arms, 2) if judge.against == "all" else arms - 1)


def _input_tokens(experiment: Experiment, judge: Judge) -> int:
    """Count the judge's own words, a prompt of the run and two answers."""
    asked = question(judge, {}, None, ("", "")).words
    words = len(asked.encode()) + _mean([len(c.request.prompt.words) for c in experiment.cells])
    return words // BYTES_PER_TOKEN + 2 * USUAL_OUTPUT


def _mean(sizes: Sequence[int]) -> int:
    return sum(sizes) // len(sizes)
