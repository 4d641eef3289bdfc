"""Spending per day, against the daily limit."""

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING

from llmlab.views.html import markup
from llmlab.views.plots.style import OKABE_ITO
from llmlab.views.text import form
from llmlab.views.tokens import CSS

if TYPE_CHECKING:
    import pandas as pd

DAYS = 14


def spending_html(
    spent: "pd.DataFrame",
    today: date,
    *,
    limit: float | None = None,
    days: int = DAYS,
    zone: str = "UTC",
) -> str:
    """
    Return a bar a day, by provider, for the last *days* days; a full bar is the day's limit.

    Args:
        spent: What `Lab.spend` returns; stand-ins and the embedded model cost nothing.
        today: The last day.
        limit: Dollars a day may cost; the dearest day when None.
        days: How many days are shown.
        zone: Whose days they are.
    """
    by_day = _by_day(spent)
    shown = [today - timedelta(days=back) for back in range(days)]
    totals = {day: sum(by_day[day].values()) for day in shown}
    full = limit or max(totals.values(), default=0.0) or 1.0
    providers = sorted({name for day in shown for name in by_day[day]})
    colours = {name: OKABE_ITO[at % len(OKABE_ITO)] for at, name in enumerate(providers)}
    rows = [
        [
            markup.cell(day.isoformat()),
            markup.raw_cell(_bar(by_day[day], full, colours)),
            markup.cell(form.money(totals[day], 3), "r" if totals[day] else "r u"),
        ]
        for day in shown
    ]
    return f"<style>{CSS}</style>" + markup.block(
        markup.line(_head(totals[today], limit), "ll-verdict"),
        markup.table([(f"day ({zone})", ""), (_scale(limit, full), ""), ("spent", "r")], rows),
        _legend(colours),
    )


def _by_day(spent: "pd.DataFrame") -> dict[date, dict[str, float]]:
    """Add what is settled, unknown (at its worst) and reserved: what counts against a limit."""
    found: dict[date, dict[str, float]] = defaultdict(dict)
    for row in spent.to_dict("records"):
        dollars = sum(float(row[name]) for name in ("cost_usd", "unknown_usd", "reserved_usd"))
        if dollars:
            day = found[date.fromisoformat(str(row["day"]))]
            day[row["provider"]] = day.get(row["provider"], 0.0) + dollars
    return found


def _bar(parts: dict[str, float], full: float, colours: dict[str, str]) -> str:
    pieces = "".join(
        f'<i style="width:{min(100.0, 100 * dollars / full):.2f}%;background:{colours[name]}" '
        f'title="{name}: {form.money(dollars, 3)}"></i>'
        for name, dollars in sorted(parts.items())
    )
    share = f"{sum(parts.values()) / full:.0%}"
    return f'<span class="ll-fill" role="img" aria-label="{share}">{pieces}</span>'


def _head(today: float, limit: float | None) -> str:
    said = f"{form.money(today, 3)} today"
    if limit is None:
        return f"{said}; no limit is set for a day"
    return f"{said} of {form.money(limit, 3)}, {form.money(max(0.0, limit - today), 3)} left"


def _scale(limit: float | None, full: float) -> str:
    return f"a full bar is {form.money(full, 3)}" + ("" if limit is None else ", the limit")


def _legend(colours: dict[str, str]) -> str:
    keys = "".join(
        f'<span class="ll-key" style="background:{colour}"></span>{name}'
        for name, colour in colours.items()
    )
    return f'<div class="ll-quiet">{keys}</div>' if keys else ""
