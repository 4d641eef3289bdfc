"""The notebook magics. In: a cell. Out: a call to the lab, and its displayed result."""

from llmlab.notebook.load import load_ipython_extension

__all__ = ["load_ipython_extension"]
