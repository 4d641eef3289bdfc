"""
One book under everything at once: labs, threads, a forked child, processes, other programs, kills.

    python -m tests.sharing FOLDER --url URL --labs N --calls N --limit DOLLARS

runs one such kernel: N labs, each on a thread of its own, and a child forked amid their calls.
"""

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tests.fleet import (
    KEY,
    MODEL,
    WORDS,
    began,
    dollars,
    handed,
    kernel,
    note_what_is_handed_on,
    provider,
    say,
    sent_again,
    served,
)

PRICE: Final = 30.0
"""Dollars per million input tokens; output is twice that."""

_ROOT: Final = Path(__file__).parent.parent
_LOOK: Final = """
import os, sqlite3, sys
path = sys.argv[1]
while True:
    open(path, "rb").close()
    book = sqlite3.connect(path, timeout=0.2)
    try:
        book.execute("SELECT count(*) FROM attempts").fetchone()
    except sqlite3.Error as error:
        if "malformed" in str(error) or "not a database" in str(error):
            os._exit(9)
    book.close()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a round left behind."""

    labs: int
    limit: Decimal
    billed: Decimal
    """Dollars by the provider's own log, everything that it wrote."""
    settled: Decimal
    unknown: Decimal
    served: int
    handed_on: int
    lost: int
    """Answers that were handed on and are not in the book: must be 0."""
    sent_again: int
    """Requests that were sent although their answer had been handed on: must be 0."""
    problems: tuple[str, ...]
    """Of `PRAGMA integrity_check`, `verify`, and of programs that looked on: must be none."""
    errors: dict[str, int]
    """How kernels ended that were not killed."""


def shared(folder: Path, *, labs: int, calls: int, limit: float, seed: int) -> Shared:
    """Run a round: a kernel of *labs* labs is killed and run again beside two other kernels."""
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    options = {"limit": limit, "price": PRICE}
    said: list[str] = []
    with ExitStack() as stack:
        url = stack.enter_context(provider(folder, "500:0.02", "delay:0.03", seed=seed))
        others = [
            stack.enter_context(kernel(folder, url, calls, first=10_000 * n, at_once=8, **options))
            for n in (1, 2)
        ]
        for each in others:
            began(each)
        looking = [stack.enter_context(looker(folder / "lab.db")) for _ in range(2)]
        killed = stack.enter_context(sharing(folder, url, labs, calls, limit))
        began(killed)
        time.sleep(rng.uniform(0.0, 0.5))
        killed.kill()
        others[0].kill()
        whole = stack.enter_context(sharing(folder, url, labs, calls, limit))
        said += [last_line(each) for each in (whole, others[1], killed)]
        spoiled = [f"a program that looked on ended with {each.poll()}" for each in looking
                   if each.poll() is not None]  # fmt: skip
    return _judge(folder, labs=labs, limit=limit, problems=spoiled, said=said[:2])


@contextmanager
def looker(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Have another program open and close the book until the end."""
    with subprocess.Popen([sys.executable, "-c", _LOOK, str(path)], text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def sharing(folder: Path, url: str, labs: int, calls: int, limit: float) -> "subprocess.Popen[str]":
    """Start a kernel of several labs; it says `sending` when it has forked."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.sharing", str(folder), f"--url={url}"]
    command += [f"--labs={labs}", f"--calls={calls}", f"--limit={limit}"]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)


def last_line(process: "subprocess.Popen[str]") -> str:
    """Wait until a kernel and its child have ended; return its last word."""
    out, _ = process.communicate(timeout=300)
    return (out.splitlines() or [""])[-1]


# ---- the kernel


def run(folder: Path, options: argparse.Namespace) -> None:
    """Ask with every lab at once, and with a forked child."""
    from llmlab import Lab

    note_what_is_handed_on(folder)
    labs = [
        Lab(
            book=folder / "lab.db",
            env={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": options.url},
            config=folder,
            max_in_flight=8,
            budget={"total": options.limit},
            prices={MODEL: {"input": PRICE, "output": 2 * PRICE}},
        )
        for _ in range(options.labs)
    ]
    errors: list[str] = []
    # A fork amid an import leaves the child a module that never ends loading: Python's own limit.
    ask(labs[0], 9_000, 1, errors)
    threads = [
        threading.Thread(target=ask, args=(lab, 100 * number, options.calls, errors))
        for number, lab in enumerate(labs)
    ]
    for each in threads:
        each.start()
    time.sleep(0.1)
    child = os.fork()
    if child == 0:
        ask(labs[0], 5_000, options.calls, errors)
        for lab in labs:
            lab.close()
        os._exit(0 if not errors else 1)
    say("sending")
    for each in threads:
        each.join()
    _, status = os.waitpid(child, 0)
    for lab in labs:
        lab.close()
    say(json.dumps({"errors": errors, "child": os.waitstatus_to_exitcode(status)}))


def ask(lab: Any, first: int, calls: int, errors: list[str]) -> None:
    """Ask about *calls* lines; a limit that is reached is no error."""
    import pandas as pd

    from llmlab.errors import LimitError

    frame = pd.DataFrame({"line": [f"Share number {first + n} rose." for n in range(calls)]})
    prompts = {"p": f"{WORDS}{{{{ line }}}}"}
    try:
        lab.abtest(
            prompts, MODEL, on=frame, quiet=True, max_tokens=20, effort="none", name=f"r{first}"
        )
    except LimitError:
        return
    except BaseException as error:  # noqa: BLE001 - told to the judge
        errors.append(repr(error))


# ---- the judge


def _judge(
    folder: Path, *, labs: int, limit: float, problems: list[str], said: list[str]
) -> Shared:
    from llmlab.book import Book

    path, given, wrote = folder / "lab.db", handed(folder), served(folder)
    with Book.open(path) as book:
        account = book.account()
        kept = book.answers([each.key for each in given.values()])
        problems += book.verify()
    with closing(sqlite3.connect(path)) as file:
        problems += [line for (line,) in file.execute("PRAGMA integrity_check") if line != "ok"]
    errors: Counter[str] = Counter()
    for line in said:
        ended = json.loads(line or "{}")
        if "child" in ended:
            errors.update(ended["errors"])
            errors.update({"child": ended["child"]} if ended["child"] else {})
        elif "ok" not in ended and not ended.get("error", "").startswith("LimitError"):
            errors[line] += 1
    return Shared(
        labs=labs,
        limit=Decimal(str(limit)),
        billed=sum((dollars(each, PRICE) for each in wrote), Decimal(0)),
        settled=account.settled,
        unknown=account.unknown,
        served=len(wrote),
        handed_on=len(given),
        lost=len({each.key for each in given.values()} - kept.keys()),
        sent_again=len(sent_again(folder)),
        problems=tuple(problems),
        errors=dict(errors),
    )


def main() -> None:
    """Be such a kernel."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--labs", type=int, default=1)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--limit", type=float, default=1.0)
    options = parser.parse_args()
    run(options.folder, options)


if __name__ == "__main__":
    main()
