"""A planted key is nowhere: logs, reprs, tracebacks, book, frame, exports. # R-60."""

import asyncio
import gc
import io
import logging
from collections.abc import AsyncIterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.errors import CallError
from llmlab.secrets import Secret
from llmlab.sim import Faults, RuleAuthor, Simulator, environment

PLANTED = "plantedplantedplanted"
KEYS = {
    "OPENAI_API_KEY": f"sk-{PLANTED}0000000000",
    "ANTHROPIC_API_KEY": f"sk-ant-api03-{PLANTED}0000",
    "DEEPSEEK_API_KEY": f"sk-{PLANTED}0000000000",
    "XAI_API_KEY": f"xai-{PLANTED}0000000000",
}
FAULTS = ("401:0.2", "reset:0.1", "html:0.1", "garbage:0.1", "500:0.1", "cut:40:0.1")


@pytest.fixture(name="simulator")
async def _simulator() -> AsyncIterator[Simulator]:
    faults = Faults.parse(FAULTS, seed=5)
    async with Simulator(author=RuleAuthor(), faults=faults) as simulator:
        yield simulator


def _lab(simulator: Simulator, folder: Path) -> Lab:
    env = {**KEYS, **environment(simulator)}
    return Lab(book=folder / "lab.db", env=env, config=folder, attempts=2)


async def _run(lab: Lab, *, stream: bool = False) -> "pd.DataFrame":
    frame = pd.DataFrame({"n": [str(n) for n in range(6)]})
    run = await lab.abtest_async(
        {"p": "Say {{ n }} again."}, "six", on=frame, quiet=True, stream=stream, max_tokens=20
    )
    return run.rows


async def test_no_key_in_logs_rows_or_files(
    simulator: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With every logger at DEBUG, half of all calls failing: no record, row or byte has a key."""
    caplog.set_level(logging.DEBUG)
    for name in ("aiohttp", "aiohttp.client", "aiohttp.internal", "asyncio", "llmlab"):
        caplog.set_level(logging.DEBUG, logger=name)
    lab = _lab(simulator, tmp_path)
    rows = [await _run(lab), await _run(lab, stream=True)]
    await asyncio.to_thread(lab.close)

    assert any((each["status"] == "error").any() for each in rows)
    assert PLANTED not in caplog.text
    assert not [each for each in caplog.records if PLANTED in repr(vars(each))]
    for number, each in enumerate(rows):
        plain = each.astype(str)
        plain.to_csv(tmp_path / f"{number}.csv")
        plain.to_json(tmp_path / f"{number}.json")
        plain.to_parquet(tmp_path / f"{number}.parquet")
    for file in await asyncio.to_thread(lambda: list(tmp_path.rglob("*"))):
        assert file.is_dir() or PLANTED.encode() not in file.read_bytes(), file


_SKIPPED = (type, ModuleType, FunctionType, Secret)


def _reachable(root: object, most: int = 200_000) -> list[object]:
    """Return what *root* leads to, by references, less code and the secrets themselves."""
    seen: dict[int, object] = {id(root): root}
    queue = [root]
    while queue and len(seen) < most:
        for each in gc.get_referents(queue.pop()):
            if id(each) not in seen and not isinstance(each, _SKIPPED):
                seen[id(each)] = each
                queue.append(each)
    return list(seen.values())


async def test_no_repr_of_what_a_lab_holds_shows_a_key(
    simulator: Simulator, tmp_path: Path
) -> None:
    """Everything of llmlab's that can be reached from a lab prints without its key."""
    lab = _lab(simulator, tmp_path)
    await _run(lab)
    try:
        objects = await asyncio.to_thread(_reachable, lab)
        ours = [each for each in objects if type(each).__module__.startswith("llmlab")]
        shown = [type(each) for each in ours if PLANTED in repr(each)]
    finally:
        await asyncio.to_thread(lab.close)

    assert len(ours) > 50
    assert not shown


async def test_a_verbose_traceback_shows_no_key(simulator: Simulator, tmp_path: Path) -> None:
    """IPython's `%xmode Verbose` prints every local of every frame, and no key among them."""
    said = await asyncio.to_thread(_verbose, simulator, tmp_path)

    assert "AuthFailed" in said
    assert "ZeroDivisionError" in said
    assert "endpoint" in said, "the frames of the wire must be in it, or it proves nothing"
    assert PLANTED not in said


def _verbose(simulator: Simulator, folder: Path) -> str:
    from IPython.core.interactiveshell import InteractiveShell

    shell: Any = InteractiveShell.instance()
    lab = _lab(simulator, folder)
    shell.push({"lab": lab, "CallError": CallError})
    out = io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(out):
            shell.run_line_magic("xmode", "Verbose")
            shell.run_cell(_FAILS)
            shell.run_cell(_BREAKS)
    finally:
        lab.close()
        InteractiveShell.clear_instance()
    return out.getvalue()


_FAILS = """
for number in range(40):
    try:
        lab.ask(f"Number {number}", "gpt")
    except CallError as error:
        if error.kind == "AuthFailed":
            raise
"""

_BREAKS = """
import aiohttp
def broken(self, request, *args):
    headers = request.headers
    return 1 / 0
real, aiohttp.TCPConnector.connect = aiohttp.TCPConnector.connect, broken
try:
    lab.ask("Hello", "claude")
finally:
    aiohttp.TCPConnector.connect = real
"""
