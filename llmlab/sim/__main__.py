"""`python -m llmlab.sim [--port N] [--seed N] [--fault SPEC ...]`."""

import argparse
import asyncio
import sys

from llmlab.errors import UsageError
from llmlab.sim.serve import serve


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; a usage error is one line and exit code 2."""
    parser = argparse.ArgumentParser(prog="llmlab sim", description="Simulate five providers.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", action="append", default=[], metavar="SPEC")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(serve(options.port, options.fault, report=_say, seed=options.seed))
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
