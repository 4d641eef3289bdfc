"""
Where the CPU of a call goes: the engine's thread under cProfile, its time summed by room.

A profile slows small functions more than large ones, so read the shares as a map and not as a
bill. The book's own thread is not in it: that is the benchmark `book`.
"""

import argparse
import cProfile
import pstats
import re
from collections import Counter
from typing import Any, Final

from benchmarks.command import command
from benchmarks.figures import Result, table
from benchmarks.harness import served
from benchmarks.machine import pin
from benchmarks.server import Manner
from benchmarks.ways.pipeline import InFile

IN_FLIGHT: Final = 100
_ROOM: Final = re.compile(r"/llmlab/(\w+)")
_LIBRARIES: Final = {
    "/aiohttp/": "aiohttp", "/multidict/": "aiohttp", "/yarl/": "aiohttp",
    "/asyncio/": "asyncio", "/selectors.py": "asyncio", "/msgspec/": "msgspec",
}  # fmt: skip
_BUILT_IN: Final = {
    "_socket.socket": "sockets", "select.epoll": "sockets", "msgspec": "msgspec",
    "_asyncio": "asyncio", "_contextvars": "asyncio", "aiohttp": "aiohttp",
    "multidict": "aiohttp", "_hashlib": "hashing", "decimal": "decimal",
}  # fmt: skip


def measure(options: argparse.Namespace) -> Result:
    """Return the share of each room in the time of the engine's thread."""
    pin(0)
    calls = 100 if options.quick else 4_000
    with served() as server:
        server.ask(Manner())
        way = InFile(server.url)
        try:
            way.rows(calls, IN_FLIGHT)  # the first ones connect
            spent = _spent(way, calls)
        finally:
            way.close()
    whole = sum(spent.values())
    return {"calls": calls, "shares": {name: each / whole for name, each in spent.most_common()}}


def _spent(way: InFile, calls: int) -> Counter[str]:
    """Profile so many calls on the engine's own thread; return seconds by room."""
    profile = cProfile.Profile()

    async def run() -> None:
        profile.enable()
        try:
            await way.made.rows(calls, IN_FLIGHT)
        finally:
            profile.disable()

    way.made.engine.run(run())
    stats: dict[tuple[str, int, str], Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    spent: Counter[str] = Counter()
    for (path, _, name), (_, _, own, _, _) in stats.items():
        spent[room_of(path, name)] += own
    return spent


def room_of(path: str, name: str) -> str:
    """Say which room or library a function belongs to."""
    if path == "~":
        return next((room for word, room in _BUILT_IN.items() if word in name), "built-in")
    if (found := _ROOM.search(path)) is not None and "/benchmarks/" not in path:
        return f"llmlab.{found[1]}"
    return next((room for word, room in _LIBRARIES.items() if word in path), "other")


def show(result: Result) -> str:
    """Return one line a room, the dearest first."""
    rows = [[name, f"{share:.1%}"] for name, share in result["shares"].items() if share >= 0.01]
    return table([f"room or library, {IN_FLIGHT} in flight", "of the engine's time"], rows)


if __name__ == "__main__":
    command("rooms", __doc__, measure, show)
