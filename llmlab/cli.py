"""`llmlab`: the lab from a shell."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from llmlab.errors import ConfigError, LabError, UsageError

if TYPE_CHECKING:
    from llmlab.lab import Lab
    from llmlab.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; bad input is one line on stderr and exit code 2."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except LabError as error:
        print(f"llmlab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmlab", description="Compare prompts across language models, and trust the result."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_sending(commands)
    _add_kept(commands)
    _add_machines(commands)
    return parser


def _add_sending(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add what asks models, and what is known of them and of money."""
    command = commands.add_parser("demo", help="run the quickstart notebook and keep its results")
    command.set_defaults(run=_demo)

    command = commands.add_parser("models", help="list models, windows, prices, keys, retirements")
    command.add_argument(
        "--check", action="store_true",
        help="compare with the providers' own lists and the price table: what is behind",
    )  # fmt: skip
    command.set_defaults(run=_models)

    command = commands.add_parser("ask", help="ask one model one question")
    command.add_argument("prompt", help="the words, or - to read them from standard input")
    command.add_argument("-m", "--model", help="alias or provider/model (default: the line-up's)")
    command.add_argument("--max-tokens", type=int, default=512)
    command.add_argument(
        "-v", "--value", action="append", default=[], metavar="NAME=TEXT",
        help="fills a slot {{ NAME }} of the words; may be repeated",
    )  # fmt: skip
    command.set_defaults(run=_ask)

    command = commands.add_parser("prices", help="which price table is used, and how old it is")
    command.add_argument("--refresh", action="store_true", help="fetch today's table, and keep it")
    command.set_defaults(run=_prices)

    command = commands.add_parser("spend", help="what was spent, by day, provider, model and run")
    command.set_defaults(run=_spend)


