# SPDX-License-Identifier: BSD-2-Clause
"""Makes the README's picture of darkroom:  screenshot.py OUT.png"""

import sys
import tempfile
import time
from pathlib import Path

from screen import ROOT, darkroom, virtual_screen

STRAW, BROWN, SKY = 3, 2, 11
HINTS = [(SKY, 0.30, 0.12), (SKY, 0.97, 0.30), (STRAW, 0.30, 0.85), (BROWN, 0.74, 0.50)]  # swatch, share of the width and the height


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, virtual_screen() as display:
        photo = Path(folder) / "dust-bowl-home.jpg"
        photo.write_bytes((ROOT / "examples/photos/dust-bowl-home.jpg").read_bytes())
        with darkroom(display, photo) as program:
            program.wait_title("- ready$")
            program.resize(1000, 750)
            program.wait(lambda: program.place("photo").width < 720)
            box = program.place("photo")
            for swatch, across, down in HINTS:
                program.key("Escape")
                program.click(program.place("swatch", swatch).at())
                with program.until("suggestions"):
                    program.click(box.at(across, down))
            program.drag(box.at(0, 0.3), box.at(0.5, 0.3))
            time.sleep(0.5)
            program.picture().save(sys.argv[1], optimize=True)


if __name__ == "__main__":
    main()
