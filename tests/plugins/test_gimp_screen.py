# SPDX-License-Identifier: BSD-2-Clause
"""GIMP with its windows, on a screen that nobody sees: the plug-in's dialog, its preview, undo, cancelling; the GEGL
operation from GIMP's tool for such."""
from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageGrab

from gimp_host import SECONDS, Gimp
from reference import codes, gegl_path, gray_photo, library, need, read_ppm
from tests.darkroom.screen import virtual_screen

ROUNDED = 1.0  # tolerance in codes: half a code of rounding here, and as much there
WIDTH, HEIGHT = 1280, 800


class Desk:
    """GIMP's windows, with hands."""

    def __init__(self, folder: Path, display: str) -> None:
        self.folder, self.display = folder, display
        self.environment = {**os.environ, "DISPLAY": display}
        self.gimp = Gimp(folder, "gimp", ("--no-splash",), {"DISPLAY": display, "GEGL_PATH": gegl_path()})

    def do(self, *words: object) -> str:
        return subprocess.run([need("xdotool"), *map(str, words)], env=self.environment, capture_output=True, text=True,
                              timeout=SECONDS, check=False).stdout.strip()

    def wait(self, what: str, until: Callable[[], object]) -> None:
        end = time.monotonic() + SECONDS
        while not until():
            assert time.monotonic() < end, f"{what}: waited for in vain"
            time.sleep(0.05)

    def window(self, name: str) -> str:
        """The window with such a name, or ""."""
        return self.do("search", "--onlyvisible", "--name", name).split("\n")[0]

    def running(self) -> bool:
        return subprocess.run([need("pgrep"), "-x", "gimp-colorizer", "-P", str(self.gimp.pid)], check=False,
                              stdout=subprocess.DEVNULL).returncode == 0

    def picture(self) -> npt.NDArray[np.uint8]:
        return np.array(ImageGrab.grab(xdisplay=self.display).convert("RGB"))

    def open(self, gray: npt.NDArray[np.uint8]) -> int:
        """Shows a photograph in the one window; returns the image's number."""
        Image.fromarray(gray).save(self.folder / "in.png", compress_level=1)
        image = int(self.gimp.run(f"""(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{self.folder}/in.png"
            "in.png")))) (gimp-image-clean-all image) (gimp-display-new image) image)"""))
        self.wait("the image's window", lambda: self.window("GIMP$"))
        window = self.window("GIMP$")
        self.do("windowmove", window, 0, 0, "windowsize", window, WIDTH - 4, HEIGHT - 50, "windowfocus", window)
        time.sleep(2)  # the canvas is drawn
        return image

    def dialog(self) -> str:
        """Calls the plug-in as its shortcut does; returns the dialog's window."""
        self.do("key", "ctrl+alt+j")
        self.wait("the dialog", lambda: self.window("Colorize Photograph"))
        window = self.window("Colorize Photograph")
        self.do("windowfocus", "--sync", window)
        time.sleep(1)  # the preview is drawn
        return window

    def part(self, window: str) -> npt.NDArray[np.uint8]:
        """What a window shows."""
        place = dict(line.split("=") for line in self.do("getwindowgeometry", "--shell", window).split())
        x, y = int(place["X"]), int(place["Y"])
        return self.picture()[y:y + int(place["HEIGHT"]), x:x + int(place["WIDTH"])]

    def facts(self, image: int) -> str:
        """Layers, and the base type: 0 is RGB, 1 gray."""
        return self.gimp.run(f"(list (car (gimp-image-get-layers {image})) (car (gimp-image-base-type {image})))")

    def layer(self, image: int) -> npt.NDArray[np.float64]:
        """The upper layer."""
        path = self.folder / "layer.ppm"
        self.gimp.run(f"""(let* ((copy (car (gimp-image-duplicate {image})))) (gimp-image-convert-precision copy
            PRECISION-U16-GAMMA) (file-pnm-save RUN-NONINTERACTIVE copy (car (gimp-image-get-active-layer copy))
            "{path}" "" 1) (gimp-image-delete copy))""")
        return read_ppm(path)


@contextmanager
def desk_of(folder: Path) -> Iterator[Desk]:
    with virtual_screen(WIDTH, HEIGHT) as display:
        manager = subprocess.Popen([need("openbox")], env={**os.environ, "DISPLAY": display}, stderr=subprocess.DEVNULL)
        desk = Desk(folder, display)
        try:
            yield desk
        finally:
            desk.gimp.close()
            manager.terminate()
            manager.wait()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk_of(tmp_path_factory.mktemp("screen")) as running:
        yield running


def colourful(pixels: npt.NDArray[np.uint8]) -> float:
    return float(np.ptp(pixels.astype(int), axis=2).mean())


