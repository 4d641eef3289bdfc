"""`%%llm`, `%%abtest` and `%lab`: parse, call a function of the lab, bind the result; no more."""

from collections.abc import Mapping
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import (
    Magics,
    cell_magic,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display
from traitlets import Bool, Unicode

from llmlab import default
from llmlab.notebook.abtest_options import abtest_options
from llmlab.notebook.background import shown_in_background
from llmlab.notebook.cells import lookup
from llmlab.notebook.completion import LAB_WORDS
from llmlab.notebook.design import design_of, schema_of, stopped_short, tools_of
from llmlab.notebook.parsing import arguments, one_line, whole
from llmlab.notebook.stream_display import StreamDisplay


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
    @argument("--schema", metavar="NAME", help="variable (dict) or file with a JSON schema")
    @argument("-m", "--max-tokens", type=whole, default=512, help="output limit (default 512)")
    @argument("-t", "--temperature", type=float, help="sampling temperature")
    @argument("--seed", type=whole, help="sampling seed, where the model takes one")
    @argument("--tools", metavar="NAMES", help="variables with functions the model may call: a,b")
    @argument("--tool-choice", metavar="WHAT", help="auto, none, required, or a tool's name")
    @argument("--logprobs", type=whole, metavar="N", help="likeliest tokens to report a place")
    @argument(
        "--cache", action="store_const", const=True, help="have the provider keep the beginning"
    )
    @argument("--no-stream", action="store_true", help="show the answer only when it is whole")
    def llm(self, line: str, cell: str, local_ns: Mapping[str, object] | None = None) -> None:
        """
        Ask one model what the cell says; `{{ name }}` is a variable of the notebook.

        The answer appears as it comes, then one line: tokens, cost, time. In the line, `{name}`
        is the value of a variable, such as one of a cell of parameters.

        Examples::

            %%llm claude -o note
            Summarise in one sentence: {{ headline }}

            %%llm gpt --schema person --max-tokens 100
            Who is named here? {{ headline }}
        """
        with one_line():
            names = self._names(local_ns)
            args = arguments(self.llm, line, names)
            system = lookup(args.system, names, str, "--system") if args.system else None
            said = StreamDisplay(streaming=not args.no_stream)
            answer = default.lab().ask(
                cell.strip(),
                args.model if args.model is not None else self._usual,
                values=names,
                system=system,
                schema=schema_of(args.schema, names),
                max_tokens=args.max_tokens,
                temperature=args.temperature,
                seed=args.seed,
                tools=tools_of(args.tools, names),
                tool_choice=args.tool_choice,
                logprobs=args.logprobs,
                cache=args.cache,
                **said.options,
            )
            said.end(answer)
            self._bind(args.out, answer)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @magic_arguments()
    @abtest_options
    def abtest(
        self, line: str, cell: str = "", local_ns: Mapping[str, object] | None = None
    ) -> None:
        """
        Compare the prompts of the cell over models, on the same inputs.

        Each prompt follows a line `--- name`; without any, `%abtest --prompts` names some of
        the prompts folder. Answers that the book has are not asked again, so
        an interrupted cell is run again to send the rest. With --background the cell comes back
        at once, with a Stop button, and NAME is a handle until it is the Comparison. In the
        line, `{name}` is the value of a variable: `%%abtest {models} --budget {dollars}`.

        Examples::

            %%abtest six --on headlines --score label --target label -o run
            --- terse
            Label this headline positive, negative or neutral: {{ headline }}
            --- analyst
            You are a sell-side analyst. Positive, negative or neutral? {{ headline }}

            %%abtest gpt claude --on headlines --background -o later
            --- short
            Summarise in five words: {{ headline }}
        """
        with one_line():
            names = self._names(local_ns)
            args = arguments(self.abtest, line, names)
            design = design_of(args, cell, names, self.models)
            if args.background:
                handle = default.lab().start(**design)
                shown_in_background(handle, self._shell.user_ns, args.out, quiet=args.quiet)
                return
            comparison = default.lab().abtest(**design)
            if len(comparison) and not args.quiet:
                display(comparison)
            self._bind(args.out, comparison)
            stopped_short(comparison)

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("what", nargs="?", default="status", help=f"{', '.join(LAB_WORDS)} (default: status)")
    @argument("more", nargs="*", help="for count: the words to count, or a variable that has them")
    @argument("-m", "--model", help="for count: by whose tokenizer (default: the line-up's first)")
    def lab(self, line: str) -> None:
        """
        Show the state of the lab: line-up, keys, money, gates, runs.

        Examples::

            %lab
            %lab models
            %lab spend
            %lab runs
            %lab count How many tokens are these words? --model claude
            %lab config
            %lab trust
        """
        with one_line():
            from llmlab.notebook.status import told

            args = arguments(self.lab, line)
            display(told(args, self._shell.user_ns))

    def _names(self, local_ns: Mapping[str, object] | None) -> dict[str, object]:
        return {**self._shell.user_ns, **(local_ns or {})}

    @property
    def _usual(self) -> str | None:
        """The first of the models that `%config` names for cells that name none."""
        if not self.models:
            return None
        return default.lab().catalogue.arms(self.models)[0].label

    def _bind(self, name: str | None, value: Any) -> None:
        if name is not None:
            self._shell.user_ns[name] = value
