"""In: an answer and what it should have been. Out: a number, higher is better."""

from llmlab.scores.apply import scored
from llmlab.scores.scorer import ScoreFunction, Scorer, scorer_of

__all__ = ["ScoreFunction", "Scorer", "scored", "scorer_of"]
