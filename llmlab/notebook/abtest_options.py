"""The options of `%%abtest`, as its line takes them; `design.design` has those of `Lab.abtest`."""

from collections.abc import Callable
from typing import Any, Final

from IPython.core.magic_arguments import argument

from llmlab.notebook.parsing import dates_or_span, whole

OPTIONS: Final = (
    argument("models", nargs="*", help="line-up, aliases or provider/model (default: six)"),
    argument("--on", metavar="FRAME", help="DataFrame of inputs; its columns are slots"),
    argument("--score", metavar="NAME", help="label, exact, number, direction, or a function"),
    argument("--target", metavar="COLUMN", help="what should have been answered"),
    argument("--cluster", metavar="COLUMN", help="inputs that belong together (day, ticker)"),
    argument("--prompts", metavar="A,B", help="templates of the prompts folder, by name"),
    argument("-s", "--system", metavar="NAME", help="variable: a system prompt, or a dict of some"),
    argument("--repeats", type=whole, default=1, help="how often each question is asked"),
    argument("--budget", type=float, metavar="USD", help="dollars this run may spend at most"),
    argument("--max-tokens", type=whole, help="output limit of each answer (default 512)"),
    argument("--temperature", type=float, help="sampling temperature for every arm"),
    argument("--seed", type=whole, help="sampling seed for every arm, where models take one"),
    argument("--top-k", type=whole, metavar="N", help="draw from the N likeliest tokens alone"),
    argument("--presence-penalty", type=float, metavar="X", help="-2 to 2, where models take one"),
    argument("--frequency-penalty", type=float, metavar="X", help="-2 to 2, where models take one"),
    argument("--verbosity", metavar="WHAT", help="low, medium or high, where models take it"),
    argument("--tools", metavar="NAMES", help="variables with functions models may call: a,b"),
    argument("--tool-choice", metavar="WHAT", help="auto, none, required, or a tool's name"),
    argument("--logprobs", type=whole, metavar="N", help="likeliest tokens to report a place"),
    argument("--tier", help="flex, priority ...: another price, where the provider sells it"),
    argument(
        "--cache", action="store_const", const=True, help="have providers keep what inputs share"
    ),
    argument("--stream", action="store_true", help="stream, to measure time to first token"),
    argument("--as-of", metavar="COLUMN", help="dates; those before a model's cut-off are marked"),
    argument(
        "--horizon",
        type=dates_or_span,
        metavar="DATES",
        help="how far targets look ahead: 5 dates, or 7D",
    ),
    argument("--against", metavar="NAME", help="baseline: a prompt, a model, or 'prompt · label'"),
    argument("--stop-when-clear", action="store_true", help="stop once one arm is clear of all"),
    argument("--aa", action="store_true", help="ask each prompt twice over: the score's own noise"),
    argument("--batch", action="store_true", help="send as a batch, at half the price"),
    argument("--missing", metavar="WHAT", help="inputs with an empty slot: skip, or send as words"),
    argument("--name", help="name of the run (default: from its content)"),
    argument("--background", action="store_true", help="give the cell back at once"),
    argument("-o", "--out", metavar="NAME", help="bind the Comparison to this name"),
    argument("-q", "--quiet", action="store_true", help="no plan, no progress, no display"),
)
"""In the order of `--help`."""


def abtest_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give *magic* the options."""
    for option in reversed(OPTIONS):
        magic = option(magic)
    return magic
