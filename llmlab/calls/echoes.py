"""
Keys that come back within an answer or an error, whatever hid them in the bytes of the reply.

The wire cleans bytes. A key that is written in JSON's escapes, in another charset, or divided
over the events of a stream, is whole only here.
"""

from typing import Final

import msgspec

from llmlab.errors import CallError
from llmlab.records import Answer
from llmlab.secrets import Scrubber

_DECODER: Final = msgspec.json.Decoder(Answer)


def echoes(answer: Answer, scrubber: Scrubber) -> bool:
    """Say whether the answer holds a key of the endpoint that gave it."""
    return scrubber.holds(f"{answer.text}\n{answer.reasoning}\n{answer.request_id}")


def clean(answer: Answer, scrubber: Scrubber) -> Answer:
    """Return *answer* with `[...]` wherever a key is in it."""
    return _DECODER.decode(scrubber.clean(msgspec.json.encode(answer)))


def cleaned(error: CallError, scrubber: Scrubber) -> None:
    """Take keys and parts of keys out of what *error* says."""
    error.args = tuple(scrubber.text(str(each)) for each in error.args)
    error.partial = scrubber.text(error.partial)
    if error.request_id is not None:
        error.request_id = scrubber.text(error.request_id)
