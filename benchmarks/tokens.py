"""
What counting costs the second time: a repeated block is a look-up, and of 50 one has changed.

50 blocks of news (2 kB to 40 kB) are packed into a window: the first time, again as the same
objects, again as new objects of the same content, and with one block changed.
"""

import argparse
from collections.abc import Callable
from functools import partial
from time import process_time
from typing import Final

from benchmarks.command import command
from benchmarks.figures import Result, spread, table
from benchmarks.machine import pin
from llmlab.tokens import Counters, Packer, Text

MODEL: Final = "openai/gpt-4o"
BLOCKS: Final = 50
WINDOW: Final = 120_000
_SENTENCE: Final = "{}: {} closed at {}.{:02} after trading on {:,} shares; the board met in May."
_ROUNDS: Final = 9


def block(number: int, edition: int = 0) -> Text:
    """Return a block of so many items; another *edition* changes its first one."""
    items = [
        _SENTENCE.format(f"2026-{at % 12 + 1:02}-{at % 28 + 1:02}", f"T{number}", at + edition * 7,
                         at % 100, 1_000 * at + number)
        for at in range(25 * (1 + number % 20))
    ]  # fmt: skip
    return Text(items, f"news{number}")


def blocks(changed: int | None = None, edition: int = 1) -> list[Text]:
    """Return fresh objects of all blocks; *changed* is one that says something else."""
    return [block(at, edition if at == changed else 0) for at in range(BLOCKS)]


def measure(options: argparse.Namespace) -> Result:
    """Return CPU milliseconds of packing all blocks, and of counting one text again."""
    pin(0)
    rounds = [_round(number) for number in range(2 if options.quick else _ROUNDS)][1:]
    names = ("first", "again", "same_content", "one_changed")
    found = {
        name: spread([1e3 * each[at] for each in rounds])
        for at, name in enumerate((*names, "count_first", "count_again"))
    }
    return {"blocks": BLOCKS, "ms": found}


def _round(number: int) -> tuple[float, ...]:
    packer, given, fresh = Packer(), blocks(), blocks()
    changed = blocks(changed=number % BLOCKS, edition=number + 1)
    pack = partial(packer.pack, tokens=WINDOW, model=MODEL)
    packs = [_seconds(partial(pack, each)) for each in (given, given, fresh, changed)]
    counters, text = Counters(), "\n".join(map(str, block(19).words))
    return (*packs, _seconds(partial(counters.count, text, MODEL)), _again(counters, text))


def _again(counters: Counters, text: str) -> float:
    count = partial(counters.count, text, MODEL)
    return _seconds(lambda: [count() for _ in range(1_000)]) / 1_000


def _seconds(run: Callable[[], object]) -> float:
    start = process_time()
    run()
    return process_time() - start


def show(result: Result) -> str:
    """Return one line a case, as a share of the first time."""
    ms = result["ms"]
    words = {
        "first": f"{result['blocks']} blocks, the first time",
        "again": "the same objects again",
        "same_content": "new objects, same content",
        "one_changed": "one block changed",
        "count_first": "one text of 40 kB, counted",
        "count_again": "the same text again",
    }
    rows = []
    for name, said in words.items():
        base = ms["count_first" if name.startswith("count") else "first"][1]
        rows.append([said, f"{ms[name][1]:.3f}", f"{ms[name][1] / base:.1%}"])
    return table(["case", "CPU ms", "of the first time"], rows)


if __name__ == "__main__":
    command("tokens", __doc__, measure, show)