def _add_kept(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands for what is kept: runs, tapes, settings, the audit trail."""
    command = commands.add_parser("runs", help="the runs in the book")
    command.set_defaults(run=_runs)

    command = commands.add_parser(
        "export", help="write a run's rows (csv, parquet, xlsx, json) or a summary (md, html, png)"
    )
    _add_words(_add_run_and_file(command)).set_defaults(run=_export)

    command = commands.add_parser("report", help="write a run as one self-contained HTML file")
    _add_words(_add_run_and_file(command)).set_defaults(run=_report)

    command = commands.add_parser("tape", help="save a run as a tape, or check a tape")
    tapes = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    command = tapes.add_parser("save", help="write a run's answers to a text file without keys")
    _add_run_and_file(command).set_defaults(run=_tape_save)
    command = tapes.add_parser("check", help="check order and keys, and count what is on it")
    command.add_argument("file", metavar="FILE", type=Path)
    command.set_defaults(run=_tape_check)

    command = commands.add_parser("config", help="every setting with where it came from")
    command.set_defaults(run=_config)

    command = commands.add_parser(
        "trust", help="accept what this project's files say about addresses, keys and paths"
    )
    command.add_argument("--list", action="store_true", help="what was accepted, by project")
    command.add_argument("--forget", action="store_true", help="withdraw it for this project")
    command.set_defaults(run=_trust)

    _add_batch(commands)

    command = commands.add_parser("audit", help="the book's audit trail")
    command.add_argument(
        "action", choices=("verify",), help="find damage, changed or missing entries, wrong sums"
    )
    command.add_argument("--head", help="say whether the audit chain still contains this head")
    command.set_defaults(run=_audit)


def _add_machines(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add what answers in the place of providers: the simulator, the embedded model."""
    command = commands.add_parser("sim", help="run the simulator of all providers until stopped")
    command.add_argument("--port", type=int, default=8765, help="0 takes any free port")
    command.add_argument(
        "--fault", action="append", default=[], metavar="FAULT",
        help="such as 429:0.2, openai=529, cut:120, delay:0.5, html:0.1; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--author", choices=("rule", "embedded"), default="rule", help="who writes the answers"
    )
    command.set_defaults(run=_sim)

    command = commands.add_parser("local", help="the embedded model: install or check it")
    command.add_argument("action", choices=("install", "status"))
    command.set_defaults(run=_local)


def _add_batch(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("batch", help="open batches: list them, or give one up")
    batches = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    command = batches.add_parser("list", help="what was submitted and has no results yet")
    command.set_defaults(run=_batch_list)
    command = batches.add_parser(
        "forget", help="give one up: its calls count at their worst case and may be sent again"
    )
    command.add_argument("id", metavar="ID", help="as `llmlab batch list` shows it")
    command.set_defaults(run=_batch_forget)


def _add_run_and_file(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("name", metavar="RUN")
    command.add_argument("file", metavar="FILE", type=Path)
    return command


def _add_words(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add which words a report or an export holds."""
    command.add_argument(
        "--no-prompts", action="store_true", help="leave out the words of prompts and inputs"
    )
    command.add_argument(
        "--samples", type=int, default=5, help="inputs shown with all answers (default 5)"
    )
    return command


def _words_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return which words a report or an export is to hold."""
    return {"prompts": not arguments.no_prompts, "samples": arguments.samples}


def _demo(arguments: argparse.Namespace) -> int:
    from llmlab.demo import demo

    del arguments
    demo(Path.cwd(), lambda text: print(text, flush=True))
    return 0


def _models(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab
    from llmlab.views.text.models import models_text

    if arguments.check:
        return _check_models()
    with Lab(book=":memory:", look=True) as lab:
        _say_waiting(lab)
        print(models_text(lab.models()))
    return 0


def _check_models() -> int:
    from llmlab.lab import Lab

    with Lab(book=":memory:") as lab:
        lines = lab.behind()
        table = f"{lab.prices.basis}, {lab.prices.age():.0f} days old"
    print("\n".join(lines) if lines else "the catalogue is behind in nothing")
    print(f"prices by {table}; lists of the providers whose key is set")
    return 0


def _ask(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab
    from llmlab.views.text.answer import figures

    prompt = sys.stdin.read() if arguments.prompt == "-" else arguments.prompt
    with Lab() as lab:
        answer = lab.ask(
            prompt,
            arguments.model,
            max_tokens=arguments.max_tokens,
            values=_values(arguments.value) if arguments.value else None,
        )
        warning = lab.prices.warning()
    print(answer.text)
    print(figures(answer), file=sys.stderr)
    _warn(warning, sys.stderr)
    return 0


def _prices(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    with Lab(book=":memory:", look=not arguments.refresh) as lab:
        if arguments.refresh:
            lab.prices.refresh()
        print(f"{lab.prices.basis}, {lab.prices.age():.0f} days old")
        _warn(lab.prices.warning())
    return 0


def _values(pairs: Sequence[str]) -> dict[str, str]:
    """Parse NAME=TEXT pairs; anything else is an error."""
    wrong = [each for each in pairs if "=" not in each]
    if wrong:
        raise UsageError(f"--value {wrong[0]}: write NAME=TEXT, such as headline='Profit up'")
    return dict(each.split("=", 1) for each in pairs)


def _spend(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    del arguments
    with Lab(look=True) as lab:
        spent, warning = lab.spend(), lab.prices.warning()
    if not len(spent):
        print("nothing was spent yet")
        return 0
    print(spent.to_string(index=False, float_format="{:.6f}".format))
    sums = spent[["cost_usd", "unknown_usd", "reserved_usd"]].sum()
    print(
        f"total ${sums['cost_usd']:.6f}; unknown outcomes at their worst case "
        f"${sums['unknown_usd']:.6f}; reserved ${sums['reserved_usd']:.6f}"
    )
    _warn(warning)
    return 0


def _runs(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    del arguments
    with Lab(look=True) as lab:
        runs = lab.runs()
    runs["when"] = [f"{each:%Y-%m-%d %H:%M}" for each in runs["when"]]
    print(runs.to_string(index=False, na_rep="-") if len(runs) else "the book has no run yet")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    with Lab(look=True) as lab:
        print(lab.run(arguments.name).export(arguments.file, **_words_of(arguments)))
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    with Lab(look=True) as lab:
        print(lab.run(arguments.name).report(arguments.file, **_words_of(arguments)))
    return 0


def _tape_save(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    with Lab(look=True) as lab:
        print(lab.save_tape(arguments.file, arguments.name))
    return 0


def _tape_check(arguments: argparse.Namespace) -> int:
    from llmlab.archive.tape_reader import check

    found = check(arguments.file)
    print(f"{arguments.file}: {found.answers} answers, {found.failures} failures")
    for what, counts in (
        ("run", found.runs), ("model", found.models), ("backend", found.backends),
    ):  # fmt: skip
        for name, count in sorted(counts.items()):
            print(f"  {what} {name}: {count}")
    for problem in found.problems:
        print(f"! {problem}")
    return 2 if found.problems else 0


def _config(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    del arguments
    with Lab(look=True) as lab:
        _say_waiting(lab)
        print(lab.configuration())
    return 0


def _say_waiting(lab: "Lab") -> None:
    _warn(lab.waiting, sys.stderr)


def _warn(line: str | None, file: TextIO | None = None) -> None:
    """Print a line worth knowing, if there is one; to standard output unless *file* says where."""
    if line:
        print(f"! {line}", file=file)


def _trust(arguments: argparse.Namespace) -> int:
    from llmlab import default
    from llmlab.backends.trusted import accepted, forget
    from llmlab.settings import project_of

    if arguments.list:
        for entry in accepted():
            print("\n".join([entry.folder, *(f"  {what}" for what in entry.what)]))
        return 0
    if arguments.forget:
        gone = forget(project_of(Path.cwd()))
        print("withdrawn" if gone else "nothing was accepted for this project")
        return 0
    claims = default.trust()
    for each in claims:
        print(f"{each.file} may {each.does}")
    if not claims:
        print("no file of this project needs to be accepted")
    return 0


def _audit(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    with Lab(look=True) as lab:
        book = lab.book
        path, problems, head = book.path, book.verify(), book.head()
        entries = book.place_of(head)
        place = book.place_of(arguments.head) if arguments.head else 0
    for problem in problems:
        print(f"! {problem}")
    print(f"{path}: " + (f"{len(problems)} problems" if problems else "intact, and its sums agree"))
    print(f"head of the audit chain: {head} ({entries} entries)")
    if arguments.head and place is None:
        print("! the chain does not contain that head: the book was rewritten, or it is another")
    elif arguments.head:
        print(f"the chain still contains that head, as its entry {place}")
    return 2 if problems or place is None else 0


def _batch_list(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    del arguments
    with Lab(look=True) as lab:
        found = lab.batches()
    print(found.to_string(index=False) if len(found) else "no batch is waited for")
    return 0


def _batch_forget(arguments: argparse.Namespace) -> int:
    from llmlab.lab import Lab

    with Lab(look=True) as lab:
        print(lab.forget_batch(arguments.id))
    return 0


def _sim(arguments: argparse.Namespace) -> int:
    import asyncio

    from llmlab.local import LocalServer, model_path
    from llmlab.sim import EmbeddedAuthor, serve

    def say(line: str) -> None:
        print(line, flush=True)

    if arguments.author == "rule":
        asyncio.run(serve(arguments.port, arguments.fault, report=say))
        return 0
    model = LocalServer.start(model_path(_settings().local_model))
    author = EmbeddedAuthor(model.addresses, model.key)
    try:
        asyncio.run(serve(arguments.port, arguments.fault, author, report=say))
    finally:
        model.stop()
    return 0


def _local(arguments: argparse.Namespace) -> int:
    from llmlab.local import install, status

    folder = _settings().local_model
    if arguments.action == "install":
        install(folder, report=print)
        return 0
    found = status(folder, verify=True)
    print(found.problem or f"{found.path}: {found.size_bytes:,} bytes, intact, ready")
    return 0 if found.ready else 2


def _settings() -> "Settings":
    from llmlab.backends.trust import vetted
    from llmlab.secrets import Environment
    from llmlab.settings import Sourced

    known = vetted(Sourced.read(folder=Path.cwd(), env=Environment.of()), Path.cwd())
    if any(each.setting == "local_model" for each in known.claims):
        raise ConfigError(known.waiting)
    return known.settings
