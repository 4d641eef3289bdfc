"""In: a cell. Out: a call to the lab, and its result where the reader looks."""

from llmlab.notebook.load import load_ipython_extension

__all__ = ["load_ipython_extension"]
