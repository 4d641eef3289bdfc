"""What a kernel keeps, and what it leaves behind, when it is interrupted, killed, restarted."""

import asyncio
import importlib.util
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from llmlab.local import model_path
from llmlab.sim import Faults, RuleAuthor, Simulator
from tests.kernel import Kernel, kernel

FRAME = """
import pandas as pd
frame = pd.DataFrame({"headline": [f"headline {i}" for i in range(30)],
                      "label": ["positive", "negative", "neutral"] * 10})
"""
CELL = """%%abtest openai/gpt-6-luna --on frame --score label --target label --name cut -o run
--- plain
Label this headline: {{ headline }}"""
KEY = "sk-test-0000000000000000000000000000"


def wait_for(true: Callable[[], bool], seconds: float = 300.0) -> bool:
    """Look until it is so, for at most *seconds*."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.02)
    return false_at_last(true)


def false_at_last(true: Callable[[], bool]) -> bool:
    """Look once more when time is over."""
    return true()


@contextmanager
def provider(faults: Sequence[str]) -> Iterator[Simulator]:
    """Run a simulated provider on a loop of its own, so that a test may block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    sim = Simulator(author=RuleAuthor(), faults=Faults.parse(faults))
    try:
        asyncio.run_coroutine_threadsafe(sim.start(), loop).result(10)
        yield sim
    finally:
        asyncio.run_coroutine_threadsafe(sim.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def live(sim: Simulator, at_once: int = 2) -> dict[str, str]:
    """Return the variables that make OpenAI live at *sim*, a few calls at a time."""
    return {
        "LLMLAB_MODE": "",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": sim.base_url("openai"),
        "LLMLAB_MAX_IN_FLIGHT": str(at_once),
    }


def interrupted_midway(running: Kernel, sim: Simulator, cell: str = CELL) -> object:
    """Run *cell*, interrupt it when a few calls were answered, and return what it said."""
    sent = running.send(cell)
    assert wait_for(lambda: len(sim.log) >= 4)
    running.manager.interrupt_kernel()
    return running.hear(sent)


def test_an_interrupted_cell_keeps_its_rows_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A kernel interrupt keeps finished rows, leaves no task, and only the rest is sent later."""
    with provider(["delay:0.15"]) as sim, kernel(tmp_path, live(sim)) as running:
        running.run(f"%load_ext llmlab\n{FRAME}")

        sent = running.send(CELL)
        assert wait_for(lambda: len(sim.log) >= 4)
        running.manager.interrupt_kernel()
        said = running.hear(sent)

        kept = int(running.value("len(run)"))
        assert said.status == "error", "run-all must not go on behind an interrupted run"
        assert "interrupted" in said.errors[-1]
        assert len(said.text.strip().splitlines()) == 1
        assert 0 < kept < 30
        tasks = "len(__import__('asyncio').all_tasks(lab._services.engine.loop))"
        running.run("from llmlab.default import lab as _lab; lab = _lab()")
        assert running.value(tasks) == "0"

        before = len(sim.log)
        again = running.run(CELL)

        assert again.errors == []
        assert running.value("len(run)") == "30"
        assert running.value("int(run.rows.from_book.sum())") == str(kept)
        assert len(sim.log) - before == 30 - kept


def test_a_run_in_the_background_gives_the_cell_back(tmp_path: Path) -> None:
    """`--background` returns at once; the name is a handle, then the Comparison."""
    cell = CELL.replace(" -o run", " --background -o run")
    with provider(["delay:0.1"]) as sim, kernel(tmp_path, live(sim)) as running:
        running.run(f"%load_ext llmlab\n{FRAME}")

        said = running.run(cell)

        assert said.errors == []
        assert running.value("type(run).__name__") == "'Handle'"
        assert running.value("run.progress().total") == "30"
        assert any("application/vnd.jupyter.widget-view+json" in each for each in said.shown)
        assert any("<table" in each.get("text/html", "") for each in said.shown)
        result = running.run("handle = run; print(len(handle.result(30)))")
        assert result.text.strip() == "30"
        assert wait_for(lambda: running.value("type(run).__name__") == "'Comparison'")


def test_a_background_run_pauses_resumes_and_stops(tmp_path: Path) -> None:
    """Pause holds it, resume lets it go on, stop keeps what has landed; the book has the rest."""
    cell = CELL.replace(" -o run", " --background -o run")
    with provider(["delay:0.1"]) as sim, kernel(tmp_path, live(sim)) as running:
        running.run(f"%load_ext llmlab\n{FRAME}")
        running.run(f"{cell}")
        running.run("handle = run")
        assert wait_for(lambda: len(sim.log) >= 4)

        running.run("handle.pause()")
        assert wait_for(lambda: running.value("handle.progress().done") == str(len(sim.log)))
        held = len(sim.log)
        running.run("import time; time.sleep(0.5)")
        assert len(sim.log) == held
        assert running.value("handle.state") == "'paused'"

        running.run("handle.resume()")
        assert wait_for(lambda: len(sim.log) > held)
        running.run("handle.stop(); stopped = handle.result(10)")

        assert running.value("handle.state") == "'stopped'"
        assert int(running.value("len(stopped)")) == len(sim.log) < 30
        assert "interrupted" in running.value("stopped.notes[0]")


def test_a_background_run_can_be_cut_off_at_once(tmp_path: Path) -> None:
    """`stop(now=True)` does not wait for calls that take long."""
    cell = CELL.replace(" -o run", " --background -o run")
    with provider(["delay:20"]) as sim, kernel(tmp_path, live(sim)) as running:
        running.run(f"%load_ext llmlab\n{FRAME}")
        running.run(cell)

        running.run("handle = run")
        said = running.run("handle.stop(now=True); print(len(handle.result(10)), handle)")

        assert said.errors == []
        assert said.text.startswith("0 <run")


@pytest.mark.skipif(not model_path().is_file(), reason="the embedded model is not installed")
def test_a_killed_kernel_leaves_neither_child_nor_port(tmp_path: Path) -> None:
    """SIGKILL in the middle of a run ends the embedded model and frees every port."""
    extra = {"LLMLAB_LOCAL_MODEL": str(model_path().parent)}
    with kernel(tmp_path, extra) as running:
        running.run(f"%load_ext llmlab\n{FRAME}")
        sent = running.send(CELL.replace("openai/gpt-6-luna", "six"))
        running.until_said(sent, "of 180 calls")
        process = psutil.Process(running.pid)
        family = [process, *process.children(recursive=True)]
        ports = {
            each.laddr.port
            for member in family
            for each in member.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN
        }
        assert len(family) > 1, "the embedded model runs as a child"
        assert len(ports) >= 2, "the simulator and the model listen"

        os.kill(running.pid, signal.SIGKILL)

        assert wait_for(lambda: not any(_runs(each) for each in family))
        assert wait_for(lambda: not ports & _listening())


def _listening() -> set[int]:
    return {
        each.laddr.port
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN
    }


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_the_embedded_model_answers_a_cell(tmp_path: Path) -> None:
    """With the real small model a cell shows its words, and says whose they are."""
    if not model_path().is_file():
        pytest.skip("the embedded model is not installed")
    with kernel(tmp_path, {"LLMLAB_LOCAL_MODEL": str(model_path().parent)}) as running:
        running.run("%load_ext llmlab")

        said = running.run("%%llm smollm -m 12 -o it\nName one colour.")

        assert said.errors == []
        assert running.value("it.backend") == "'local'"
        assert int(running.value("it.usage.output")) > 0


@pytest.mark.parametrize("ending", ["restart", "exit"])
def test_a_kernel_that_ends_says_nothing_of_unclosed_sessions(tmp_path: Path, ending: str) -> None:
    """A kernel that is restarted or left closes its session; nothing is said on its way out."""
    said = tmp_path / "stderr.txt"
    with provider([]) as sim, kernel(tmp_path, live(sim)) as running:
        running.run(f"import os; os.dup2(os.open({str(said)!r}, os.O_CREAT | os.O_WRONLY), 2)")
        running.run("import warnings; warnings.simplefilter('always')\n%load_ext llmlab")
        assert running.run("%%llm gpt\nhello").errors == []

        if ending == "restart":
            running.manager.restart_kernel(now=False)
            running.client.wait_for_ready(timeout=300)
            assert running.run("%load_ext llmlab").errors == []
        else:
            running.manager.shutdown_kernel(now=False)

        assert "Unclosed" not in said.read_text()
        assert "Traceback" not in said.read_text()


NEST = {
    "asyncio.run": "asyncio.run(work())",
    "run_until_complete": "asyncio.get_event_loop().run_until_complete(work())",
    "await": "await work()",
    "llmlab awaited inside": "asyncio.run(mine())",
}


@pytest.mark.parametrize("way", NEST)
def test_the_users_own_asyncio_works_in_a_cell(tmp_path: Path, way: str) -> None:
    """After load_ext a cell may use asyncio in whichever way its author is used to."""
    with kernel(tmp_path) as running:
        running.run("%load_ext llmlab\nimport asyncio, llmlab")
        running.run("async def work(): await asyncio.sleep(0); return 7")
        running.run("async def mine(): return len((await llmlab.ask_async('hi', 'gpt')).text) > 0")

        said = running.run(f"it = {NEST[way]}; print(it)")

        assert said.errors == []
        assert said.text.strip() in {"7", "True"}
        assert running.run("%%llm gpt\nstill there?").errors == []


def test_nesting_can_be_turned_off(tmp_path: Path) -> None:
    """`c.LLMLab.nest_asyncio = False` leaves asyncio as it was, and `await` still works."""
    with kernel(tmp_path) as running:
        running.run("get_ipython().config.LLMLab.nest_asyncio = False\n%load_ext llmlab")
        running.run("import asyncio\nasync def work(): return 7")

        nested = running.run("asyncio.run(work())")

        assert "cannot be called from a running event loop" in nested.errors[0]
        assert running.run("print(await work())").text.strip() == "7"


def test_importing_llmlab_patches_nothing(tmp_path: Path) -> None:
    """`import llmlab`, and using it, leave asyncio alone; only `%load_ext` touches it."""
    with kernel(tmp_path) as running:
        running.run("import asyncio; before = (asyncio.run, asyncio.get_event_loop)")
        running.run("import llmlab; llmlab.ask('hi', 'gpt')")

        same = running.value("before == (asyncio.run, asyncio.get_event_loop)")

        assert same == "True"
        nested = running.run("async def work(): return 7\nasyncio.run(work())")
        assert "cannot be called from a running event loop" in nested.errors[0]


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
def test_a_loop_that_cannot_be_patched_is_said() -> None:
    """On uvloop, load_ext says that asyncio.run() will not nest, and what to do instead."""
    import uvloop

    from llmlab.notebook.nested_loops import nest

    async def loaded() -> str:
        return nest()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        said = runner.run(loaded())

    assert "asyncio.run() will not work in cells" in said
    assert "use await" in said


def test_magics_work_in_a_plain_ipython_terminal(tmp_path: Path) -> None:
    """Without a kernel the words are printed, and a table is text."""
    import subprocess
    import sys

    from tests.kernel import environment

    script = tmp_path / "cells.ipy"
    script.write_text(
        "%load_ext llmlab\nimport pandas as pd\nframe = pd.DataFrame({'h': ['a', 'b']})\n"
        "get_ipython().run_cell('%%llm gpt\\nSay hello')\n"
        "get_ipython().run_cell('%%abtest gpt claude --on frame\\n--- a\\n{{ h }}?')\n"
        "%lab runs\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", str(script)],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert "stand-in: not this model]" in done.stdout
    assert "Prompt  Model" in done.stdout
    assert "Runs in the book" in done.stdout
    assert "object at 0x" not in done.stdout
