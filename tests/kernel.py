"""Real Jupyter kernels for tests: started, spoken to over the protocol, and stopped by name."""

import os
import queue
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

PATIENCE = 300.0


@dataclass(slots=True)
class Said:
    """All that a kernel said about one cell."""

    status: str = ""
    text: str = ""
    """Streams, in order."""
    errors: list[str] = field(default_factory=list)
    """Error messages as `name: value`; IPython prints its UsageError instead of raising it."""
    traceback: list[str] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=list)
    """Data of displays and results; one that is updated counts again."""

    @property
    def plain(self) -> str:
        """Everything as a terminal would have it."""
        return "\n".join([self.text, *(str(each.get("text/plain", "")) for each in self.shown)])


@dataclass(slots=True)
class Kernel:
    """A kernel with its client."""

    manager: KernelManager
    client: BlockingKernelClient

    @property
    def pid(self) -> int:
        """Its process."""
        return int(self.manager.provisioner.pid)  # type: ignore[union-attr]  # it was started

    def send(self, code: str) -> str:
        """Start a cell; return its message id."""
        return str(self.client.execute(code, stop_on_error=True))

    def run(self, code: str, timeout: float = PATIENCE) -> Said:
        """Run a cell to its end and return what it said."""
        return self.hear(self.send(code), timeout)

    def hear(self, cell: str, timeout: float = PATIENCE) -> Said:
        """Collect what is said about *cell* until the kernel is idle again."""
        said = Said()
        until = time.monotonic() + timeout
        for message in self._messages(cell, until):
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                said.text += content["text"]
            elif kind in {"display_data", "execute_result", "update_display_data"}:
                said.shown.append(content["data"])
            elif kind == "error":
                said.errors.append(f"{content['ename']}: {content['evalue']}")
                said.traceback += content["traceback"]
            elif kind == "status" and content["execution_state"] == "idle":
                break
        said.errors += [line for line in said.text.splitlines() if line.startswith("UsageError: ")]
        said.status = self._reply(cell, until)["content"]["status"]
        return said

    def until_said(self, cell: str, words: str, timeout: float = PATIENCE) -> None:
        """Wait until something that *cell* says has *words* in it."""
        for message in self._messages(cell, time.monotonic() + timeout):
            if words in str(message["content"]):
                return

    def value(self, expression: str) -> str:
        """Return the repr of an expression in the kernel."""
        reply = self.client.execute("", user_expressions={"it": expression}, silent=False)
        content = self._reply(reply, time.monotonic() + PATIENCE)["content"]
        return str(content["user_expressions"]["it"]["data"]["text/plain"])

    def complete(self, code: str) -> list[str]:
        """Return what Tab offers at the end of *code*."""
        cell = self.client.complete(code)
        matches = self._reply(cell, time.monotonic() + PATIENCE)["content"]["matches"]
        return [str(each) for each in matches]

    def help(self, code: str) -> str:
        """Return what `?` shows for the word at the end of *code*."""
        cell = self.client.inspect(code)
        data = self._reply(cell, time.monotonic() + PATIENCE)["content"]["data"]
        return str(data.get("text/plain", ""))

    def _messages(self, cell: str, until: float) -> Iterator[dict[str, Any]]:
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the kernel said nothing more in time")
            try:
                message = self.client.get_iopub_msg(timeout=min(left, 1.0))
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") == cell:
                yield message

    def _reply(self, cell: str, until: float) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=max(0.1, until - time.monotonic()))
            if message["parent_header"].get("msg_id") == cell:
                return dict(message)


def environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment without keys, whose stand-ins are written by the fast seeded rule."""
    kept = {name: value for name, value in os.environ.items() if "KEY" not in name}
    return {
        **kept,
        "LLMLAB_LOCAL_MODEL": str(folder / "no-model"),
        "LLMLAB_MODE": "stand-in",
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        **(extra or {}),
    }


@contextmanager
def kernel(folder: Path, extra: Mapping[str, str] | None = None) -> Iterator[Kernel]:
    """Run a kernel in *folder* and end it, however the block ends."""
    manager = KernelManager(kernel_name="python3")
    env = {name: value for name, value in environment(folder, extra).items() if value}
    # Kernels on loopback warn about encryption at every start; errors still show.
    manager.start_kernel(env=env, cwd=str(folder), extra_arguments=["--log-level=40"])
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
