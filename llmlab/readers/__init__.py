"""In: what other tools leave behind. Out: scores for `Comparison.from_scores`."""

from llmlab.readers.inspect_ai import read_inspect_ai
from llmlab.readers.promptfoo import read_promptfoo

__all__ = ["read_inspect_ai", "read_promptfoo"]
