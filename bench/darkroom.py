# SPDX-License-Identifier: BSD-2-Clause
"""From moving a hint in examples/darkroom to the new preview, on a virtual screen:  darkroom.py [THREADS] [PHOTOGRAPH...]

One row a photograph: medians and the slowest of 20 moves, in ms. `change` runs from the mouse's event to the preview's
pixels in the window's texture, waiting for the worker's thread included.
"""

import re
import statistics
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "darkroom"))
from screen import ROOT, darkroom, virtual_screen  # noqa: E402

PHOTOS = ROOT / "examples" / "photos"
MOVES = 20


def measure(photo: Path, threads: str) -> list[list[float]]:
    """The columns analyze, render, change of every move."""
    with virtual_screen() as display, darkroom(display, photo, "-j", threads) as program:
        program.wait_title("- ready$")
        box = program.place("photo")
        places = [box.at(0.3 + 0.02 * i, 0.4 + 0.01 * i) for i in range(MOVES + 1)]
        with program.until("state ready"):
            program.click(places[0])
        first = len(program.logged("preview "))
        for begin, end in zip(places, places[1:]):
            with program.until("suggestions "), program.until("state ready"):
                program.drag(begin, end)
        rows = [re.findall(r"([\d.]+) ms", line) for line in program.logged("preview ")[first:]]
        return [[float(row[i]) for row in rows] for i in range(3)]


def main() -> None:
    threads, photos = (sys.argv[1:2] or ["1"])[0], [Path(name) for name in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as folder:
        if not photos:
            small, large = Path(folder) / "256x256.png", Path(folder) / "3000x2000.jpg"
            Image.open(PHOTOS / "astronaut.jpg").resize((256, 256)).save(small)
            Image.open(PHOTOS / "coffee.jpg").resize((3000, 2000)).save(large)
            photos = [small, PHOTOS / "astronaut.jpg", PHOTOS / "coffee.jpg", large]
        print(f"{'photograph':20} {'analyze':>8} {'render':>8} {'change':>8} {'slowest':>8}")
        for photo in photos:
            columns = measure(photo, threads)
            figures = [*(statistics.median(column) for column in columns), max(columns[2])]
            print(f"{photo.name:20} " + " ".join(f"{figure:8.1f}" for figure in figures))


if __name__ == "__main__":
    main()
