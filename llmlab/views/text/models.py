"""The catalogue, for a terminal."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SOON_DAYS = 60


def models_text(models: "pd.DataFrame") -> str:
    """Return one line per model, grouped by provider, then a line for each that retires soon."""
    lines = [_HEAD]
    for provider, rows in models.groupby("provider", sort=False):
        lines.append(f"{provider} ({rows['key'].iloc[0]})")
        lines.extend(_line(row) for row in rows.to_dict("records"))
    dying = models[models["retires_in_days"].fillna(SOON_DAYS + 1) <= SOON_DAYS]
    lines.extend(_warning(row) for row in dying.to_dict("records"))
    lines.append("prices in USD per million tokens; - is not known")
    return "\n".join(lines)


_WIDTHS = (34, 15, 10, 9, 9, 12, 12)


def _cells(*cells: str) -> str:
    left = f"  {cells[0]:<{_WIDTHS[0]}} {cells[1]:<{_WIDTHS[1]}}"
    rest = (f"{cell:>{width}}" for cell, width in zip(cells[2:], _WIDTHS[2:], strict=True))
    return f"{left} {' '.join(rest)}".rstrip()


_HEAD = _cells("model", "alias", "window", "input", "output", "cut-off", "retires")


def _line(row: dict[Any, Any]) -> str:
    return _cells(
        row["model"],
        row["aliases"] or "-",
        _known(row["context"], "{:,.0f}"),
        _known(row["input_usd_per_mtok"], "{:g}"),
        _known(row["output_usd_per_mtok"], "{:g}"),
        _known(row["cutoff"], "{}"),
        _known(row["retires"], "{}"),
    )


def _known(value: Any, form: str) -> str:
    return "-" if value is None or value != value else form.format(value)  # noqa: PLR0124 - NaN


def _warning(row: dict[Any, Any]) -> str:
    days = int(row["retires_in_days"])
    when = f"retires in {days} days" if days > 0 else f"retired {-days} days ago"
    return f"! {row['model']} {when} ({row['retires']})"
