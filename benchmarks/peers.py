"""
The same calls through other clients: openai SDK (as installed, over aiohttp), litellm, langchain.

    make bench-peers        installs them into .venv-peers and runs this

All of them, the reference and llmlab too, run in that environment. What is not installed there is
said and skipped; a client that breaks or hangs is said and left out of its shape.
"""

import argparse
import json
import subprocess
import sys
from typing import Final

from benchmarks import calls
from benchmarks.command import command
from benchmarks.figures import ROOT, Result
from benchmarks.harness import REFERENCE, Shape, Way, compare
from benchmarks.server import Manner

PYTHON: Final = ROOT / ".venv-peers" / "bin" / "python"
_OURS: Final = (
    (REFERENCE, "plain:Reference"),
    (calls.RUN, "pipeline:InFile"),
    (calls.ASKED, "labs:Asked"),
)
_THEIRS: Final = (
    ("openai SDK, aiohttp backend", "peers:OpenAIOnAiohttp", "openai"),
    ("openai SDK, as installed", "peers:OpenAI", "openai"),
    ("langchain-openai", "peers:LangChain", "langchain_openai"),
    ("litellm", "peers:LiteLLM", "litellm"),
)
LITELLM: Final = "litellm"
PEERS: Final = tuple(name for name, _, _ in _THEIRS)
SHAPES: Final = (
    Shape(calls=100, in_flight=1),
    Shape(calls=300, in_flight=100, manner=Manner(delay=0.05)),
    Shape(calls=1_000, in_flight=1_000, manner=Manner(delay=0.05)),
)
_ASKS: Final = (
    "import importlib.util, importlib.metadata, json, sys; "
    "name = {m: importlib.util.find_spec(m) and m.replace('_', '-') for m in sys.argv[1:]}; "
    "print(json.dumps({m: importlib.metadata.version(d) for m, d in name.items() if d}))"
)


def installed(python: str) -> dict[str, str]:
    """Return the versions of the peers that *python* can import."""
    modules = sorted({module for _, _, module in _THEIRS})
    run = [python, "-c", _ASKS, *modules]
    done = subprocess.run(run, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    found: dict[str, str] = json.loads(done.stdout)
    return found


def measure(options: argparse.Namespace) -> Result:
    """Return the shapes, the versions, and who was not there."""
    python = str(PYTHON) if PYTHON.exists() else sys.executable
    versions = installed(python)
    there = [(name, target) for name, target, module in _THEIRS if module in versions]
    absent = [name for name, _, module in _THEIRS if module not in versions]
    for name in absent:
        print(f"not installed, skipped: {name} (`make bench-peers` installs it)")
    ways = [
        Way(name=name, target=f"benchmarks.ways.{target}", python=python)
        for name, target in (*_OURS, *there)
    ]
    shapes = [Shape(calls=20, in_flight=5)] if options.quick else SHAPES
    found = compare(ways, shapes, 1 if options.quick else options.rounds)
    return {"shapes": found, "versions": versions, "absent": absent}


def show(result: Result) -> str:
    """Return a table for each shape."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    return f"{versions}\n\n{calls.show(result)}"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3)


if __name__ == "__main__":
    command("peers", __doc__, measure, show, _options)
