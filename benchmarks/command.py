"""What every benchmark's command line has: --help, --quick, a table, and its figures kept."""

import argparse
from collections.abc import Callable

from benchmarks.figures import Result, save


def command(
    name: str,
    words: str | None,
    measure: Callable[[argparse.Namespace], Result],
    show: Callable[[Result], str],
    add: Callable[[argparse.ArgumentParser], None] | None = None,
) -> None:
    """
    Measure, print the table, keep the figures.

    Args:
        name: Of the JSON file.
        words: The module's docstring.
        measure: Returns the figures; it is given the options.
        show: Makes a Markdown table of them.
        add: Adds options beside `--quick` and `--no-save`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=words,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="few and small: does it work at all")
    parser.add_argument("--no-save", action="store_true", help="do not keep the figures as JSON")
    if add is not None:
        add(parser)
    options = parser.parse_args()
    result = {**measure(options), "quick": options.quick}
    print(show(result))
    if not options.no_save:
        save(name, result)
