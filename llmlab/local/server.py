"""
Own a running embedded model: start it, know whether it lives, and be sure that it ends.

The model runs in a child process (see `child`): a crash there leaves the notebook alone, an
interrupted cell leaves the model alone, and when the owner dies in any way the child's standard
input ends and the child with it.

An A/B cell sends many prompts that begin alike, and reading a prompt is most of the work of a
one-word answer. So each slot is a copy of the model with one thread that answers one request at
a time and keeps what it has read. Measured on 2 cores with the first 60 and 36 requests of the
quickstart's two cells (prompts of 46 to 177 tokens, 468 tokens generated):

    copies x threads, requests each                CPU s        tokens read
    1 x 2, two at once (llama.cpp's slots)      7.6 + 6.4      585 and 1073
    1 x 2, one at a time                        6.5 + 3.7      431 and  432
    1 x 1, one at a time                        4.6 + 2.9      431 and  432
    2 x 1, one at a time each                   6.1 + 4.6      731 and  828

- A token costs 5 to 6 ms of CPU however many are answered together, and 7 to 8 ms where two
  threads compute it: they wait for each other hundreds of times a token, and for longer when the
  machine is busy. Two copies never wait: the 60 took 3.1 s (load 3) where one took 4.6 (load 1).
- The file is mapped, so copies share its 98 MB; each adds 100 MB for its cache and its sums.
- `slot_prompt_similarity` is 0.5, not llama.cpp's 0.1: the chat template's own opening is 11 % of
  such a prompt, so at 0.1 every prompt counts as alike and overwrites another's slot.
- `cache_ram_mib` is 64 a copy, not llama.cpp's 8192: prompts that lose their slot are kept in
  memory, which lets many prompts take turns (23 kB a token).
- Flash attention is off: with it, what was read before changed the text of 16 of 60 requests
  (cache on against off), without it of 3. Send `"cache_prompt": false` where the same words must
  always give the same text.
"""

import os
import secrets
import subprocess
import weakref
from dataclasses import dataclass, field
from pathlib import Path

from llmlab.errors import LocalModelError
from llmlab.local.model import INSTALL, SMOLLM2, is_stamped, matches
from llmlab.local.process import end, spawn
from llmlab.secrets import Shy

CACHE_MIB = 64
SIMILARITY = 0.5
"""The share of a prompt that a slot must hold already to be chosen for it."""


@dataclass(kw_only=True, eq=False)
class LocalServer:
    """A model that answers at `address` until `stop()`, or until this object or process ends."""

    address: str
    """Such as `http://127.0.0.1:40123`; `/v1/chat/completions` and the rest hang below."""
    addresses: tuple[str, ...]
    """Of every copy, `address` first; all take the same key."""
    key: Shy = field(repr=False)
    """The bearer token, new at each start; without it the server answers 401."""
    _process: "subprocess.Popen[bytes]" = field(repr=False)
    _finish: "weakref.finalize[..., LocalServer]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # finalize also runs at interpreter exit, as atexit would.
        self._finish = weakref.finalize(self, end, self._process, os.getpid())

    @classmethod
    def start(
        cls,
        model: Path,
        *,
        slots: int = 2,
        context: int = 2048,
        threads: int = 1,
        timeout: float = 60.0,
    ) -> "LocalServer":
        """
        Start the model and wait until it is loaded (1 to 2 s); any thread may call this.

        Args:
            model: A GGUF file.
            slots: Copies of the model, each with an address; each answers one request at a time,
                more wait in line.
            context: Tokens of prompt and answer for each slot.
            threads: Of each copy; more make a long prompt faster where cores are idle.
            timeout: Seconds to wait for the model to be loaded.

        Raises:
            LocalModelError: No file, a damaged one, no runtime, or no address in time.
        """
        _require_sound(model)
        key = Shy(secrets.token_urlsafe(32))
        parameters = {
            "model": str(model),
            "alias": model.stem,
            "key": key,
            "slots": slots,
            "port": 0,
            "context": context,
            "threads": threads,
            "cache_ram_mib": CACHE_MIB,
            "slot_prompt_similarity": SIMILARITY,
        }
        process, addresses = spawn(parameters, timeout)
        return cls(address=addresses[0], addresses=addresses, key=key, _process=process)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the child still runs; False after a crash, too."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the child within 3 s, whatever it is doing; again is harmless."""
        self._finish()


def _require_sound(model: Path) -> None:
    """Refuse a file that is absent, or has the pinned name and other bytes."""
    if not model.is_file():
        raise LocalModelError(f"there is no model at {model}: {INSTALL}")
    if model.name != SMOLLM2.file or is_stamped(model, SMOLLM2):
        return
    # llama.cpp loads a file with a flipped bit without a word, and answers nonsense.
    if not matches(model, SMOLLM2):
        raise LocalModelError(f"{model} is damaged (wrong SHA-256): {INSTALL}")
