"""
A kernel that runs one plan by batch, to be killed: python -m tests.batch_kernel BOOK MODEL [KILL].

KILL is the number of the request to the provider after whose reply the process dies by SIGKILL;
nothing of that reply is written down.
"""

import json
import os
import signal
import sys
from typing import Any

from llmlab import Lab
from llmlab.wire import Session
from tests.test_batches import HEADLINES, PROMPTS


def main(book: str, model: str, kill: int) -> None:
    """Run the plan and say on stdout what came of it."""
    if kill:
        _die_after(kill)
    with Lab(book=book, config="/") as lab:
        lab._parts.batch_poll_s, lab._parts.batch_grace_s = 0.05, 0.0
        run = lab.abtest(
            PROMPTS, model, on=HEADLINES.iloc[:3], batch=True, quiet=True, max_tokens=20, name="r"
        )
        sys.stdout.write(json.dumps(run.rows["status"].value_counts().to_dict()))


def _die_after(kill: int) -> None:
    sent, count = Session.send, 0

    async def send(self: Session, *args: Any, **rest: Any) -> Any:
        nonlocal count
        reply = await sent(self, *args, **rest)
        count += 1
        if count == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply

    Session.send = send  # type: ignore[method-assign]  # this process is here to die


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
