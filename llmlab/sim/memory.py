"""What a simulated provider remembers between calls: warm prompts and loaded models."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

ENTRIES = 4096


@dataclass(slots=True, kw_only=True)
class Memory:
    """State of one running simulator; bounded, so that a long load test does not grow it."""

    prompts: OrderedDict[str, None] = field(default_factory=OrderedDict)
    loaded: dict[str, int] = field(default_factory=dict)
    """Loaded Ollama models with the context each was given."""
    files: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    """Uploaded and made files, by id."""
    batches: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    """Batches by id; `sim.batches` knows what is in one."""

    def keep(self, shelf: OrderedDict[str, Any], name: str, value: object) -> None:
        """Put something on a shelf; the oldest falls off a full one."""
        shelf[name] = value
        if len(shelf) > ENTRIES:
            shelf.popitem(last=False)

    def warm(self, prefix: str) -> bool:
        """Remember a prompt prefix by its digest; say whether it was there already."""
        known = prefix in self.prompts
        self.prompts[prefix] = None
        self.prompts.move_to_end(prefix)
        if len(self.prompts) > ENTRIES:
            self.prompts.popitem(last=False)
        return known
