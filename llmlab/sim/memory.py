"""State of a simulated provider between calls: cached prompts and loaded models."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

ENTRIES = 4096


@dataclass(slots=True, kw_only=True)
class Memory:
    """State of one running simulator; bounded, so that a long load test does not grow it."""

    prompts: OrderedDict[str, None] = field(default_factory=OrderedDict)
    asked: OrderedDict[str, str] = field(default_factory=OrderedDict)
    """The last prompt of each `prompt_cache_key`."""
    loaded: dict[str, int] = field(default_factory=dict)
    """Loaded Ollama models, each with its context window."""
    files: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    """Uploaded and generated files, by id."""
    batches: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    """Batches by id; see `sim.batches`."""

    def keep(self, shelf: OrderedDict[str, Any], name: str, value: object) -> None:
        """Store a value in *shelf*; the oldest is dropped when it is full."""
        shelf[name] = value
        if len(shelf) > ENTRIES:
            shelf.popitem(last=False)

    def warm(self, prefix: str) -> None:
        """Store the digest of a prompt prefix."""
        self.prompts[prefix] = None
        self.prompts.move_to_end(prefix)
        if len(self.prompts) > ENTRIES:
            self.prompts.popitem(last=False)
