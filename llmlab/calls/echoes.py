"""
Redact API keys that a reply echoes, after decoding.

`wire` redacts bytes. A key that is written in JSON escapes, in another charset, or split
over the events of a stream, is readable only here.
"""

from typing import Final

import msgspec

from llmlab.errors import CallError
from llmlab.records import Answer
from llmlab.secrets import Scrubber

_DECODER: Final = msgspec.json.Decoder(Answer)


def echoes(answer: Answer, scrubber: Scrubber) -> bool:
    """Return whether the answer contains a key of its endpoint."""
    return scrubber.holds(f"{answer.text}\n{answer.reasoning}\n{answer.request_id}")


def clean(answer: Answer, scrubber: Scrubber) -> Answer:
    """Return *answer* with each key in it replaced by `[...]`."""
    return _DECODER.decode(scrubber.clean(msgspec.json.encode(answer)))


def cleaned(error: CallError, scrubber: Scrubber) -> None:
    """Redact keys and parts of keys in *error*, in place."""
    error.args = tuple(scrubber.text(str(each)) for each in error.args)
    error.partial = scrubber.text(error.partial)
    if error.request_id is not None:
        error.request_id = scrubber.text(error.request_id)
