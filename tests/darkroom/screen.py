# SPDX-License-Identifier: BSD-2-Clause
"""A virtual screen with the program darkroom on it, and a hand that clicks there (Xvfb, xdotool)."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageGrab

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("COLORIZER_BUILD", ROOT / "build"))
PROGRAM = BUILD / "examples" / "darkroom"
PATIENCE = 60.0  # seconds for what takes a moment, on a busy machine


class Box(NamedTuple):
    """A place in the window."""

    x: float
    y: float
    width: float
    height: float

    def at(self, across: float = 0.5, down: float = 0.5) -> tuple[int, int]:
        """A point inside, by shares of the width and the height."""
        return round(self.x + across * self.width), round(self.y + down * self.height)


@contextmanager
def virtual_screen(width: int = 1240, height: int = 800) -> Iterator[str]:
    """An X server that shows nothing; gives its display's name."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"],
        pass_fds=[writer], stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as display:
            yield ":" + display.readline().strip()
    finally:
        server.terminate()
        server.wait()


class Darkroom:
    """The running program. It writes where its controls are and what it does."""

    def __init__(self, display: str, *arguments: object) -> None:
        self.display = display
        self.environment = {**os.environ, "DISPLAY": display, "SDL_VIDEODRIVER": "x11",
                            "SDL_RENDER_DRIVER": "software"}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [str(PROGRAM), *map(str, arguments), "--log"], env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.wait(lambda: bool(self.lines))
        self.window = self._xdotool("search", "--sync", "--onlyvisible", "--pid", self.process.pid).split()[0]
        self._xdotool("windowfocus", "--sync", self.window)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def _xdotool(self, *arguments: object) -> str:
        return subprocess.run(
            ["xdotool", *map(str, arguments)], env=self.environment, check=True, timeout=PATIENCE,
            capture_output=True, text=True,
        ).stdout.strip()

    def wait(self, until: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not until():
            if self.process.poll() is not None:
                assert self.process.stderr is not None
                raise AssertionError(f"darkroom ended: {self.process.stderr.read()}")
            if time.monotonic() > end:
                raise AssertionError(f"{self.title()!r} after {PATIENCE:.0f} s; the last lines: {self.lines[-5:]}")
            time.sleep(0.01)

    # ---- what can be seen

    def title(self) -> str:
        return self._xdotool("getwindowname", self.window)

    def wait_title(self, pattern: str) -> None:
        """Until the window has such a title and every line that was written before is read."""
        self.wait(lambda: re.search(pattern, self.title()) is not None
                  and re.search(pattern, (self.logged("title ") or [""])[-1].removeprefix("title ")) is not None)

    def place(self, name: str, index: int = 0) -> Box:
        """Where a control is now."""
        start = f"place {name} {index} "
        line = next(line for line in reversed(self.lines) if line.startswith(start))
        return Box(*map(float, line[len(start):].split()))

    def picture(self, box: Box | None = None) -> Image.Image:
        """What the window, or a part of it, shows now: a moment after a state was told it may show the one before."""
        geometry = dict(part.split("=") for part in self._xdotool("getwindowgeometry", "--shell", self.window).split())
        left, top = int(geometry["X"]), int(geometry["Y"])
        part = box or Box(0, 0, int(geometry["WIDTH"]), int(geometry["HEIGHT"]))
        corners = (left + part.x, top + part.y, left + part.x + part.width, top + part.y + part.height)
        return ImageGrab.grab(xdisplay=self.display).crop(tuple(map(round, corners)))

    def logged(self, start: str) -> list[str]:
        return [line for line in self.lines if line.startswith(start)]

    # ---- what can be done

    @contextmanager
    def until(self, start: str) -> Iterator[None]:
        """Does what is inside, then waits for another line with this start."""
        before = len(self.logged(start))
        yield
        self.wait(lambda: len(self.logged(start)) > before)

    def click(self, point: tuple[int, int], button: int = 1) -> None:
        self._xdotool("mousemove", "--window", self.window, *point, "click", button)

    def drag(self, begin: tuple[int, int], *path: tuple[int, int]) -> None:
        """Presses at the first point, moves through the others, releases at the last."""
        moves = [word for point in path for word in ("mousemove", "--window", self.window, *point)]
        self._xdotool("mousemove", "--window", self.window, *begin, "mousedown", 1, *moves, "mouseup", 1)

    def key(self, *keys: str) -> None:
        self._xdotool("key", *keys)

    def resize(self, width: int, height: int) -> None:
        self._xdotool("windowsize", self.window, width, height)

    def save(self) -> None:
        with self.until("state saved"):
            self.key("s")

    def quit(self) -> int:
        self.key("q")
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Ends it, whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()


@contextmanager
def darkroom(display: str, *arguments: object) -> Iterator[Darkroom]:
    program = Darkroom(display, *arguments)
    try:
        yield program
    finally:
        program.close()
