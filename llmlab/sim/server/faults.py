"""
Faults on demand, as the command line and the header `x-llmlab-fault` name them.

    [provider=]name[:value][:share]

`share` is the part of requests that are hit, 1 when left out. Which ones are hit follows
from the seed and the provider's own request count, so a run can be repeated.

    429 500 529 ...     answer with this HTTP status (any from 400 to 599)
    retry-after:S       add the header to such an answer; on its own it is a 429
    quota               no money left, as the provider says it
    html                a gateway's HTML page (Cloudflare 520, CloudFront 503)
    empty  garbage      200 with no body; 200 with a body that is not what was promised
    stream-error        an error inside a stream that began with 200
    reset               close the connection instead of answering
    cut:N               close the connection after N bytes of the body
    split:N             write the body in pieces of N bytes, whatever they cut through
    drip:S  delay:S     wait S seconds before every piece; before the answer
"""

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from llmlab.errors import UsageError
from llmlab.sim.authors.author import draw

HEADER = "x-llmlab-fault"
PROVIDERS = ("openai", "anthropic", "deepseek", "xai", "ollama")
PLAIN = ("quota", "html", "empty", "garbage", "stream-error", "reset")
VALUED = ("retry-after", "cut", "split", "drip", "delay")
_STATUSES = frozenset(map(str, range(400, 600)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFault:
    """One thing that goes wrong; `value` is its status, bytes or seconds."""

    name: str
    value: float = 0.0
    share: float = 1.0
    provider: str = ""
    """Whom it hits; empty for everyone."""

    @property
    def is_status(self) -> bool:
        """Whether the fault is an HTTP status."""
        return self.name.isdigit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """A set of faults with the seed that decides who is hit."""

    faults: tuple[SimulatedFault, ...] = ()
    seed: int = 0

    @classmethod
    def parse(cls, specs: Iterable[str], seed: int = 0) -> "Faults":
        """
        Read faults from text, each perhaps a list with commas.

        Raises:
            UsageError: A fault is unknown or its number does not fit; names the nearest.
        """
        texts = (text.strip() for spec in specs for text in spec.split(","))
        return cls(faults=tuple(_parse(text) for text in texts if text), seed=seed)

    def drawn(self, provider: str, number: int) -> tuple[SimulatedFault, ...]:
        """Return the faults that hit the provider's request of this number."""
        return tuple(
            fault
            for place, fault in enumerate(self.faults)
            if fault.provider in ("", provider)
            and draw(self.seed, place, fault.name, provider, number) < fault.share
        )


def _parse(text: str) -> SimulatedFault:
    provider, _, rest = text.rpartition("=")
    if provider and provider not in PROVIDERS:
        raise UsageError(f"no provider {provider!r} in fault {text!r}; {_nearest(provider)}")
    name, *numbers = rest.split(":")
    if not _known(name):
        raise UsageError(f"no fault {name!r}; {_nearest(name)}")
    if name not in VALUED:
        return _with_share(text, name, float(name) if name.isdigit() else 0.0, numbers, provider)
    if not numbers:
        raise UsageError(f"fault {text!r} needs a number, such as {name}:1")
    return _with_share(text, name, _number(text, numbers[0]), numbers[1:], provider)


def _with_share(
    text: str, name: str, value: float, rest: list[str], provider: str
) -> SimulatedFault:
    share = _number(text, rest[0]) if rest else 1.0
    if len(rest) > 1 or not 0 <= share <= 1 or value < 0:
        raise UsageError(f"fault {text!r} is not name[:value][:share] with a share from 0 to 1")
    return SimulatedFault(name=name, value=value, share=share, provider=provider)


def _known(name: str) -> bool:
    return name in PLAIN or name in VALUED or name in _STATUSES


def _number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"fault {text!r}: {number!r} is not a number")
    return value


def _nearest(name: str) -> str:
    names = (*PLAIN, *VALUED, *PROVIDERS, "429", "500", "503", "529")
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}known: a status from 400 to 599, {', '.join((*PLAIN, *VALUED))}"
