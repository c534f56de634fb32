# SPDX-License-Identifier: BSD-2-Clause
"""The operation colorizer:colorize in the program gegl.

The operation works on linear floats, the files have 16 bits: what may differ from the library is babl's conversion
between them and half a code of 16 bits, 0.005 of an 8-bit code on these photographs."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reference import BUILD, codes, gegl_path, gray_photo, library, need, read_ppm

TOLERANCE = 0.3

Gegl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gegl(tmp_path: Path) -> Gegl:
    """Runs gegl in a folder of its own, with the module and GEGL's own ones."""
    environment = {**os.environ, "GEGL_PATH": gegl_path()}

    def call(*arguments: str, program: str = need("gegl")) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, cwd=tmp_path,
                              timeout=120, check=False)

    return call


@pytest.mark.parametrize("name", ["coffee.jpg", "chelsea.jpg"])
def test_a_photograph(name: str, gegl: Gegl, tmp_path: Path) -> None:
    gray = gray_photo(name, 300, 220)
    Image.fromarray(gray).save(tmp_path / "in.png")
    gegl("in.png", "-o", "out.ppm", "--", "colorizer:colorize")
    assert codes(read_ppm(tmp_path / "out.ppm") - library(gray)) <= TOLERANCE


@pytest.mark.parametrize("settings", [{"strength": 0.3}, {"vividness": 0.2}, {"size": 96}])
def test_properties(settings: dict[str, float], gegl: Gegl, tmp_path: Path) -> None:
    gray = gray_photo("coffee.jpg", 240, 160)
    Image.fromarray(gray).save(tmp_path / "in.png")
    gegl("in.png", "-o", "out.ppm", "--", "colorizer:colorize", *(f"{k}={v}" for k, v in settings.items()))
    expected = library(gray, **settings)
    assert codes(read_ppm(tmp_path / "out.ppm") - expected) <= TOLERANCE
    assert codes(library(gray) - expected) > 10


def test_hints_and_an_image_that_begins_elsewhere(gegl: Gegl, tmp_path: Path) -> None:
    gray = gray_photo("chelsea.jpg", 240, 160)
    Image.fromarray(gray).save(tmp_path / "in.png")
    gegl("in.png", "-o", "out.ppm", "--", "gegl:crop", "x=30", "y=20", "width=200", "height=130", "colorizer:colorize",
         "hints=100.5,90.5,12,#2040c0; 160, 60, 8, #C03020 ;")
    hints = [(70.5, 70.5, 12.0, (0x20 / 255, 0x40 / 255, 0xC0 / 255)),
             (130.0, 40.0, 8.0, (0xC0 / 255, 0x30 / 255, 0x20 / 255))]
    part = gray[20:150, 30:230]
    assert codes(read_ppm(tmp_path / "out.ppm") - library(part, hints)) <= TOLERANCE
    assert codes(library(part) - library(part, hints)) > 20


def test_sixteen_bits(gegl: Gegl, tmp_path: Path) -> None:
    y, x = np.mgrid[0:120, 0:160]
    gray = (20000 + 16000 * np.sin(x / 11.0) * np.cos(y / 17.0) + 5 * x).astype(np.uint16)
    Image.fromarray(gray).save(tmp_path / "in.png")
    gegl("in.png", "-o", "out.ppm", "--", "colorizer:colorize")
    assert codes(read_ppm(tmp_path / "out.ppm") - library(gray)) <= TOLERANCE
    assert len(np.unique(read_ppm(tmp_path / "out.ppm")[..., 1])) > 1000  # never through 8 bits


def test_alpha_stays(gegl: Gegl, tmp_path: Path) -> None:
    gray = gray_photo("rocket.jpg", 160, 120)
    alpha = np.tile(np.arange(160, dtype=np.uint8) + 90, (120, 1))
    Image.fromarray(np.dstack([gray, alpha])).save(tmp_path / "in.png")
    gegl("in.png", "-o", "out.png", "--", "colorizer:colorize", "gegl:convert-format", "format=R'G'B'A u8")
    result = np.array(Image.open(tmp_path / "out.png").convert("RGBA"))  # 16 bits, of which the upper 8 hold all
    assert np.array_equal(result[..., 3], alpha)
    # 8 bits: half a code of rounding here, and as much there
    assert codes(result[..., :3] / 255 - library(gray)) <= 1


@pytest.mark.parametrize("setting", ["hints=1,2", "hints=1,2,3,#12345g", "hints=1,2,3,red", "size=5",
                                     "hints=" + "1,2,3,#ff0000;" * 257])
def test_a_wrong_setting_leaves_the_photograph(setting: str, gegl: Gegl, tmp_path: Path) -> None:
    gray = gray_photo("coffee.jpg", 64, 48)
    Image.fromarray(gray).save(tmp_path / "in.png")
    done = gegl("in.png", "-o", "out.ppm", "--", "colorizer:colorize", setting)
    assert "colorizer:colorize: " in done.stderr
    assert codes(read_ppm(tmp_path / "out.ppm") - gray[..., None] / 255) <= TOLERANCE


def test_parts_exactly_and_one_analysis(gegl: Gegl) -> None:
    """gegl_parts.c says what; without conversions the pixels are the library's to the last bit."""
    done = gegl(program=str(BUILD / "plugins" / "gegl" / "gegl_parts"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok") == 13
