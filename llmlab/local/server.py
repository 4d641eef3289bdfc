"""
Own a running embedded model: start it, know whether it lives, and be sure that it ends.

The model runs in a child process (see `child`): a crash there leaves the notebook alone, an
interrupted cell leaves the model alone, and when the owner dies in any way the child's standard
input ends and the child with it.

An A/B cell sends many prompts that begin alike, and reading a prompt is most of the work of a
one-word answer. llama.cpp keeps what each slot has read, so the defaults see to it that a prompt
meets its own beginning again. Measured with few-shot prompts of 203 to 211 tokens, 3 generated,
60 requests, 2 in flight, 2 threads on 2 shared cores, the prompts taking turns:

    prompts  slots                                   load  calls/s  beginning found
    1        2      cache_prompt off                  1.2      1.9         0 of 60
    1        2      on, any similarity, any memory    1.4  8.0-8.4   58-59 of 60
    4        2      on, no memory                     2.0  1.9-2.2         0 of 60
    4        2      on, 256 MiB of memory             1.9  7.3-7.9        56 of 60
    3        4      on, similarity 0.1              2-5.5  0.7-1.4      1-10 of 60
    3        4      on, similarity 0.5              5.4-5.8  2.9-4.7        57 of 60

- `slot_prompt_similarity` is 0.5, not llama.cpp's 0.1: the chat template's own opening is 11 % of
  such a prompt, so at 0.1 every prompt counts as alike and overwrites another's slot.
- `cache_ram_mib` is 128, not llama.cpp's 8192: prompts that lose their slot are kept in memory,
  which lets more prompts than slots take turns. 32, 128 and 256 MiB found 56 of 60 alike; the
  process grew from 257 to 277 MB.
- Pinning prompts to slots (`id_slot`) is not used: it found no more (58 of 60, 2 prompts on 2
  slots) and a request then waits for its slot while the other is idle (6.0 against 7.7 and 8.1
  calls/s, one run each).

What was read before can change an answer even at temperature 0: of 60 texts, two runs with the
cache off gave 60 alike, two runs with it on 60, one of each 57 to 60 (probably sums taken in
batches of another shape). Send `"cache_prompt": false` where the same words must always give the
same text.
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

MOST_THREADS = 4
CACHE_MIB = 128
SIMILARITY = 0.5
"""The share of a prompt that a slot must hold already to be chosen for it."""


@dataclass(kw_only=True, eq=False)
class LocalServer:
    """A model that answers at `address` until `stop()`, or until this object or process ends."""

    address: str
    """Such as `http://127.0.0.1:40123`; `/v1/chat/completions` and the rest hang below."""
    key: str = field(repr=False)
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
        threads: int | None = None,
        timeout: float = 60.0,
    ) -> "LocalServer":
        """
        Start the model and wait until it is loaded (1 to 2 s); any thread may call this.

        Args:
            model: A GGUF file.
            slots: Requests answered at the same time; more wait in line.
            context: Tokens of prompt and answer for each slot.
            threads: For computing; the number of cores by default, 4 at most.
            timeout: Seconds to wait for the model to be loaded.

        Raises:
            LocalModelError: No file, a damaged one, no runtime, or no address in time.
        """
        _require_sound(model)
        key = secrets.token_urlsafe(32)
        parameters = {
            "model": str(model),
            "alias": model.stem,
            "key": key,
            "slots": slots,
            "port": 0,
            "n_ctx": slots * context,
            "threads": threads or min(MOST_THREADS, os.cpu_count() or 1),
            "cache_ram_mib": CACHE_MIB,
            "slot_prompt_similarity": SIMILARITY,
        }
        process, address = spawn(parameters, timeout)
        return cls(address=address, key=key, _process=process)

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
