"""In: the rows of a run. Out: what they say, in words, tables, plots and files."""

from llmlab.comparison.comparison import Comparison
from llmlab.comparison.runs import compare_runs, read_comparison

__all__ = ["Comparison", "compare_runs", "read_comparison"]
