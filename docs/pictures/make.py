"""
Make the README's pictures out of the browser suite's screenshots.

    PICTURES=1 .venv/bin/pytest tests/browser
    .venv/bin/python docs/pictures/make.py

A picture is cut to what it shows and painted with 256 colours, rare ones kept: below 150 kB.
"""  # noqa: INP001 - a script beside its pictures

import sys
from pathlib import Path

from PIL import Image, ImageChops

HERE = Path(__file__).parent
SHOTS = HERE.parent.parent / "out" / "browser"
NAMES = {
    "quickstart-0-light": "quickstart-light",
    "quickstart-0-dark": "quickstart-dark",
    "budget-light": "token-budget",
    "answers-light": "answers",
    "monitor-light": "monitor",
}
MOST_BYTES = 150_000
MARGIN = 16


def trimmed(shot: Image.Image) -> Image.Image:
    """Cut off the empty margins, whose colour is that of the lower right corner."""
    paper = Image.new("RGB", shot.size, shot.getpixel((shot.width - 1, shot.height - 1)))
    box = ImageChops.difference(shot, paper).getbbox() or (0, 0, *shot.size)
    right, lower = min(shot.width, box[2] + MARGIN), min(shot.height, box[3] + MARGIN)
    return shot.crop((max(0, box[0] - MARGIN), max(0, box[1] - MARGIN), right, lower))


def main() -> int:
    """Write every picture there is a screenshot for; return 1 where one is too large."""
    code = 0
    for shot, name in NAMES.items():
        source, target = SHOTS / f"{shot}.png", HERE / f"{name}.png"
        if not source.is_file():
            continue
        picture = trimmed(Image.open(source).convert("RGB"))
        picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            target, optimize=True
        )
        size = target.stat().st_size
        sys.stdout.write(f"{target.name}: {picture.width} x {picture.height}, {size:,} bytes\n")
        code = max(code, int(size > MOST_BYTES))
    return code


if __name__ == "__main__":
    sys.exit(main())
