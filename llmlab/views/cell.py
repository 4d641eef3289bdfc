"""A comparison in a notebook cell: verdict, table, and the plot of quality against cost."""

from llmlab.views.comparison import ComparisonView
from llmlab.views.html import markup
from llmlab.views.html.summary import summary_html


def comparison_html(shown: ComparisonView) -> str:
    """Return the table with the frontier under it, on white, as papers have it."""
    from llmlab.views.export.report import picture_html
    from llmlab.views.plots import frontier

    picture = picture_html(frontier(shown), None, f"{shown.title}: quality against cost")
    framed = f'<div style="max-width:720px">{picture.replace("<img ", _IMG)}</div>'
    return summary_html(shown) + markup.block(framed)


_IMG = '<img style="width:100%;height:auto;border-radius:4px" '
