"""In: anything that might be shown or kept. Out: the same without what must stay secret."""

from llmlab.ops.redact import redact
from llmlab.ops.secret import Secret, Shy

__all__ = ["Secret", "Shy", "redact"]
