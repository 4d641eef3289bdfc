"""
Run llama.cpp's server in its own process, which ends with the process that started it.

Run by path, not imported: `python -P child.py`. Standard input carries one line of JSON with
the parameters and then stays open; its end is the signal to exit, and the operating system
closes it however the owner dies. Standard output carries one line of JSON back: the address of
each copy of the model, or what went wrong. It imports nothing of llmlab, so the process is only
the interpreter and the model.
"""

import json
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any

LOOPBACK = "127.0.0.1"
WATCH = 0.5
"""Seconds between checks of the parent's process id."""
LATE = 1.0
"""Seconds to wait for llama.cpp's own error message."""
LAST = "exiting due to"
"""Text in its last line."""


def main() -> None:
    """Serve until standard input ends or the parent changes."""
    # Native code may print: keep the real standard output for the one line of the answer.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    parent = os.getppid()
    parameters = json.loads(sys.stdin.buffer.readline() or b"null")
    if parameters is None:  # the owner died before it wrote anything
        os._exit(0)
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    said: dict[str, Any]
    try:
        servers = [_serve(parameters) for _ in range(parameters["slots"])]
        said = {"addresses": [server.listening_address for server in servers]}
    except ImportError as error:
        said = {"error": "runtime", "detail": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever it was, the owner is told
        said = {"error": "start", "detail": f"{error} {_reason(parameters)}"}
    with suppress(BrokenPipeError), answer:  # the owner died while the model was loading
        answer.write(json.dumps(said) + "\n")
    # A process the owner forked may hold the pipe open after the owner is gone, so the parent's
    # id is watched too. PR_SET_PDEATHSIG would not do: it fires when the starting *thread* ends.
    while "addresses" in said and os.getppid() == parent:
        time.sleep(WATCH)
    os._exit(0)  # never ~Server: it can hang while a request runs


def _exit_at_end_of_input() -> None:
    while sys.stdin.buffer.read(1):
        continue
    os._exit(0)


def _reason(parameters: dict[str, Any]) -> str:
    """
    Start once more, with llama.cpp's log captured in a pipe, and return its error.

    The exception has one text for every cause, and a server that logs would log users' requests:
    so the serving one is silent, and this one never serves.
    """
    readable, writable = os.pipe()
    os.dup2(writable, 2)
    with suppress(Exception):
        _serve(parameters, verbosity=1)
    # llama.cpp logs from its own thread, so the lines may come later than the exception.
    threading.Timer(LATE, os.write, (writable, f"{LAST} an unknown error\n".encode())).start()
    said = []
    with os.fdopen(readable, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            said.append(line.strip())
            if LAST in line:
                break
    return "; ".join(said)


def _serve(parameters: dict[str, Any], *, verbosity: int = 0) -> Any:
    import xllamacpp

    p = xllamacpp.CommonParams()
    p.hostnames = [LOOPBACK]
    p.port = parameters["port"]
    p.offline = True
    p.ui = False
    p.verbosity = verbosity
    # Without this the server allows any Origin: a web page could then use it.
    p.cors_origins = f"http://{LOOPBACK}"
    p.model.path = parameters["model"]
    p.model_alias = {parameters["alias"]}
    p.api_keys = [parameters["key"]]
    p.n_parallel = 1
    p.n_ctx = parameters["context"]
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = parameters["threads"]
    p.cache_ram_mib = parameters["cache_ram_mib"]
    p.slot_prompt_similarity = parameters["slot_prompt_similarity"]
    # Flash attention sums in another order when more of a prompt is read at once, so a copy's
    # prompt cache would change the answer: see `server`.
    p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return xllamacpp.Server(p)


if __name__ == "__main__":
    main()