def test_dialog_result_undo_and_last_values(desk: Desk) -> None:
    gray = gray_photo("dust-bowl-home.jpg", 300, 230)
    image = desk.open(gray)
    dialog = desk.dialog()
    inside = np.s_[30:200, 60:360]  # of the preview
    assert colourful(desk.part(dialog)[inside]) > 20
    desk.do("key", "alt+p")  # Preview off
    desk.wait("the photograph", lambda: colourful(desk.part(dialog)[inside]) == 0)
    desk.do("key", "alt+p")
    desk.wait("the colours", lambda: colourful(desk.part(dialog)[inside]) > 20)
    for key, value in (("alt+v", "0.40"), ("alt+s", "0.70")):
        desk.do("key", key, "key", "ctrl+a", "type", value)
        desk.do("key", "Tab")
    desk.do("key", "alt+o")  # Colorize
    desk.wait("the colours", lambda: desk.facts(image) == "(2 0)")
    desk.wait("the plug-in's end", lambda: not desk.running())
    expected = library(gray, vividness=0.4, strength=0.7)
    assert codes(library(gray) - expected) > 10
    assert codes(desk.layer(image) - expected) <= ROUNDED

    desk.do("windowfocus", "--sync", desk.window("GIMP$"), "key", "ctrl+z")
    desk.wait("undo in one step", lambda: desk.facts(image) == "(1 1)")

    desk.gimp.run(f"""(plug-in-colorizer RUN-WITH-LAST-VALS {image} (car (gimp-image-get-active-layer {image})) 1 1 0 "")""")
    assert codes(desk.layer(image) - expected) <= ROUNDED


def test_painted_hints_in_the_dialog(desk: Desk) -> None:
    """They count as long as their box is ticked."""
    gray = gray_photo("dust-bowl-home.jpg", 300, 230)
    image = desk.open(np.dstack([gray] * 3))
    desk.gimp.run(f"""(let ((hints (car (gimp-layer-new {image} 300 230 RGBA-IMAGE "Hints" 100 LAYER-MODE-NORMAL))))
        (gimp-image-insert-layer {image} hints 0 0) (gimp-context-set-foreground '(20 160 60))
        (gimp-image-select-rectangle {image} CHANNEL-OP-REPLACE 180 20 80 60) (gimp-edit-fill hints FILL-FOREGROUND)
        (gimp-selection-none {image}))""")
    dialog = desk.dialog()

    def greens() -> int:
        pixels = desk.part(dialog)[30:230, 40:380].astype(int)
        return int((pixels[..., 1] > pixels[..., [0, 2]].max(axis=2) + 15).sum())

    desk.wait("the hints in the preview", lambda: greens() > 1000)
    desk.do("key", "alt+h")
    desk.wait("the preview without them", lambda: greens() < 300)
    desk.do("key", "alt+h")
    desk.wait("the hints again", lambda: greens() > 1000)
    desk.do("key", "alt+o")
    desk.wait("the colours", lambda: desk.facts(image) == "(3 0)")
    desk.wait("the plug-in's end", lambda: not desk.running())


def test_cancelling_the_dialog_changes_nothing(desk: Desk) -> None:
    image = desk.open(gray_photo("coffee.jpg", 300, 200))
    desk.dialog()
    desk.do("key", "Escape")
    desk.wait("the plug-in's end", lambda: not desk.running())
    assert desk.facts(image) == "(1 1)"
    assert desk.gimp.run(f"(car (gimp-image-is-dirty {image}))") == "0"


def cancel_button(now: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8]) -> tuple[int, int] | None:
    """Where it has appeared: at the right end of the status bar, which is the lowest row of the image's window."""
    left, right, top = 900, 1060, HEIGHT - 60
    y, x = np.nonzero((now != before)[top:, left:right].any(axis=2))
    return (left + int(x.max()) - 20, top + int(np.median(y))) if len(x) > 0 else None


def test_cancelling_the_run_changes_nothing(desk: Desk) -> None:
    image = desk.open(np.array(Image.fromarray(gray_photo("camera.jpg", 512, 512)).resize((8000, 8000))))
    desk.dialog()
    before = desk.picture()
    desk.do("key", "alt+o")
    desk.wait("the Cancel button of the progress bar", lambda: cancel_button(desk.picture(), before))
    desk.do("mousemove", *(cancel_button(desk.picture(), before) or ()), "click", 1)
    desk.wait("the plug-in's end", lambda: not desk.running())
    assert desk.facts(image) == "(1 1)"
    assert desk.gimp.run(f"(car (gimp-image-is-dirty {image}))") == "0"


def test_the_gegl_operation(desk: Desk) -> None:
    """Tools, GEGL Operation: the list of operations is gone through until the canvas has colours."""
    gray = gray_photo("dust-bowl-home.jpg", 512, 394)
    image = desk.open(np.dstack([gray] * 3))
    canvas = np.s_[240:290, 420:780]  # the sky, above the dialog
    desk.do("key", "ctrl+alt+k")
    desk.wait("the tool's dialog", lambda: desk.window("GEGL Operation"))
    desk.do("windowfocus", "--sync", desk.window("GEGL Operation"))
    for _ in range(30):
        desk.do("key", "space", "sleep", 0.5, "key", "Down", "sleep", 0.3, "key", "Return", "sleep", 1.5)
        if colourful(desk.picture()[canvas]) > 20:
            break
    desk.do("key", "alt+o")
    desk.wait("the result", lambda: desk.gimp.run(f"(car (gimp-image-is-dirty {image}))") == "1")
    assert codes(desk.layer(image) - library(gray)) <= ROUNDED
