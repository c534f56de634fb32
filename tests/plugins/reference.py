# SPDX-License-Identifier: BSD-2-Clause
"""What the library itself makes of a photograph, for the plug-ins' results to be compared with."""
from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tools.colorizer import Colorizer, _Image  # the binding's structs, for the formats that it does not offer

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("COLORIZER_BUILD", ROOT / "build"))
PHOTOS = ROOT / "examples" / "photos"
GRAY_U16, RGB_F32 = 0x0102, 0x0303

Hint = tuple[float, float, float, tuple[float, float, float]]


def gegl_path() -> str:
    """GEGL_PATH for the module of this build and GEGL's own ones."""
    own = subprocess.run(["pkg-config", "--variable=pluginsdir", "gegl-0.4"], capture_output=True, text=True, check=True)
    return f"{BUILD / 'plugins' / 'gegl'}:{own.stdout.strip()}"


def gray_photo(name: str, width: int, height: int) -> npt.NDArray[np.uint8]:
    """A photograph of the examples, gray, at a size of its own."""
    return np.array(Image.open(PHOTOS / name).convert("L").resize((width, height), Image.Resampling.LANCZOS))


def library(gray: npt.NDArray[np.unsignedinteger], hints: Sequence[Hint] = (),
            **settings: float) -> npt.NDArray[np.float32]:
    """The colours of a gray photograph (uint8 or uint16, [H, W]), sRGB, [H, W, 3] in 0..1. As floats: the rounding to
    8 bits is then the host's, not the library's, which rounds green so that the luminance stays."""
    source = gray.astype(np.uint16) * 257 if gray.dtype == np.uint8 else np.ascontiguousarray(gray)
    result = np.empty((*gray.shape, 3), np.float32)

    def view(array: npt.NDArray, pixel_format: int) -> _Image:
        return _Image(ctypes.sizeof(_Image), pixel_format, array.shape[1], array.shape[0], 0, 0,
                      (array.ctypes.data,), (array.strides[0],), (array.nbytes,))

    with Colorizer() as c:
        for name, value in settings.items():
            c.set(name, value)
        c.hints(list(hints))
        c._check(c._lib.colorizer_colorize(c._handle, ctypes.byref(view(source, GRAY_U16)),
                                           ctypes.byref(view(result, RGB_F32))))
    return result


def codes(difference: npt.NDArray[np.floating]) -> float:
    """The largest of some differences of samples in 0..1, in codes of 8 bits."""
    return float(np.abs(difference).max() * 255)


def need(program: str) -> str:
    """A host's path. It is a fault when the host is missing: scripts/test-plugins installs it."""
    path = shutil.which(program)
    assert path is not None, f"{program} is not installed"
    return path


def read_ppm(path: Path) -> npt.NDArray[np.float64]:
    """A 16-bit PPM as samples in 0..1."""
    header = re.match(rb"P6\s(?:#[^\n]*\n)?(\d+)\s(\d+)\s65535\s", path.read_bytes())  # GIMP writes a comment
    assert header is not None
    width, height = int(header[1]), int(header[2])
    return np.frombuffer(header.string, ">u2", 3 * width * height, header.end()).reshape(height, width, 3) / 65535
