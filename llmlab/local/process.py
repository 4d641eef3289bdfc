"""Start the model's process, hear its addresses, end it, and say what went wrong in one line."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from llmlab.errors import LocalModelError
from llmlab.local.model import INSTALL, RUNTIME
from llmlab.secrets import for_child

CHILD = Path(__file__).with_name("child.py")
CLOSING = 2.0
"""Seconds a child gets to leave by itself (it takes 0.05) before it is killed."""


def spawn(
    parameters: dict[str, object], timeout: float
) -> "tuple[subprocess.Popen[bytes], tuple[str, ...]]":
    """
    Start a child with these parameters; return it and its addresses once the model is loaded.

    Raises:
        LocalModelError: It did not start, or not within `timeout` seconds.
    """
    expired = threading.Event()
    with TemporaryFile() as log:
        process = _popen(log)
        alarm = threading.Timer(timeout, _expire, (process, expired))
        alarm.start()
        try:
            said = _exchange(process, parameters)
        except BaseException:  # an interrupted cell must not leave a child behind
            end(process, os.getpid())
            raise
        finally:
            alarm.cancel()
            alarm.join()
        if "addresses" in said and not expired.is_set():
            return process, tuple(said["addresses"])
        end(process, os.getpid())
        if expired.is_set():
            raise LocalModelError(
                f"the embedded model was not loaded within {timeout:g} s: "
                "start it again when the machine is less busy, or with a larger timeout"
            )
        log.seek(0)
        logged = log.read().decode(errors="replace")
    raise _explain(said, logged, process.returncode, str(parameters["model"]))


def _popen(log: IO[bytes]) -> "subprocess.Popen[bytes]":
    if not sys.executable:
        raise LocalModelError("this Python does not know its own program: sys.executable is empty")
    return subprocess.Popen(  # noqa: S603 - our own interpreter and file, no shell
        [sys.executable, "-P", str(CHILD)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        # OpenMP's threads otherwise wait for each other in a spin: with the cores busy a model
        # then answers 10 times slower. It is read when libgomp loads, hence the child.
        env=for_child(OMP_WAIT_POLICY="passive"),  # it loads foreign code, and needs no key
        start_new_session=True,  # Jupyter's interrupt goes to the whole group
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # ... and on Windows
    )


def _exchange(process: "subprocess.Popen[bytes]", parameters: dict[str, object]) -> dict[str, Any]:
    """Hand the parameters over and wait for the answer; empty when the child died first."""
    if process.stdin is None or process.stdout is None:
        raise LocalModelError("the embedded model's process was started without pipes")
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(parameters).encode() + b"\n")
    said: dict[str, Any] = json.loads(process.stdout.readline() or b"{}")
    process.stdout.close()
    return said


def _expire(process: "subprocess.Popen[bytes]", expired: threading.Event) -> None:
    expired.set()
    process.kill()


def end(process: "subprocess.Popen[bytes]", owner: int) -> None:
    """End a child: at its word, or by force 2 s later. `owner` is the process that started it."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()  # the end of its input is the child's order to exit
    if os.getpid() != owner:  # a fork of the owner closes its copies, and owns nothing
        return
    try:
        process.wait(CLOSING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _explain(said: dict[str, Any], logged: str, code: int, model: str) -> LocalModelError:
    """Turn what a child left behind into the one line that helps."""
    lines = logged.strip().splitlines()
    detail = " ".join((said.get("detail") or (lines or ["it said nothing"])[-1]).split())
    if said.get("error") == "runtime":
        return LocalModelError(f"xllamacpp cannot be imported ({detail}): {RUNTIME}")
    if "couldn't bind" in detail:
        return LocalModelError(
            "the embedded model got no port on 127.0.0.1: allow local connections, then start again"
        )
    if "error loading model" in detail:
        return LocalModelError(f"{model} is damaged, or no GGUF model at all: {INSTALL}")
    if code == -getattr(signal, "SIGILL", 0):
        return LocalModelError("the embedded model needs a processor with AVX2 and FMA")
    return LocalModelError(
        f"the embedded model did not start (exit {code}: {detail}): "
        f"free some memory and start again; if it stays, {INSTALL}"
    )
