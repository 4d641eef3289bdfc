"""Tiny images and PDFs, made here, and calls that are ready to be sent."""

from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

from llmlab.book import Book
from llmlab.calls.prepared import Prepared
from llmlab.catalogue import Catalogue
from llmlab.design.grid import request_options
from llmlab.records import Parameters, Prompt
from llmlab.secrets import Secret
from llmlab.wire import Endpoint, Session
from tests.chaos import FakeTime, caller_on

mpl.use("agg")


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), colour: str = "red") -> bytes:
    """Return a picture of one colour in a format that Pillow writes."""
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, format=kind)
    return out.getvalue()


def chart() -> Figure:
    """Return a figure of matplotlib with a line."""
    figure = Figure(figsize=(4, 3), dpi=50)
    figure.subplots().plot([1, 3, 2])
    return figure


def filing(pages: int = 2) -> bytes:
    """Return a PDF with a sentence on each page."""
    out = BytesIO()
    with PdfPages(out) as pdf:
        for number in range(pages):
            figure = Figure(figsize=(4, 3))
            figure.text(0.1, 0.5, f"Sales rose on page {number}")
            pdf.savefig(figure)
    return out.getvalue()


def saved(folder: Path, name: str, data: bytes) -> Path:
    """Write *data* into a file."""
    path = folder / name
    path.write_bytes(data)
    return path


def prepared(name: str, prompt: Prompt, **asked: object) -> Prepared:
    """Prepare a question to the provider's own address."""
    with Book.open(None) as book:
        caller = caller_on(book, Session(), FakeTime())
        (arm,) = Catalogue.load(None).arms(name)
        options = request_options(arm, Parameters(**asked))  # type: ignore[arg-type]
        endpoint = Endpoint(provider=arm.model.provider, base_url="https://h", key=Secret("k"))
        return caller.prepare(options.request(prompt), arm.model, endpoint)
