"""
In: requests in the wire formats of five providers. Out: the answers those providers would give.

A loopback server written from the providers' documentation alone, so that a mistake in
llmlab's own adapters meets somebody who does not share it.
"""

from llmlab.sim.authors.author import Asked, Author, Written
from llmlab.sim.authors.embedded import EmbeddedAuthor
from llmlab.sim.authors.rule import RuleAuthor
from llmlab.sim.serve import environment, serve
from llmlab.sim.server.faults import Faults, SimulatedFault
from llmlab.sim.server.limits import Limit
from llmlab.sim.server.server import Served, Simulator

__all__ = [
    "Asked",
    "Author",
    "EmbeddedAuthor",
    "Faults",
    "Limit",
    "RuleAuthor",
    "Served",
    "SimulatedFault",
    "Simulator",
    "Written",
    "environment",
    "serve",
]
