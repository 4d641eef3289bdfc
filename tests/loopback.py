"""A provider on a thread of this process: a function says what each request is answered with."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

PATIENCE: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What it is answered with."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    more: threading.Event | None = None
    """Given, the connection stays open after the body; it is set when the client has gone."""


class Loopback:
    """
    Answer what `reply` makes of each POST, on threads; `log` has what came.

    A GET is answered with Ollama's list of models, the only one that a run asks for.
    """

    def __init__(self, reply: Callable[[Came], Said]) -> None:
        self._reply = reply
        self.log: list[Came] = []
        self._came = threading.Condition()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """Return the address, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def env(self) -> dict[str, str]:
        """Return the environment of a lab all of whose providers are here."""
        return {
            "OPENAI_API_KEY": "sk-planted-0000000000000000000000",
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "ANTHROPIC_API_KEY": "sk-ant-api03-planted000000000000",
            "ANTHROPIC_BASE_URL": self.url,
            "DEEPSEEK_API_KEY": "sk-planted00000000000000000000000",
            "DEEPSEEK_BASE_URL": self.url,
            "XAI_API_KEY": "xai-planted00000000000000000000",
            "XAI_BASE_URL": f"{self.url}/v1",
            "OLLAMA_HOST": self.url,
        }

    def note(self, came: Came) -> None:
        """Write down a request, and wake who waits for it."""
        with self._came:
            self.log.append(came)
            self._came.notify_all()

    def answered(self, came: Came) -> Said:
        """Return what *came* is answered with."""
        return self._reply(came)

    def until(self, count: int) -> None:
        """Wait until *count* requests have come."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.log) >= count, PATIENCE), len(self.log)

    def stays_at(self, count: int, seconds: float = 0.3) -> bool:
        """Say whether no request comes beyond *count* for some time."""
        time.sleep(seconds)
        return len(self.log) == count

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: Loopback) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._say(Said(body=b'{"models": [{"name": "qwen3:0.6b"}]}'))

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        came = Came(path=self.path, headers=headers, body=self.rfile.read(size))
        self.server.owner.note(came)
        self._say(self.server.owner.answered(came))

    def _say(self, said: Said) -> None:
        try:
            self._write(said)
        except OSError:  # the client has gone
            self.close_connection = True

    def _write(self, said: Said) -> None:
        self.send_response(said.status)
        self.send_header("content-type", said.kind)
        if said.more is None:
            self.send_header("content-length", str(len(said.body)))
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body)
        if said.more is not None:
            self.close_connection = True
            self.connection.settimeout(PATIENCE)
            self.rfile.read(1)
            said.more.set()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
