"""A server that answers with scripted bytes, and a session to ask it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llmlab.records import HttpCall
from llmlab.secrets import Secret
from llmlab.wire import Endpoint, Session

BODY = b'{"said":"hello"}'
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n" + BODY


class Scripted:
    """A server that answers the requests to it with scripted bytes, one after the other."""

    def __init__(self, *replies: bytes) -> None:
        self.replies = list(replies)
        self.requests: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.connections = 0
        self.port = 0
        self.hang_up = False

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the client goes, or hang up after one reply."""
        self.connections += 1
        self.writers.append(writer)
        try:
            while self.replies:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                self.requests.append(head + await reader.readexactly(length))
                writer.write(self.replies.pop(0))
                await writer.drain()
                if self.hang_up:
                    break
            else:
                await reader.read()
        except asyncio.IncompleteReadError:
            pass  # the client has gone: that is what some tests are about
        finally:
            writer.close()

    def endpoint(self, key: str = "sk-x") -> Endpoint:
        """Return where it is."""
        return Endpoint(provider="openai", base_url=self.url, key=Secret(key))

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}/v1"

    def call(self, path: str = "/chat") -> HttpCall:
        """Return a request for it."""
        return HttpCall(url=self.url + path, body=b'{"ask":1}')


@asynccontextmanager
async def serving(
    *replies: bytes, session: Session | None = None
) -> AsyncIterator[tuple[Scripted, Session]]:
    """Serve *replies* and hand out a session to ask for them."""
    scripted, session = Scripted(*replies), session or Session()
    server = await asyncio.start_server(scripted.talk, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted, session
    finally:
        await session.close()
        server.close()


def left_open(session: Session) -> int:
    """Count the connections that are open, idle ones included."""
    connector = session._session.connector if session._session else None
    assert connector is not None
    return sum(len(each) for each in connector._conns.values()) + len(connector._acquired)
