"""The plots of a comparison, in one place to call them from."""

from llmlab.views.plots.ecdf import latency
from llmlab.views.plots.forest import differences, forest
from llmlab.views.plots.frontier import frontier
from llmlab.views.plots.reliability import calibration

__all__ = ["calibration", "differences", "forest", "frontier", "latency"]
