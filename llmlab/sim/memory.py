"""What a simulated provider remembers between calls: warm prompts and loaded models."""

from collections import OrderedDict
from dataclasses import dataclass, field

ENTRIES = 4096


@dataclass(slots=True, kw_only=True)
class Memory:
    """State of one running simulator; bounded, so that a long load test does not grow it."""

    prompts: OrderedDict[str, None] = field(default_factory=OrderedDict)
    loaded: dict[str, int] = field(default_factory=dict)
    """Loaded Ollama models with the context each was given."""

    def warm(self, prefix: str) -> bool:
        """Remember a prompt prefix by its digest; say whether it was there already."""
        known = prefix in self.prompts
        self.prompts[prefix] = None
        self.prompts.move_to_end(prefix)
        if len(self.prompts) > ENTRIES:
            self.prompts.popitem(last=False)
        return known
