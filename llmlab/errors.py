"""
Every error that llmlab raises, as one tree, divided by who can fix it.

    LabError
    ├── Closed              the lab was closed while this was under way
    ├── UsageError          fix the cell, the file or the settings; nothing was sent
    │   ├── UnknownModel    no catalogue entry, alias or line-up of this name
    │   ├── BadKey          a key is absent or malformed
    │   ├── BadParameter    the model refuses this parameter
    │   ├── TemplateError   a template does not parse, or a slot has no value
    │   ├── AttachmentError an image or a PDF cannot be read, or the model does not take it
    │   ├── TokenBudgetError the prompt cannot be made to fit its token budget
    │   ├── LimitError      sending could pass a spending limit
    │   ├── ConfigError     a setting is unknown or ill-typed
    │   ├── ReplayMiss      replay mode, and the tape has no such request
    │   ├── BookError       the book cannot be read or written
    │   └── LocalModelError the embedded model is absent, damaged or cannot start
    └── CallError           one call failed; it becomes a row and the run goes on
        ├── Refused         the provider read the request and said no (400, 403, 413, 422 ...)
        ├── AuthFailed      the provider did not accept the key (401; xAI says it with 400)
        ├── OutOfCredit     no balance, quota or spend left (402, permanent 429)
        ├── ModelNotFound   the provider has no such model, or none for this key
        ├── TooLong         the prompt does not fit the model's context window
        ├── Throttled       too many, too fast (429): wait `retry_after` seconds
        ├── Unavailable     5xx, or no connection at all
        ├── TimedOut        no answer within the deadline
        ├── Unreadable      the call succeeded, but the body is not in the documented format
        ├── CutOff          the reply is incomplete; `partial` has the text that arrived
        └── BreakerOpen     the provider failed too often just now; not sent
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final


class LabError(Exception):
    """Base of every error that llmlab raises on purpose."""


class Closed(LabError):
    """The lab was closed while this was under way; answers that had arrived are in the book."""


class UsageError(LabError):
    """Bad input, found before anything was sent; the message names the fix."""


class UnknownModel(UsageError):
    """No catalogue entry, alias or line-up has this name."""


class BadKey(UsageError):
    """A key is absent or malformed; the message names the variable to set."""


class BadParameter(UsageError):
    """The model refuses this parameter; the message says what it accepts."""


class TemplateError(UsageError):
    """A template does not parse, or a slot has no value."""


class AttachmentError(UsageError):
    """An image or a PDF cannot be read, or the model does not take it."""


class TokenBudgetError(UsageError):
    """The prompt cannot be made to fit its token budget."""


class LimitError(UsageError):
    """Sending could pass a spending limit."""


class ConfigError(UsageError):
    """A setting is unknown or ill-typed."""


class ReplayMiss(UsageError):
    """Replay mode, and the tape has no such request."""


class BookError(UsageError):
    """The book cannot be read or written."""


class LocalModelError(UsageError):
    """The embedded model is absent, damaged or cannot start."""


class CallError(LabError):
    """
    One call failed; it becomes a row and the run goes on.

    Attributes:
        provider: The provider's name, such as `openai`.
        status: The HTTP status, or None when there was no reply.
        request_id: The provider's id of the request, for its support.
        retryable: Whether the same request may succeed later.
        retry_after: Seconds the provider asked us to wait, or None.
        partial: Text received before the failure.
        usage: The tokens (`records.Usage`) that a whole reply states and charges for it, or None.
        billed: Dollars (`Decimal`) that it states, or None.
        maybe_charged: Whether the provider may have done the work and charge for it, as when
            the connection broke after the request was sent.
    """

    retryable: bool = False
    maybe_charged: bool = False
    usage: object = None
    billed: object = None

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        partial: str = "",
        maybe_charged: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.status = status
        self.request_id = request_id
        if retryable is not None:
            self.retryable = retryable
        self.retry_after = retry_after
        self.partial = partial
        if maybe_charged is not None:
            self.maybe_charged = maybe_charged

    @property
    def kind(self) -> str:
        """The class name, as tables show it, such as `Throttled`."""
        return type(self).__name__


class Refused(CallError):
    """The provider refused the request itself."""


class AuthFailed(CallError):
    """The provider did not accept the key."""


class OutOfCredit(CallError):
    """No balance, quota or spend is left; waiting does not help."""


class ModelNotFound(CallError):
    """The provider has no such model, or none for this key."""


class TooLong(CallError):
    """The prompt does not fit the model's context window."""


class Throttled(CallError):
    """Rate limited: too many requests or tokens in a short time."""

    retryable = True


class Unavailable(CallError):
    """The provider is down, or there is no connection to it."""

    retryable = True


class TimedOut(CallError):
    """No answer came within the deadline."""

    retryable = True
    maybe_charged = True


class Unreadable(CallError):
    """The call succeeded, but the body is not in the documented format."""

    maybe_charged = True


class CutOff(CallError):
    """The reply is incomplete; `partial` has the text that arrived."""

    retryable = True
    maybe_charged = True


class BreakerOpen(CallError):
    """The circuit breaker is open: the provider failed too often, so nothing was sent."""


ERRORS_BY_KIND: dict[str, type[CallError]] = {
    error.__name__: error
    for error in (
        Refused, AuthFailed, OutOfCredit, ModelNotFound, TooLong, Throttled,
        Unavailable, TimedOut, Unreadable, CutOff, BreakerOpen,
    )
}  # fmt: skip
"""The call errors by the name a stored row carries."""


_LIKENESS: Final = 0.6
"""How much of two names must be the same for one to be a slip of the other, as difflib counts."""


def nearest(name: object, known: Iterable[object], *, most: int = 1) -> list[str]:
    """Return at most *most* of the *known* names that *name* may be a slip of, likeliest first."""
    by_folded = {str(each).casefold(): str(each) for each in known}
    near = get_close_matches(str(name).casefold(), by_folded, n=most, cutoff=_LIKENESS)
    return [by_folded[each] for each in near]


def suggest(
    name: object, known: Iterable[object], *, most: int = 1, otherwise: str | None = None
) -> str:
    """
    Say which name was meant, as `did you mean label?`; without a near one, which names there are.

    Args:
        name: What was written.
        known: The names that are right.
        most: How many near names are given, the likeliest first.
        otherwise: Said in the place of all names where none is near.
    """
    names = list(map(str, known))
    near = nearest(name, names, most=most)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(names) or 'none'}" if otherwise is None else otherwise
