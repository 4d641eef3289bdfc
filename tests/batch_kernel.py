"""
A kernel that runs one plan by batch, and what befalls it on the way.

    python -m tests.batch_kernel BOOK MODEL [kill|interrupt|slow STEP]

STEP is the number of a request to the provider. `kill`: SIGKILL once its reply is there; nothing of
that reply is written down. `interrupt`: SIGINT, as Ctrl-C gives, while it is under way. `slow`:
each request takes STEP tenths of a second, so that two kernels are at it at the same time.
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

from llmlab import Lab
from llmlab.wire import Session
from tests.test_batches import HEADLINES, PROMPTS

_sent = Session.send
_count = 0


def main(book: str, model: str, way: str, step: int) -> None:
    """Run the plan and say on stdout what came of it."""
    _befall(way, step)
    with Lab(book=book, config="/") as lab:
        lab._services.batch_poll_s, lab._services.batch_grace_s = 0.05, 0.0
        run = lab.abtest(
            PROMPTS, model, on=HEADLINES.iloc[:3], batch=True, quiet=True, max_tokens=20, name="r"
        )
        statuses = run.rows["status"].value_counts().to_dict() if len(run.rows) else {}
        sys.stdout.write(json.dumps(statuses))


def _befall(way: str, step: int) -> None:
    async def send(self: Session, *args: Any, **rest: Any) -> Any:
        global _count  # noqa: PLW0603 - of this process, which is here to die
        _count += 1
        mine = _count
        if way == "slow":
            await asyncio.sleep(step / 10)
        if way == "interrupt" and mine == step:
            await _interrupted()
        reply = await _sent(self, *args, **rest)
        if way == "kill" and mine == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply

    Session.send = send  # type: ignore[method-assign]  # see above


async def _interrupted() -> None:
    """Return when the interruption has reached the run."""
    os.kill(os.getpid(), signal.SIGINT)
    while not any(task.cancelling() for task in asyncio.all_tasks()):  # noqa: ASYNC110 - a thread does it
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    book, model, *more = sys.argv[1:]
    main(book, model, *((more[0], int(more[1])) if more else ("", 0)))
