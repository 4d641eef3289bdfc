"""In: an answer and what it should have been. Out: a number, higher is better."""

from llmlab.scores.apply import said_by, scored
from llmlab.scores.documents import json
from llmlab.scores.judge import Judge, judge
from llmlab.scores.label_p import label_p
from llmlab.scores.numeric import number, number_of
from llmlab.scores.ranks import rank_ic
from llmlab.scores.registry import SCORES, function, score_of, scorer_of
from llmlab.scores.returns import direction, signed_return
from llmlab.scores.scorer import Score, ScoreFunction, Scorer
from llmlab.scores.stated import brier, log_loss, probability_of
from llmlab.scores.tools import tool
from llmlab.scores.trial import try_out
from llmlab.scores.words import contains, exact, label, regex, similarity

__all__ = [
    "SCORES",
    "Judge",
    "Score",
    "ScoreFunction",
    "Scorer",
    "brier",
    "contains",
    "direction",
    "exact",
    "function",
    "json",
    "judge",
    "label",
    "label_p",
    "log_loss",
    "number",
    "number_of",
    "probability_of",
    "rank_ic",
    "regex",
    "said_by",
    "score_of",
    "scored",
    "scorer_of",
    "signed_return",
    "similarity",
    "tool",
    "try_out",
]
