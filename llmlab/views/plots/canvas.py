"""A figure that shows itself in a notebook without pyplot and without global state."""

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from llmlab.views.plots.style import Theme, styled

DPI = 200
"""Of pictures: sharp on a dense screen, and enough for print at column width."""

_CSS_DPI = 96


class Plot(Figure):
    """
    A matplotlib figure that any notebook can show.

    IPython shows a bare `Figure` only once its inline backend is on; `_repr_png_` needs nothing.
    """

    theme: Theme

    @classmethod
    def blank(cls, width: float, height: float, theme: Theme) -> "Plot":
        """Return an empty figure of so many inches, with an Agg canvas."""
        plot = cls(figsize=(width, height), dpi=100, layout="constrained")
        FigureCanvasAgg(plot)
        plot.theme = theme
        return plot

    def picture(self, kind: str = "png") -> bytes:
        """Return the figure as `png`, `svg` or `pdf`; equal figures give equal bytes."""
        made = BytesIO()
        dates = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        with styled(self.theme):
            self.savefig(made, format=kind, dpi=DPI, metadata=dates[kind])
        return made.getvalue()

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = (round(inches * _CSS_DPI) for inches in self.get_size_inches())
        return self.picture(), {"width": int(width), "height": int(height)}
