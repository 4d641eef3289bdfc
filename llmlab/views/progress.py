"""Progress of a run: calls done, cost so far, time left."""

from html import escape

from llmlab.records import Progress
from llmlab.views.html import markup
from llmlab.views.html.bars import done_bar
from llmlab.views.text import form

__all__ = ["Progress", "progress_html", "progress_line", "progress_text"]

_CELLS = 20


def progress_html(done: Progress) -> str:
    """Return bars per arm under one line of figures."""
    heads = [("Prompt", ""), ("Model", ""), ("done", ""), ("calls", "r"), ("failed", "r")]
    rows = [
        [
            markup.cell(prompt),
            markup.cell(label),
            markup.raw_cell(done_bar(finished, failed, total)),
            markup.cell(f"{form.count(finished)} / {form.count(total)}", "r"),
            markup.cell(form.count(failed), "r" if failed else "r u"),
        ]
        for prompt, label, finished, total, failed in done.arms
    ]
    # A run that is clear is at its end: what is left of it is not needed.
    whole = done.done if done.ended == "clear" else done.total
    bar = done_bar(done.done, done.failed, whole)
    head = f'<div class="ll-verdict">{bar} {escape(_figures(done, form.THIN))}</div>'
    return markup.block(head, markup.table(heads, rows) if rows else "")


def progress_text(done: Progress) -> str:
    """Return the same for a terminal, one line an arm."""
    widths = [max((len(str(arm[i])) for arm in done.arms), default=0) for i in (0, 1)]
    made = [_figures(done, ",")]
    for prompt, label, finished, total, failed in done.arms:
        filled = _CELLS * finished // max(total, 1)
        bar = "#" * filled + "." * (_CELLS - filled)
        names = f"{prompt:<{widths[0]}}  {label:<{widths[1]}}"
        bad = f"  {failed} failed" if failed else ""
        made.append(f"{names}  [{bar}] {finished}/{total}{bad}")
    return "\n".join(made)


def progress_line(done: Progress) -> str:
    """Return the figures alone, as one line."""
    return _figures(done, ",")


def _figures(done: Progress, separator: str) -> str:
    parts = [f"{form.count(done.done, separator)} of {form.count(done.total, separator)} calls"]
    if done.from_book:
        parts.append(f"{form.count(done.from_book, separator)} from the book")
    if done.failed:
        parts.append(f"{form.count(done.failed, separator)} failed")
    parts.append(_spent(done))
    parts.append(f"{form.clock(done.elapsed_s)} elapsed")
    if done.ended:
        unsent = form.count(done.total - done.done, separator)
        parts.append(_ENDED[done.ended].format(unsent))
    elif done.done < done.total:
        left = done.left_s
        parts.append("time left unknown" if left is None else f"about {form.clock(left)} left")
        parts += [f"{who} asked to wait {seconds:.0f} s" for who, seconds in done.waits]
        parts += [f"{who} takes {width} at once" for who, width in done.narrow]
    return " \u00b7 ".join(parts)


_ENDED = {
    "clear": "stopped when clear: {} calls not needed",
    "interrupted": "interrupted: {} calls not sent",
}


def _spent(done: Progress) -> str:
    spent = "cost unknown" if done.spent_usd is None else f"{form.money(done.spent_usd, 3)} spent"
    return spent if done.limit_usd is None else f"{spent} of {form.money(done.limit_usd)} allowed"
