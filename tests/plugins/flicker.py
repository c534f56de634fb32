# SPDX-License-Identifier: BSD-2-Clause
"""How much the colours of a clip flicker: a photograph under a moving camera, with the noise of film, through FFmpeg.

    PYTHONPATH=. python3 tests/plugins/flicker.py [PHOTO...]     prints the figures of docs/plugins.md
    PYTHONPATH=. python3 tests/plugins/flicker.py --time         prints how long a frame takes
"""
from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from reference import BUILD, PHOTOS, need
from tests.color import chroma

ENVIRONMENT = {**os.environ, "FREI0R_PATH": str(BUILD / "plugins" / "frei0r"), "LD_LIBRARY_PATH": str(BUILD / "lib")}
Frames = npt.NDArray[np.uint8]
SIZE = (320, 224)  # a multiple of 8 on both sides, as frei0r wants it


def pan(photo: Path, frames: int, step: tuple[float, float], noise: float, seed: int = 1,
        size: tuple[int, int] = SIZE) -> Frames:
    """A window that moves over the photograph by `step` pixels a frame, with Gaussian noise of `noise` codes:
    gray [frames, height, width]."""
    width, height = size
    whole = Image.open(photo).convert("L")
    room = (width + abs(step[0]) * frames + 1, height + abs(step[1]) * frames + 1)
    scale = max(1.0, room[0] / whole.width, room[1] / whole.height)
    whole = whole.resize((round(whole.width * scale), round(whole.height * scale)), Image.Resampling.BICUBIC)
    random = np.random.default_rng(seed)
    clip = np.empty((frames, height, width), np.uint8)
    for i in range(frames):
        x, y = abs(step[0]) * i, abs(step[1]) * i
        window = whole.transform(size, Image.Transform.AFFINE, (1, 0, x, 0, 1, y), Image.Resampling.BICUBIC)
        noisy = np.asarray(window, float) + random.normal(0, noise, (height, width))
        clip[i] = np.clip(np.rint(noisy), 0, 255)
    return clip


def colorize(clip: Frames, strength: float = 1, vividness: float = 0.5, smoothing: float = 0.5,
             **variables: str) -> Frames:
    """The clip through `ffmpeg -vf frei0r=colorizer`: RGB [frames, height, width, 3]."""
    frames, height, width = clip.shape
    result = subprocess.run(
        [need("ffmpeg"), "-v", "error", "-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}", "-i", "-",
         "-vf", f"format=gray,format=rgba,frei0r=colorizer:{strength}|{vividness}|{smoothing}",
         "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        input=clip.tobytes(), capture_output=True, env={**ENVIRONMENT, **variables}, timeout=300, check=False)
    assert result.returncode == 0 and not result.stderr, result.stderr.decode()
    return np.frombuffer(result.stdout, np.uint8).reshape(frames, height, width, 3)


def flicker(clip: Frames, step: tuple[float, float]) -> float:
    """Mean distance in CIELAB a, b between each frame and the one before, aligned by the whole pixels of the known
    motion."""
    ab = chroma(clip, 255)
    total = 0.0
    for i in range(1, len(ab)):
        dx, dy = (round(abs(s) * i) - round(abs(s) * (i - 1)) for s in step)
        now = ab[i, : ab.shape[1] - dy, : ab.shape[2] - dx]
        total += float(np.linalg.norm(now - ab[i - 1, dy:, dx:], axis=-1).mean())
    return total / (len(ab) - 1)


class Filter:
    """The plug-in through its C interface, for what no host can be made to do."""

    def __init__(self, width: int, height: int) -> None:
        self.lib = ctypes.CDLL(str(BUILD / "plugins" / "frei0r" / "colorizer.so"))
        self.lib.f0r_construct.restype = ctypes.c_void_p
        self.lib.f0r_destruct.argtypes = [ctypes.c_void_p]
        self.lib.f0r_update.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p]
        self.lib.f0r_set_param_value.argtypes = self.lib.f0r_get_param_value.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
        self.handle = self.lib.f0r_construct(width, height)

    def value(self, index: int, new: float | None = None) -> float:
        number = ctypes.c_double(-1 if new is None else new)
        if new is not None:
            self.lib.f0r_set_param_value(self.handle, ctypes.byref(number), index)
        self.lib.f0r_get_param_value(self.handle, ctypes.byref(number), index)
        return number.value

    def frame(self, seconds: float, gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        source = np.dstack([gray, gray, gray, np.full_like(gray, 255)])
        out = np.zeros_like(source)
        self.update(seconds, source, out)
        return out

    def update(self, seconds: float, source: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
        self.lib.f0r_update(self.handle, seconds, source.ctypes.data, out.ctypes.data)

    def close(self) -> None:
        self.lib.f0r_destruct(self.handle)


def times(width: int, height: int, smoothing: float) -> tuple[float, float]:
    """The least and the mean milliseconds of a frame, of twelve."""
    clip = pan(PHOTOS / "coffee.jpg", 13, (2, 1), 6, size=(width, height))
    f = Filter(width, height)
    f.value(2, smoothing)
    taken = []
    for i, gray in enumerate(clip):
        source = np.dstack([gray, gray, gray, np.full_like(gray, 255)])
        out = np.zeros_like(source)
        begin = time.perf_counter()
        f.update(i, source, out)
        taken.append(1000 * (time.perf_counter() - begin))
    f.close()
    return min(taken[1:]), float(np.mean(taken[1:]))  # the first packs the weights


def print_times() -> None:
    for width, height in (640, 360), (1920, 1080):
        for smoothing in 0.0, 0.5:
            least, mean = times(width, height, smoothing)
            print(f"{width} x {height}, smoothing {smoothing}: {least:.0f} ms at least, {mean:.0f} ms on average")


def print_flicker(photos: list[Path]) -> None:
    print(f"{'mean change of a, b a frame':32} {'step':>10} {'noise':>6} {'plain':>7} {'0.5':>7} {'1':>7}")
    for photo in photos:
        for step, noise in (((2.0, 1.0), 6.0), ((0.4, 0.0), 6.0), ((0.0, 0.0), 6.0), ((2.0, 1.0), 0.0)):
            clip = pan(photo, 24, step, noise)
            figures = [flicker(colorize(clip, smoothing=s), step) for s in (0, 0.5, 1)]
            print(f"{photo.name:32} {step[0]:5} {step[1]:4} {noise:6} " + " ".join(f"{f:7.3f}" for f in figures))


if __name__ == "__main__":
    if sys.argv[1:] == ["--time"]:
        print_times()
    else:
        print_flicker([Path(name) for name in sys.argv[1:]] or sorted(PHOTOS.glob("*.jpg")))
