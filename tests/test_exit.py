"""A script that ends without closing its lab ends clean: quiet, with its own exit code, alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import psutil
import pytest

from llmlab.local.model import SMOLLM2, model_path
from tests.fleet import _ROOT
from tests.test_cancelling import FIRST, Slow

HEAD: Final = """
import asyncio, os, sys, threading, time
import pandas as pd
from llmlab import Lab
lab = Lab(book="b.db", max_in_flight=4, per_provider=4)
frame = pd.DataFrame({"n": [str(n) for n in range(60)]})
def run(**more):
    return lab.abtest({"p": "Say {{ n }}."}, "gpt", on=frame, quiet=True, name="r", **more)
def until_it_sends():
    while not any(gate.in_flight for gate in lab.doors()):
        time.sleep(0.01)
"""
STREAM: Final = """
async def main():
    async for piece in lab.stream("Spring?", "gpt"):
        break
asyncio.run(main())
"""
TASK: Final = """
async def main():
    asyncio.create_task(lab.abtest_async({"p": "Say {{ n }}."}, "gpt", on=frame, quiet=True))
    await asyncio.to_thread(until_it_sends)
asyncio.run(main())
"""
THREAD: Final = """
thread = threading.Thread(target=lambda: print(len(run().rows), "rows"))
thread.start()
"""
CLOSER: Final = """
lab.ask("Spring?", "gpt")
async def closer():
    await asyncio.to_thread(print, "closed")
lab._services.engine.at_close(closer)
"""
BEHIND: Final = """
handle = lab.start({"p": "Say {{ n }}."}, "gpt", on=frame, quiet=True, name="r")
until_it_sends()
"""


def script(body: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run a script without keys, but those in *env*, in a folder of its own."""
    kept = {name: value for name, value in os.environ.items() if "KEY" not in name}
    said = {"PYTHONPATH": str(_ROOT), "LLMLAB_LOCAL_MODEL": str(folder / "none"), **env}
    done = subprocess.run(
        [sys.executable, "-W", "default::ResourceWarning", "-c", HEAD + body],
        cwd=folder,
        env={**kept, **said},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert not [each for each in psutil.process_iter() if _is_left(each, folder)]
    return done


def _is_left(process: psutil.Process, folder: Path) -> bool:
    try:
        return bool(process.cwd() == str(folder))
    except psutil.Error:
        return False


@pytest.mark.parametrize(
    ("body", "out"),
    [
        ("print(lab.ask('Spring?', 'gpt').backend)", "stand-in"),
        ("print(len(run().rows))", "60"),
        (STREAM, ""),
        (CLOSER, "closed"),
        (THREAD, "60 rows"),
        ("asyncio.run(lab.ask_async('Spring?', 'gpt'))", ""),
        ("lab.ask('Spring?', 'gpt'); lab.close()", ""),
    ],
)
def test_a_script_with_stand_ins_ends_quietly(body: str, out: str, tmp_path: Path) -> None:
    """Nothing on stderr, exit code 0, no process left."""
    done = script(body, tmp_path)

    assert (done.stderr, done.returncode, done.stdout.strip()) == ("", 0, out)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BEHIND, 0),
        (BEHIND + "sys.exit(3)", 3),
        (TASK, 0),
    ],
)
def test_a_script_that_ends_in_mid_run_ends_quietly(body: str, code: int, tmp_path: Path) -> None:
    """Calls under way are cut, what landed is in the book, and nothing is said."""
    with Slow() as slow:
        done = script(body, tmp_path, **slow.server.env)

    assert (done.stderr, done.returncode) == ("", code)
    from llmlab.book import Book

    with Book.open(tmp_path / "b.db") as book:
        assert book.verify() == []
        assert book.account().reserved == 0


def test_an_error_at_the_top_is_all_that_is_said(tmp_path: Path) -> None:
    """The user's own traceback and nothing after it, with a run under way."""
    with Slow() as slow:
        done = script(BEHIND + "1 / 0", tmp_path, **slow.server.env)

    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("Traceback")
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert "llmlab" not in done.stderr


def test_what_landed_of_a_run_that_was_left_is_kept(tmp_path: Path) -> None:
    """The next process reads the run as far as it came."""
    body = BEHIND + f"while handle.progress().done < {FIRST - 4}: time.sleep(0.01)\n"
    with Slow() as slow:
        done = script(body, tmp_path, **slow.server.env)
        again = script("print(len(lab.run('r').rows))", tmp_path, **slow.server.env)

    assert done.stderr == again.stderr == ""
    assert FIRST - 4 <= int(again.stdout) < 60


@pytest.mark.skipif(not model_path().with_name(SMOLLM2.file).is_file(), reason="not installed")
def test_the_embedded_model_ends_with_its_script(tmp_path: Path) -> None:
    """No `cannot schedule new futures`, no open session, no child left. # R-20."""
    models = str(model_path().parent)

    done = script("print(lab.stand_ins or lab.ask('Spring?', 'gpt').backend)", tmp_path,
                  LLMLAB_LOCAL_MODEL=models)  # fmt: skip

    assert (done.stderr, done.returncode, done.stdout.strip()) == ("", 0, "stand-in")
