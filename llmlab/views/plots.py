"""The four plots of a comparison, in one place to call them from."""

from llmlab.views.ecdf import latency
from llmlab.views.forest import differences, forest
from llmlab.views.frontier import frontier

__all__ = ["differences", "forest", "frontier", "latency"]
