"""A comparison in a notebook cell: verdict, table, and the plot of quality against cost."""

from llmlab.views import markup
from llmlab.views.comparison import Shown
from llmlab.views.summary import summary_html


def comparison_html(shown: Shown) -> str:
    """Return the table with the frontier under it, on white, as papers have it."""
    from llmlab.views.plots import frontier
    from llmlab.views.report import picture_html

    picture = picture_html(frontier(shown), None, f"{shown.title}: quality against cost")
    framed = f'<div style="max-width:720px">{picture.replace("<img ", _IMG)}</div>'
    return summary_html(shown) + markup.block(framed)


_IMG = '<img style="width:100%;height:auto;border-radius:4px" '
