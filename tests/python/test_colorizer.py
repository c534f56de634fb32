# SPDX-License-Identifier: BSD-2-Clause
"""The ctypes binding that the tools and the training use, and what measuring stands on."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.colorizer import Colorizer, Error
from train.evaluate import luminance_gray

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos"


def gray_scene() -> np.ndarray:
    y, x = np.mgrid[0:90, 0:120]
    return np.clip(128 + 60 * np.sin(x / 9) * np.cos(y / 13) + (x // 20 % 2) * 30, 0, 255).astype(np.uint8)


def test_luminance_is_kept() -> None:
    gray = gray_scene()
    with Colorizer() as c:
        c.set("size", 64)
        colour = c.colorize(gray)
    assert colour.shape == (*gray.shape, 3)
    assert int(np.ptp(colour.astype(int), axis=2).max()) > 5
    assert int(np.abs(luminance_gray(colour).astype(int) - gray).max()) <= 1


def test_a_hint_moves_the_colour() -> None:
    gray = gray_scene()
    with Colorizer() as c:
        c.set("size", 64)
        before = c.colorize(gray)[45, 60].astype(int)
        c.hints([(60.5, 45.5, 20.0, (1.0, 0.0, 0.0))])
        after = c.colorize(gray)[45, 60].astype(int)
    assert after[0] - after[2] > before[0] - before[2] + 5


def test_vividness_zero_is_paler() -> None:
    gray = np.asarray(Image.open(PHOTOS / "astronaut.jpg").convert("L"))
    with Colorizer() as c:
        spread = []
        for v in (0.0, 1.0):
            c.set("vividness", v)
            spread.append(float(np.ptp(c.colorize(gray).astype(float), axis=2).mean()))
    assert spread[0] < spread[1]


def test_parts_of_an_analyzed_photograph() -> None:
    gray = np.asarray(Image.open(PHOTOS / "astronaut.jpg").convert("L"))
    small = np.asarray(Image.fromarray(gray).resize((gray.shape[1] // 2, gray.shape[0] // 2), Image.Resampling.BOX))
    with Colorizer() as c:
        whole = c.colorize(gray)
        assert (c.render(gray[40:90, 30:200], 30, 40) == whole[40:90, 30:200]).all()
        c.analyze(small)
        again = c.render(gray, 0, 0, (gray.shape[1], gray.shape[0]))
    assert np.abs(again.astype(int) - whole).mean() < 4  # a preview and the original agree


def test_errors_speak(tmp_path: Path) -> None:
    with pytest.raises(Error, match="could not be read"):
        Colorizer(tmp_path / "none.czw")
    with Colorizer() as c, pytest.raises(Error, match="0..2"):
        c.set("vividness", 3)
