"""
A sliding window of requests and tokens, as strict as a provider may be.

A request is admitted when it and its tokens fit into the last `window` seconds. It counts
at once with its prompt and its whole output limit, and with what it really used once it
is answered.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

UNLIMITED_RPM = 30_000
UNLIMITED_TPM = 150_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Requests and tokens per `window` seconds; None does not limit."""

    rpm: int | None = None
    tpm: int | None = None
    window: float = 60.0


@dataclass(slots=True, kw_only=True)
class WindowEntry:
    """One admitted request."""

    at: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How full the window is, for headers and for a refusal."""

    limit_requests: int
    limit_tokens: int
    left_requests: int
    left_tokens: int
    reset: float
    """Seconds until the window is empty."""
    wait: float = 0.0
    """Seconds until the request that was refused would fit."""
    short_of: Literal["", "requests", "tokens"] = ""


@dataclass(slots=True, kw_only=True)
class Meter:
    """The window of one provider."""

    limit: Limit
    clock: Callable[[], float]
    entries: deque[WindowEntry] = field(default_factory=deque)
    tokens: int = 0

    def admit(self, tokens: int) -> WindowEntry | Level:
        """Count a request in; return its entry, or the level that refuses it."""
        self._prune()
        short = self._short_of(tokens)
        if short:
            return self.level(short, tokens)
        entry = WindowEntry(at=self.clock(), tokens=tokens)
        self.entries.append(entry)
        self.tokens += tokens
        return entry

    def settle(self, entry: WindowEntry, tokens: int) -> None:
        """Replace what a request was expected to use by what it used."""
        self.tokens += tokens - entry.tokens
        entry.tokens = tokens

    def level(self, short_of: Literal["", "requests", "tokens"] = "", tokens: int = 0) -> Level:
        """Return how full the window is now."""
        self._prune()
        rpm, tpm = self.limit.rpm, self.limit.tpm
        return Level(
            limit_requests=rpm or UNLIMITED_RPM,
            limit_tokens=tpm or UNLIMITED_TPM,
            left_requests=max(0, rpm - len(self.entries)) if rpm else UNLIMITED_RPM - 1,
            left_tokens=max(0, tpm - self.tokens) if tpm else UNLIMITED_TPM - 1,
            reset=self._until_free(len(self.entries) - 1) if self.entries else 0.0,
            wait=self._wait(short_of, tokens),
            short_of=short_of,
        )

    def _short_of(self, tokens: int) -> Literal["", "requests", "tokens"]:
        if self.limit.rpm is not None and len(self.entries) + 1 > self.limit.rpm:
            return "requests"
        if self.limit.tpm is not None and self.tokens + tokens > self.limit.tpm:
            return "tokens"
        return ""

    def _wait(self, short_of: str, tokens: int) -> float:
        if not short_of or not self.entries:
            return self.limit.window if short_of else 0.0
        if short_of == "requests":
            return self._until_free(len(self.entries) - (self.limit.rpm or 0))
        excess = self.tokens + tokens - (self.limit.tpm or 0)
        for place, entry in enumerate(self.entries):
            excess -= entry.tokens
            if excess <= 0:
                return self._until_free(place)
        return self.limit.window

    def _until_free(self, place: int) -> float:
        return max(0.0, self.entries[place].at + self.limit.window - self.clock())

    def _prune(self) -> None:
        old = self.clock() - self.limit.window
        while self.entries and self.entries[0].at <= old:
            self.tokens -= self.entries.popleft().tokens
