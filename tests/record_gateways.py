"""
Ask real gateways what llmlab would ask them, and keep their replies for `tests/test_gateways.py`.

    python tests/record_gateways.py litellm PATH/TO/bin/litellm    # pip install 'litellm[proxy]'
    python tests/record_gateways.py llamacpp                       # pip install 'llmlab[local]'

LiteLLM stands between llmlab and llmlab's simulator; llama.cpp's server is the one that xllamacpp
brings, with the embedded model. Only loopback is used. A reply is kept as it came, less the
headers that differ at each call and say nothing.
"""

import asyncio
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmlab.catalogue import Catalogue
from llmlab.providers.listing import models_call
from llmlab.providers.registry import adapter_of
from llmlab.records import HttpCall, Parameters, Prompt, Request, Schema

FOLDER = Path(__file__).parent / "gateways"
KEY = "sk-1234-master-key"
PORT = 4411
ASKED = "Reply with the word four and nothing else."
KEPT = ("content-type", "request-id", "retry-after", "x-litellm-response-cost", "x-ratelimit-")
SCHEMA = Schema(
    name="sum",
    document={
        "type": "object",
        "properties": {"sum": {"type": "integer"}},
        "required": ["sum"],
        "additionalProperties": False,
    },
)
CONFIG = """
model_list:
  - model_name: luna
    litellm_params: {{model: openai/gpt-6-luna, api_base: "{openai}", api_key: "{key}"}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-haiku-4-5, api_base: "{anthropic}", api_key: "{ant}"}}
general_settings: {{master_key: {master}}}
litellm_settings: {{num_retries: 0}}
"""


def calls_of(provider: str, model: str, claude: str = "") -> dict[str, HttpCall]:
    """Return the calls to record, by name, as llmlab writes them."""
    catalogue = Catalogue.load()
    home, base = catalogue.providers[provider], catalogue.providers[provider].base_url

    def call(api: str, name: str = model, *, stream: bool = False, **more: Any) -> HttpCall:
        request = Request(
            provider=provider,
            model=name,
            prompt=Prompt(name="p", user=ASKED),
            parameters=Parameters(max_tokens=40, **more),
            api=api,  # type: ignore[arg-type]
            stream=stream,
        )
        adapter = adapter_of(provider, request.api, speaks=home.speaks, dialect=home.dialect)
        return adapter.write(request, catalogue.find(f"{provider}/{name}"), base)

    made = {
        "models": models_call(adapter_of(provider, speaks="openai", dialect=home.dialect), base),
        "chat": call("chat"),
        "chat_stream": call("chat", stream=True),
        "chat_schema": call("chat", schema=SCHEMA),
        "chat_unknown_model": call("chat", "no-such-model"),
    }
    if "responses" in home.apis:
        made |= {
            "responses": call("responses"),
            "responses_stream": call("responses", stream=True),
        }
    if claude:
        made |= {
            "messages": call("messages", claude),
            "messages_stream": call("messages", claude, stream=True),
            "chat_claude": call("chat", claude),
        }
    return made


def sent(call: HttpCall, usual: str, base: str, key: str) -> dict[str, Any]:
    """Send a call to the server at *base*; return it with what came."""
    headers = {"content-type": "application/json", **call.headers}
    headers["x-api-key" if call.auth == "x-api-key" else "authorization"] = (
        key if call.auth == "x-api-key" else f"Bearer {key}"
    )
    there = call.url.replace(usual.removesuffix("/v1"), base)
    request = urllib.request.Request(  # noqa: S310 - loopback
        there, data=call.body or None, headers=headers, method=call.method
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:  # noqa: S310
            status, came, body = reply.status, dict(reply.headers), reply.read()
    except urllib.error.HTTPError as error:
        status, came, body = error.code, dict(error.headers), error.read()
    return {
        "request": {"path": call.url.replace(usual.removesuffix("/v1"), ""),
                    "body": json.loads(call.body or b"null")},
        "status": status,
        "headers": {n.lower(): v for n, v in came.items() if n.lower().startswith(KEPT)},
        "body": body.decode(),
    }  # fmt: skip


def record(provider: str, version: str, base: str, key: str, calls: Mapping[str, HttpCall]) -> None:
    """Send the calls, one with a wrong key too, and write what came."""
    usual = Catalogue.load().providers[provider].base_url
    came = {name: sent(call, usual, base, key) for name, call in calls.items()}
    came["chat_wrong_key"] = sent(calls["chat"], usual, base, "sk-wrong-key-of-nobody")
    FOLDER.mkdir(exist_ok=True)
    document = {"gateway": provider, "version": version, "recorded": time.strftime("%Y-%m-%d"),
                "made_by": "tests/record_gateways.py", "exchanges": came}  # fmt: skip
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (FOLDER / f"{provider}.json").write_text(text + "\n", encoding="utf-8")


async def litellm(program: str) -> None:
    """Record LiteLLM's proxy in front of the simulator."""
    from llmlab.sim import RuleAuthor, Simulator

    python = Path(program).parent / "python"
    asked = [str(python), "-c", "import importlib.metadata as m; print(m.version('litellm'))"]
    version = subprocess.check_output(asked, text=True).strip()  # noqa: ASYNC221
    async with Simulator(author=RuleAuthor(seed=0)) as simulator:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "config.yaml"
            path.write_text(
                CONFIG.format(
                    openai=simulator.base_url("openai"), anthropic=simulator.base_url("anthropic"),
                    key="sk-proj-" + "0" * 32, ant="sk-ant-api03-" + "0" * 32, master=KEY,
                )
            )  # fmt: skip
            await asyncio.to_thread(_with_litellm, program, path, version)


def _with_litellm(program: str, config: Path, version: str) -> None:
    env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": ""}
    asked = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(PORT)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(asked, env=env, stdout=quiet, stderr=quiet)
    base = f"http://127.0.0.1:{PORT}"
    try:
        _until_it_answers(f"{base}/health/liveliness")
        record("litellm", version, base, KEY, calls_of("litellm", "luna", "claude"))
    finally:
        process.terminate()
        process.wait(30)


def _until_it_answers(url: str) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - loopback
        except OSError:
            time.sleep(1)
        else:
            return
    raise SystemExit(f"{url} did not answer within 180 s")


def llamacpp() -> None:
    """Record llama.cpp's server with the embedded model."""
    from llmlab.local import LocalServer, model_path

    server = LocalServer.start(model_path(None), slots=1)
    try:
        name = model_path(None).stem
        version = f"xllamacpp {importlib.metadata.version('xllamacpp')}"
        calls = calls_of("llamacpp", name)
        record("llamacpp", version, server.address, str(server.key), calls)
    finally:
        server.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["llamacpp"]:
        llamacpp()
    elif sys.argv[1:2] == ["litellm"] and len(sys.argv) == 3:
        asyncio.run(litellm(sys.argv[2]))
    else:
        raise SystemExit(__doc__)
