"""The simulator answers who calls it by its own name, and no web page."""

import asyncio
import http.client
import socket
from urllib.parse import urlsplit

import pytest

from llmlab.errors import UsageError
from llmlab.sim import RuleAuthor, Simulator

STRANGE = (
    "evil.test", "evil.test:{port}", "127.0.0.1.evil.test:{port}", "127.0.0.1:1", "127.0.0.1",
    "localhost", "localhost:80", "localhost.evil.test:{port}", "[::1]", "[::ffff:7f00:1]:{port}",
    "127.0.0.2:{port}", "", ":{port}", "localhost:{port}:{port}", "evil.test#@127.0.0.1:{port}",
    "user@127.0.0.1:{port}", "127.0.0.1:{port}, evil.test", "2130706433:{port}", "0x7f.1:{port}",
)  # fmt: skip
OWN = ("127.0.0.1:{port}", "localhost:{port}", "LocalHost:{port}", "[::1]:{port}")
PATHS = ("/ollama/", "/openai/v1/models", "/nowhere", "/")


def ask(base: str, headers: dict[str, str], path: str = "/ollama/") -> tuple[int, str]:
    """Send a request with just these headers; return status and body."""
    place = urlsplit(base)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=300)
    try:
        connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


async def asked(sim: Simulator, headers: dict[str, str], path: str = "/ollama/") -> tuple[int, str]:
    """Ask a running simulator from a thread, with its port put into the headers."""
    base = sim.base_url("ollama")
    port = urlsplit(base).port
    told = {name: value.replace("{port}", str(port)) for name, value in headers.items()}
    return await asyncio.to_thread(ask, base, told, path)


async def test_only_its_own_names_are_answered() -> None:
    """Another name, another port, no port, a name that only begins alike: 403 in one line."""
    async with Simulator(author=RuleAuthor()) as sim:
        for host in OWN:
            assert await asked(sim, {"Host": host}) == (200, "Ollama is running")
        for host in STRANGE:
            for path in PATHS:
                status, said = await asked(sim, {"Host": host}, path)
                assert status in {400, 403}, host
                assert status == 400 or said.count("\n") == 1
        assert (await asked(sim, {}))[0] in {400, 403}
        assert [each.path for each in sim.log] == ["/"] * len(OWN)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.test"}, 403), ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 403), ({"Origin": "http://localhost:3000"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200), ({}, 200),
        ({"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}, 200),
    ],
    ids=range(9),
)  # fmt: skip
async def test_a_page_is_answered_where_it_was_asked_for(
    headers: dict[str, str], status: int
) -> None:
    """`origins=` names the pages; every other is refused, whatever it asks."""
    async with Simulator(author=RuleAuthor(), origins=["http://localhost:3000"]) as sim:
        assert (await asked(sim, {"Host": "127.0.0.1:{port}", **headers}))[0] == status


async def test_a_simulator_for_all_addresses_still_wants_an_address() -> None:
    """Bound to 0.0.0.0 it has many addresses, and no name but this machine's own."""
    sim = Simulator(author=RuleAuthor())
    await sim.start("0.0.0.0")  # noqa: S104 - what is tested
    port = urlsplit(sim.base_url("ollama")).port
    try:
        for host in ("127.0.0.1", "192.0.2.7", "localhost", socket.gethostname()):
            assert (await asked(sim, {"Host": f"{host}:{port}"}))[0] == 200, host
        for host in ("evil.test", "10.0.0.1.evil.test"):
            assert (await asked(sim, {"Host": f"{host}:{port}"}))[0] == 403, host
    finally:
        await sim.close()


@pytest.mark.parametrize("port", [-1, 65_536, 70_000])
async def test_a_port_that_is_none_is_one_line(port: int) -> None:
    """`llmlab sim --port 70000` says what is allowed."""
    with pytest.raises(UsageError, match=f"port is {port}; it must be from 0"):
        await Simulator(author=RuleAuthor()).start(port=port)


async def test_ipv6_loopback_has_an_address_that_works() -> None:
    """An address in brackets, answered under its own name."""
    sim = Simulator(author=RuleAuthor())
    try:
        await sim.start("::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        assert sim.base_url("ollama").startswith("http://[::1]:")
        assert (await asked(sim, {"Host": "[::1]:{port}"}))[0] == 200
    finally:
        await sim.close()
