"""What a measuring process does with the machine: its core, its files, its memory, its pace."""

import os
import platform
import sys
import threading
import time
from pathlib import Path
from typing import Final

_LOOPS: Final = 60_000
_TRIES: Final = 3
NOMINAL: Final = 0.0033
"""Seconds of CPU that `pace` takes on the machine all figures are scaled to."""


def pin(core: int) -> None:
    """Stay on one core, so that client and server do not share; where that cannot be, do not."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


def end_with_parent() -> None:
    """End this process when its standard input closes: when who started it ends, however."""

    def watch() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def more_files(want: int = 20_000) -> int:
    """Raise the limit of open files as far as this user may; return it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = want if hard == resource.RLIM_INFINITY else min(want, hard)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(soft, most)


def pace() -> float:
    """Return the CPU seconds of a fixed piece of pure Python: how slow the core is just now."""
    return min(_once() for _ in range(_TRIES))


def _once() -> float:
    start = time.process_time()
    total, words = 0, {}
    for at in range(_LOOPS):
        total += at * at % 7
        words[at & 255] = total
    return time.process_time() - start


class Memory:
    """The resident memory of this process, in bytes: now, and the peak since `reset`."""

    _STATUS = Path("/proc/self/status")
    _CLEAR = Path("/proc/self/clear_refs")

    def reset(self) -> int:
        """Begin a new peak where the system can; return what is held now."""
        if self._CLEAR.exists():
            self._CLEAR.write_text("5")
        return self.now()

    def now(self) -> int:
        """Return what is held now; the peak where only that is known."""
        return self._read("VmRSS") or self.peak()

    def peak(self) -> int:
        """Return the most that was held since `reset`, or ever."""
        import resource

        return self._read("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def _read(self, name: str) -> int:
        if not self._STATUS.exists():
            return 0
        lines = self._STATUS.read_text().splitlines()
        return next((1024 * int(each.split()[1]) for each in lines if each.startswith(name)), 0)


def described() -> str:
    """Say in words what was measured on: cores, system, Python."""
    count = os.cpu_count() or 1
    cores = f"{count} shared core{'s' if count > 1 else ''}"
    return f"{cores}, {platform.system()}, {platform.python_implementation()} " + (
        platform.python_version()
    )
