"""
In: requests in the wire formats of five providers. Out: the answers those providers would give.

A loopback server written from the providers' documentation alone, so that a mistake in
llmlab's own adapters meets somebody who does not share it.
"""

from llmlab.sim.author import Asked, Author, Written
from llmlab.sim.author_embedded import EmbeddedAuthor
from llmlab.sim.author_rule import RuleAuthor
from llmlab.sim.faults import Fault, Faults
from llmlab.sim.limits import Limit
from llmlab.sim.serve import environment, serve
from llmlab.sim.server import Served, Simulator

__all__ = [
    "Asked",
    "Author",
    "EmbeddedAuthor",
    "Fault",
    "Faults",
    "Limit",
    "RuleAuthor",
    "Served",
    "Simulator",
    "Written",
    "environment",
    "serve",
]
