"""In: anything that might be shown or kept. Out: the same without what must stay secret."""

from llmlab.secrets.address import Address
from llmlab.secrets.environment import Environment, for_child
from llmlab.secrets.redact import redact
from llmlab.secrets.scrub import Scrubber, Strain
from llmlab.secrets.secret import Secret, Shy, ShyBytes

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
