"""In: anything that might be shown or kept. Out: the same without what must stay secret."""

from llmlab.ops.address import Address
from llmlab.ops.environment import Environment, for_child
from llmlab.ops.redact import redact
from llmlab.ops.scrub import Scrubber, Strain
from llmlab.ops.secret import Secret, Shy, ShyBytes

__all__ = [
    "Address",
    "Environment",
    "Scrubber",
    "Secret",
    "Shy",
    "ShyBytes",
    "Strain",
    "for_child",
    "redact",
]
