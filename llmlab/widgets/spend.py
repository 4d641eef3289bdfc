"""What was spent, day by day, against the day's limit."""

from datetime import datetime
from zoneinfo import ZoneInfo

from ipywidgets import HTML, Button, VBox
from traitlets import Float

from llmlab import default
from llmlab.lab import Lab
from llmlab.views.spending import spending_html
from llmlab.widgets.static_snapshot import StaticSnapshot


class SpendBoard(StaticSnapshot, VBox):  # type: ignore[misc]  # ipywidgets comes untyped
    """The last two weeks from the book, which several notebooks may share; Refresh reads again."""

    pictured = ("today_usd",)

    today_usd = Float(0.0, help="dollars that count against today's limit")
    limit_usd = Float(None, allow_none=True, help="dollars a day may cost; None is no limit")

    def __init__(self, *, lab: Lab | None = None) -> None:
        self._lab = lab or default.lab()
        self._bars = HTML()
        again = Button(description="Refresh", icon="refresh", tooltip="Read the book again")
        again.on_click(lambda _: self.refresh())
        super().__init__([self._bars, again])
        self.refresh()

    def refresh(self) -> None:
        """Read the book again."""
        self.limit_usd = self._lab.settings.budget.day
        self.today_usd = self._lab.spent_today()
        self._bars.value = self.still()

    def still(self) -> str:
        """Return the bars."""
        zone = self._lab.settings.day_zone
        today = datetime.now(tz=ZoneInfo(zone)).date()
        return spending_html(self._lab.spend(), today, limit=self.limit_usd, zone=zone)

    def __repr__(self) -> str:
        of = "" if self.limit_usd is None else f" of ${self.limit_usd:.2f}"
        return f"<SpendBoard: ${self.today_usd:.4f} today{of}>"
