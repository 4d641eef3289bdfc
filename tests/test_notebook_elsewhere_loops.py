"""Loops of other makes under a cell: patched, unpatched, tornado's, uvloop's; other shells."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.kernel import environment, kernel

CELLS: Final = {
    "load": "%load_ext llmlab",
    "work": "import asyncio, threading, llmlab\nasync def work(): return 7",
    "llm": "%%llm gpt -o it\nSay hello",
    "ask": "print(llmlab.default.lab().ask('hello', 'gpt').text)",
    "ask_async": "print((await llmlab.default.lab().ask_async('hello', 'gpt')).text)",
    "abtest": "import pandas as pd\nframe = pd.DataFrame({'h': ['a', 'b']})\n"
    "get_ipython().run_cell_magic('abtest', 'gpt --on frame -o run', '{{ h }}')",
    "run": "print(asyncio.run(work()))",
    "await": "print(await work())",
    "thread": "said = []\ndef apart(): said.append(asyncio.run(work()))\n"
    "doing = threading.Thread(target=apart)\ndoing.start(); doing.join(10); print(said)",
}
"""What a reader does in a cell, in this order, under any loop."""

SCRIPT: Final = '''
import asyncio, contextlib, io, json, sys, warnings

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.displaypub import CapturingDisplayPublisher
from traitlets import Any

warnings.simplefilter("ignore")
loop, cells = sys.argv[1], json.loads(sys.argv[2])


class Shell(InteractiveShell):
    """As google.colab's: no terminal, no ZMQInteractiveShell, but a kernel that shows pages."""

    kernel = Any(object())


async def main():
    shell = Shell.instance(display_pub_class=CapturingDisplayPublisher)
    if loop == "unpatched":
        shell.config.LLMLab.nest_asyncio = False
    if loop == "patched before":
        import nest_asyncio
        nest_asyncio.apply()
    told = {}
    for name, code in cells.items():
        shell.display_pub.outputs.clear()
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            ended = await shell.run_cell_async(code, transformed_cell=shell.transform_cell(code))
        error = ended.error_in_exec or ended.error_before_exec
        shown = [sorted(each["data"]) for each in shell.display_pub.outputs]
        told[name] = {"error": error and repr(error), "out": out.getvalue(), "shown": shown}
    print("TOLD" + json.dumps(told))


if loop == "tornado":
    from tornado.ioloop import IOLoop
    IOLoop().run_sync(main)
elif loop == "uvloop":
    import uvloop
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
else:
    asyncio.run(main())
'''
NESTS: Final = {"asyncio": True, "unpatched": False, "patched before": True, "tornado": True,
                "uvloop": False}  # fmt: skip


def told(folder: Path, loop: str) -> dict[str, dict[str, Any]]:
    """Run every cell under *loop*, in a shell that is not IPython's own; return what each said."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, loop, json.dumps(CELLS)],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    marked = [line for line in done.stdout.splitlines() if line.startswith("TOLD")]
    assert marked, done.stdout + done.stderr
    found: dict[str, dict[str, Any]] = json.loads(marked[0].removeprefix("TOLD"))
    return found


@pytest.mark.parametrize("loop", NESTS)
def test_everything_works_under_any_running_loop(tmp_path: Path, loop: str) -> None:
    """Magics, `ask`, `await` and threads work under every loop; `asyncio.run` does or says why."""
    if loop == "uvloop" and importlib.util.find_spec("uvloop") is None:
        pytest.skip("uvloop is not installed")

    said = told(tmp_path, loop)

    wrong = {name: each["error"] for name, each in said.items() if each["error"]}
    assert set(wrong) == (set() if NESTS[loop] else {"run"})
    assert "line-up six" in said["load"]["out"]
    assert ["text/markdown", "text/plain"] in said["llm"]["shown"]
    assert ["text/html", "text/plain"] in said["abtest"]["shown"]
    assert said["ask"]["out"] == said["ask_async"]["out"] != ""
    assert said["await"]["out"] == "7\n"
    assert said["thread"]["out"] == "[7]\n"
    if NESTS[loop]:
        assert said["run"]["out"] == "7\n"
    else:
        assert "cannot be called from a running event loop" in wrong["run"]
        assert ("use await" in said["load"]["out"]) == (loop == "uvloop")


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
def test_a_kernel_may_run_on_uvloop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real kernel on uvloop answers every cell, and a background run gives the cell back."""
    start = (
        "import sys, uvloop; sys.argv[0] = 'ipykernel'; uvloop.install(); "
        "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"
    )
    folder = tmp_path / "jupyter" / "kernels" / "python3"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-W", "ignore", "-c", start, "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "uvloop", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(folder.parent.parent))

    with kernel(tmp_path) as running:
        assert "uvloop" in running.run("import asyncio; print(asyncio.get_running_loop())").text
        said = {name: running.run(code, timeout=300) for name, code in CELLS.items()}
        later = "%%abtest gpt --on frame --background -o later\nTell: {{ h }}"
        assert running.run(later, timeout=300).errors == []

        assert {name for name, each in said.items() if each.errors} == {"run"}
        assert "use await" in said["load"].text
        assert "cannot be called from a running event loop" in said["run"].errors[0]
        ended = "len(later.result(20) if hasattr(later, 'result') else later)"
        assert running.value(ended) == "2"
