"""The plots of a comparison, in one place to call them from."""

from llmlab.views.ecdf import latency
from llmlab.views.forest import differences, forest
from llmlab.views.frontier import frontier
from llmlab.views.reliability import calibration

__all__ = ["calibration", "differences", "forest", "frontier", "latency"]
