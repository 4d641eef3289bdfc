"""`%%llm` and `%%abtest`: parse, call a function of the lab, bind the result; no more."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from IPython.core import error as ipython
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, magics_class, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display
from traitlets import Bool, Unicode

from llmlab import default
from llmlab.comparison import Comparison
from llmlab.errors import LabError
from llmlab.notebook.cells import lookup, prompts_of, values_for
from llmlab.notebook.said import Said
from llmlab.records import Answer
from llmlab.templates import parse


@magics_class
class LLMLab(Magics):
    """The magics of llmlab; `%config LLMLab` lists what can be set."""

    nest_asyncio = Bool(
        default_value=True, help="Let asyncio.run() work in cells (nest_asyncio)."
    ).tag(config=True)
    models = Unicode("", help="Line-up or models used when a cell names none.").tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell

    @no_var_expand
    @needs_local_scope
    @cell_magic
    @magic_arguments()
    @argument("model", nargs="?", help="alias or provider/model; the first of the line-up if none")
    @argument("-o", "--out", metavar="NAME", help="bind the Answer to this name")
    @argument("-s", "--system", metavar="NAME", help="variable with the system prompt")
    @argument("-m", "--max-tokens", type=int, default=512, help="output limit (default 512)")
    @argument("-t", "--temperature", type=float, help="sampling temperature")
    @argument("--seed", type=int, help="sampling seed, where the model takes one")
    @argument("--no-stream", action="store_true", help="show the answer only when it is whole")
    def llm(self, line: str, cell: str, local_ns: Mapping[str, object] | None = None) -> None:
        """
        Ask one model what the cell says; `{{ name }}` is a variable of the notebook.

        Examples::

            %%llm claude -o note
            Summarise in one sentence: {{ headline }}
        """
        with one_line():
            args = parse_argstring(self.llm, line)
            names = self._names(local_ns)
            prompt = parse(cell.strip(), name="cell").fill(names)
            system = lookup(args.system, names, str, "--system") if args.system else prompt.system
            said = Said(streaming=not args.no_stream)
            answer = default.lab().ask(
                prompt.user,
                args.model or self.models or None,
                system=system,
                max_tokens=args.max_tokens,
                temperature=args.temperature,
                seed=args.seed,
                **said.options,
            )
            said.end(answer)
            self._bind(args.out, answer)

    @no_var_expand
    @needs_local_scope
    @cell_magic
    @magic_arguments()
    @argument("models", nargs="*", help="line-up, aliases or provider/model (default: six)")
    @argument("--on", metavar="FRAME", help="DataFrame of inputs; its columns are slots")
    @argument("--score", metavar="NAME", help="label, exact, number, direction, or a function")
    @argument("--target", metavar="COLUMN", help="what should have been answered")
    @argument("--cluster", metavar="COLUMN", help="inputs that belong together (day, ticker)")
    @argument("--prompts", metavar="A,B", help="templates of the prompts folder, by name")
    @argument("--repeats", type=int, default=1, help="how often each question is asked")
    @argument("--budget", type=float, metavar="USD", help="dollars this run may spend at most")
    @argument("--max-tokens", type=int, help="output limit of each answer (default 512)")
    @argument("--temperature", type=float, help="sampling temperature for every arm")
    @argument("--seed", type=int, help="sampling seed for every arm, where models take one")
    @argument("--stream", action="store_true", help="stream, to measure time to first token")
    @argument("--name", help="name of the run (default: from its content)")
    @argument("-o", "--out", metavar="NAME", help="bind the Comparison to this name")
    @argument("-q", "--quiet", action="store_true", help="no plan, no progress, no display")
    def abtest(self, line: str, cell: str, local_ns: Mapping[str, object] | None = None) -> None:
        """
        Compare the prompts of the cell over models, on the same inputs.

        Each prompt follows a line `--- name`. Answers that the book has are not asked again.

        Examples::

            %%abtest six --on headlines --score label --target label -o run
            --- terse
            Label this headline positive, negative or neutral: {{ headline }}
            --- analyst
            You are a sell-side analyst. Positive, negative or neutral? {{ headline }}
        """
        with one_line():
            args = parse_argstring(self.abtest, line)
            names = self._names(local_ns)
            comparison = default.lab().abtest(**self._design(args, cell, names))
            if not args.quiet:
                display(comparison)
            self._bind(args.out, comparison)

    def _design(self, args: Any, cell: str, names: Mapping[str, object]) -> dict[str, Any]:
        """Turn the line and the cell into the arguments of `Lab.abtest`."""
        import pandas as pd

        inline = prompts_of(cell)
        named = args.prompts.split(",") if args.prompts else []
        return {
            "prompts": inline or [name.strip() for name in named],
            "models": args.models or self.models or None,
            "on": lookup(args.on, names, pd.DataFrame, "--on") if args.on else None,
            "score": _score(args.score, names),
            "target": args.target,
            "cluster": args.cluster,
            "repeats": args.repeats,
            "budget": args.budget,
            "name": args.name,
            "stream": args.stream,
            "quiet": args.quiet,
            "values": values_for(inline, names),
            "max_tokens": args.max_tokens,
            "temperature": args.temperature,
            "seed": args.seed,
        }

    def _names(self, local_ns: Mapping[str, object] | None) -> dict[str, object]:
        return {**self._shell.user_ns, **(local_ns or {})}

    def _bind(self, name: str | None, value: Answer | Comparison) -> None:
        if name is not None:
            self._shell.user_ns[name] = value


def _score(name: str | None, names: Mapping[str, object]) -> str | Callable[..., float] | None:
    """Take a function of the notebook before a score of that name."""
    mine = names.get(name) if name else None
    return mine if callable(mine) else name


@contextmanager
def one_line() -> Iterator[None]:
    """Show the reader's own slips and a provider's refusals as one line; bugs keep theirs."""
    try:
        yield
    except LabError as error:
        raise ipython.UsageError(str(error)) from None
