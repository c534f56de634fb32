# SPDX-License-Identifier: BSD-2-Clause
"""Takes the pictures of docs/plugins.md:  python3 -m tests.plugins.screenshots"""
from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # as pytest has it

from reference import PHOTOS, ROOT  # noqa: E402
from test_gimp_screen import HEIGHT, Desk, colourful, desk_of  # noqa: E402


def keep(desk: Desk, name: str) -> None:
    """Writes the window as a picture of 256 colours."""
    window = Image.fromarray(desk.picture()[:HEIGHT - 26])
    small = window.quantize(256, kmeans=2, dither=Image.Dither.FLOYDSTEINBERG)
    small.save(ROOT / "docs" / "images" / name, optimize=True)


def main() -> None:
    gray = np.array(Image.open(PHOTOS / "dust-bowl-home.jpg").convert("L"))
    with tempfile.TemporaryDirectory() as folder, desk_of(Path(folder)) as desk:
        image = desk.open(gray)
        dialog = desk.dialog()
        desk.do("windowmove", "--sync", dialog, 600, 130)
        time.sleep(1)
        keep(desk, "gimp-dialog.png")
        desk.do("key", "alt+o")
        desk.wait("the layer", lambda: desk.facts(image) == "(2 0)" and not desk.running())
        desk.do("mousemove", 300, 600)
        desk.wait("the colours", lambda: colourful(desk.picture()[200:600, 400:800]) > 20)
        time.sleep(2)
        keep(desk, "gimp-result.png")


if __name__ == "__main__":
    main()
