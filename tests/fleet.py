"""
Whole processes: a provider with a log of its own, and kernels that can be killed.

    python -m tests.fleet serve FOLDER [--fault SPEC ...]
    python -m tests.fleet run FOLDER --url URL --calls N [--first N] [...]

The provider writes down what it wrote, so what it would bill, before it sends it; a kernel
writes down each answer at the moment it is handed on.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

MODEL: Final = "openai/gpt-6-luna"
KEY: Final = "sk-planted-0000000000000000000000"
WORDS: Final = (
    "You are a careful editor of market news. Read the line below and say in a few words what "
    "it reports, without advice and without any words of your own beyond what is needed. Line: "
)
_ROOT: Final = Path(__file__).parent.parent


# ---- the provider


def serve(folder: Path, faults: Sequence[str], seed: int, idempotency: str = "") -> None:
    """Serve until told to stop; the first line on stdout is the address."""
    from llmlab.sim import Asked, Faults, RuleAuthor, Simulator, Written

    log = os.open(folder / "served.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @dataclass(frozen=True)
    class Logged:
        inner: RuleAuthor
        name: str = "rule"

        async def write(self, asked: Asked) -> Written:
            written = await self.inner.write(asked)
            line = {
                "at": time.time(),
                "user": asked.user,
                "input": written.input_tokens,
                "output": written.output_tokens,
            }
            os.write(log, f"{json.dumps(line)}\n".encode())
            return written

    async def main() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        author = Logged(RuleAuthor(seed))
        async with Simulator(
            author=author, faults=Faults.parse(faults, seed=seed), idempotency=idempotency
        ) as simulator:
            say(simulator.base_url("openai"))
            await stop.wait()

    asyncio.run(main())


@contextmanager
def provider(folder: Path, *faults: str, seed: int = 0, idempotency: str = "") -> Iterator[str]:
    """Start a provider; give its address."""
    command = [sys.executable, "-m", "tests.fleet", "serve", str(folder), "--seed", str(seed)]
    with subprocess.Popen(
        [*command, f"--idempotency={idempotency}", *(f"--fault={fault}" for fault in faults)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a killed kernel is no news
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


# ---- a kernel


def run(folder: Path, options: argparse.Namespace) -> None:
    """Run to the end; say on stdout when sending begins, and what came out."""
    from llmlab import Lab
    from llmlab.errors import LabError

    # A shell that starts the tests in the background has its children ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    note_what_is_handed_on(folder)
    lab = Lab(
        book=folder / "lab.db",
        env={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": options.url},
        config=folder,
        max_in_flight=options.at_once,
        per_provider=options.at_once,
        budget={"total": options.limit},
        catalogue=_catalogue(folder, options.idempotency),
        prices={MODEL: {"input": options.price, "output": 2 * options.price}},
    )
    try:
        said = _abtest(lab, options)
    except LabError as error:
        said = {"error": f"{type(error).__name__}: {error}"}
    said["tasks"] = len(asyncio.all_tasks(lab._services.engine.loop))
    say(json.dumps(said))
    lab.close()


def _catalogue(folder: Path, idempotency: str) -> Path | None:
    """Write the row of a gateway that honours idempotency keys, where it does."""
    if not idempotency:
        return None
    path = folder / "gateway.toml"
    path.write_text(f'[providers.openai]\nidempotency = "{idempotency}"\n', encoding="utf-8")
    return path


def _abtest(lab: Any, options: argparse.Namespace) -> dict[str, object]:
    import pandas as pd

    numbers = range(options.first, options.first + options.calls)
    frame = pd.DataFrame({"line": [f"Share number {n} rose." for n in numbers]})
    _ = lab.book  # opened before the disk is full
    if options.largest_file:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (options.largest_file, resource.RLIM_INFINITY))
    say("sending")
    prompts = {"p": f"{WORDS}{{{{ line }}}}"}
    done = lab.abtest(prompts, MODEL, on=frame, quiet=True, max_tokens=20, effort="none")
    errors = done.rows["error"].dropna()
    return {
        "rows": len(done.rows),
        "ok": int((done.rows["status"] == "ok").sum()),
        "errors": errors.str.split(":").str[0].value_counts().to_dict(),
        "first_error": next(iter(errors), ""),
        "notes": list(done.notes),
    }


def note_what_is_handed_on(folder: Path) -> None:
    """Write every answer down at the moment at which it is handed on."""
    from llmlab.calls.caller import Caller, Prepared
    from llmlab.records import Answer

    handed = os.open(folder / "handed.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    outcome_of = Caller.outcome

    async def outcome(self: Caller, prepared: Prepared, **rest: Any) -> Any:
        outcome = await outcome_of(self, prepared, **rest)
        if isinstance(outcome, Answer):
            line = f"{time.time()} {prepared.key} {prepared.request.prompt.user}\n"
            os.write(handed, line.encode())
        return outcome

    Caller.outcome = outcome  # type: ignore[method-assign]


def say(line: str) -> None:
    """Tell whoever started this process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def kernel(folder: Path, url: str, calls: int, **options: object) -> "subprocess.Popen[str]":
    """Start a kernel that runs *calls* calls; it says `sending` when it begins."""
    command = [sys.executable, "-m", "tests.fleet", "run", str(folder)]
    command += [f"--url={url}", f"--calls={calls}"]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)


def began(process: "subprocess.Popen[str]") -> None:
    """Wait until a kernel sends."""
    assert process.stdout is not None
    assert process.stdout.readline() == "sending\n"


def ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for a kernel's last word."""
    out, _ = process.communicate(timeout=300)
    said: dict[str, Any] = json.loads(out.splitlines()[-1])
    return said


# ---- reading the logs


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One answer that the provider wrote, and would bill."""

    at: float
    user: str
    input: int
    output: int


def served(folder: Path) -> list[Served]:
    """Return what the provider wrote, in order."""
    lines = (folder / "served.log").read_text("utf-8").splitlines()
    return [Served(**json.loads(line)) for line in lines]


def dollars(call: Served, price: float) -> Decimal:
    """Return what *call* costs at *price* per million input tokens; output costs twice that."""
    each = Decimal(str(price)) / 1_000_000
    return call.input * each + call.output * 2 * each


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """When an answer was handed on for the first time, and the key the book knows it by."""

    at: float
    key: str


def handed(folder: Path) -> dict[str, Handed]:
    """Return what was handed on, by the prompt's words."""
    found: dict[str, Handed] = {}
    for line in (folder / "handed.log").read_text("utf-8").splitlines():
        at, key, user = line.split(" ", 2)
        found.setdefault(user, Handed(at=float(at), key=key))
    return found


def sent_again(folder: Path) -> list[Served]:
    """Return what was written after its answer had been handed on: nothing, if all is well."""
    given = handed(folder)
    return [each for each in served(folder) if each.user in given and each.at > given[each.user].at]


def main() -> None:
    """Be one of the two."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["serve", "run"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--idempotency", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--url", default="")
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--limit", type=float)
    parser.add_argument("--price", type=float, default=1.0)
    parser.add_argument("--largest-file", type=int, default=0)
    options = parser.parse_args()
    if options.role == "serve":
        serve(options.folder, options.fault, options.seed, options.idempotency)
    else:
        run(options.folder, options)


if __name__ == "__main__":
    main()
