# SPDX-License-Identifier: BSD-2-Clause
"""The ctypes binding that the tools and the training use, and what measuring stands on."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.colorizer import Colorizer, Error, Hint, Space
from train.evaluate import luminance_gray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import czw  # noqa: E402
from czw_float import in_floats  # noqa: E402

PHOTOS, BUILT_IN = ROOT / "examples" / "photos", ROOT / "models" / "default.czw"


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


def test_samples_of_the_other_byte_order() -> None:
    """As many readers of 16-bit files give them."""
    deep = gray_scene().astype(np.uint16) * 257
    with Colorizer() as c:
        c.set("size", 64)
        assert (c.colorize(deep.astype(deep.dtype.newbyteorder())) == c.colorize(deep)).all()


@pytest.mark.parametrize("pixels", [np.zeros((8, 8, 5), np.uint8), np.zeros((8, 8)), np.zeros(8, np.uint8)])
def test_what_is_no_picture_is_refused(pixels: np.ndarray) -> None:
    """Five channels, float64, one dimension."""
    with Colorizer() as c, pytest.raises(TypeError, match="pixels are"):
        c.colorize(pixels)


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


def test_controls_of_an_editor() -> None:
    gray = np.asarray(Image.open(PHOTOS / "coffee.jpg").convert("L"))
    with Colorizer() as c:
        plain = c.colorize(gray)
        found = c.suggest(256, 170)
        assert 1 <= len(found) <= 16 and sum(s.probability for s in found) <= 1.001
        assert len(c.suggest(256, 170, most=1)) == 1
        c.hints([Hint(100.5, 80.5, 5, ab=(0, -30), dx=60, weight=0.9)])
        assert (c.colorize(gray)[80, 130] != plain[80, 130]).any()
        c.hints([])
        c.palette([(0.0, 0.5, 0.55), (0.9, 0.55, 0.2)], 1)
        assert (c.colorize(gray) != plain).any()
        c.palette([])
        c.set("tint_b", -60)
        bluer = c.colorize(gray).astype(float).mean((0, 1))
        assert bluer[2] - bluer[0] > plain.astype(float).mean((0, 1)) @ (-1, 0, 1) + 5
        c.set("tint_b", 0)
        c.hues([0] * 8)
        assert int(np.ptp(c.colorize(gray).astype(int), axis=2).max()) == 0
        c.hues(None)
        assert (c.colorize(gray) == plain).all()


def test_alternatives_are_other_colourings() -> None:
    gray = np.asarray(Image.open(PHOTOS / "coffee.jpg").convert("L"))
    with Colorizer() as c:
        c.set("size", 96)
        c.analyze(gray)
        found = c.alternatives(3)
        assert found == c.alternatives(3) and [p for p, _ in found] == sorted((p for p, _ in found), reverse=True)
        pictures = []
        for _, hints in found:
            c.hints(hints)
            pictures.append(c.colorize(gray).astype(int))
    assert len(found) >= 2
    assert all(np.abs(a - b).mean() > 1 for i, a in enumerate(pictures) for b in pictures[:i])


def test_samples_of_other_types() -> None:
    gray = gray_scene()
    with Colorizer() as c:
        c.set("size", 64)
        fine, coarse = c.colorize(gray, np.float32), c.colorize(gray)
    assert fine.dtype == np.float32 and np.abs(fine * 255 - coarse).max() < 3  # green is rounded for luminance


def test_types_and_spaces(tmp_path: Path) -> None:
    gray = gray_scene()
    half = gray.astype(np.float16) / np.float16(255)
    curve = (np.linspace(0, 1, 4096) ** 2.2).astype(np.float32)
    # in f32, where what changes by little is coloured alike; in integers a step more or less of a layer shows
    in_floats(czw.read(BUILT_IN)).write(tmp_path / "f32.czw")
    with Colorizer(tmp_path / "f32.czw") as c:
        c.set("size", 64)
        colour = c.colorize(gray)
        assert np.abs(c.colorize(gray.astype(np.uint16) * 257) / 257 - colour).max() < 3
        assert np.abs(c.colorize(half).astype(float) - colour / 255).max() < 0.02
        by_gamma, by_curve = (c.colorize(half.astype(np.float32), space=Space(t)) for t in (2.2, curve))
        assert np.abs(by_gamma - by_curve).max() < 2e-3
        wide = c.colorize(gray, space=Space(2.19921875, "adobe_rgb"))
        assert wide.shape == colour.shape and (wide != colour).any()
        icc = np.array([[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169],
                        [0.0139322, 0.0971045, 0.7141733]], np.float32)
        assert np.abs(c.colorize(gray, space=Space(primaries=icc)).astype(int) - colour).max() <= 2
        scene = np.where(gray > 200, np.float32(5), gray / np.float32(255))
        assert (c.colorize(scene, space=Space("linear"))[gray > 200] == 5).all()
        both = np.dstack([gray, gray // 2])
        assert np.array_equal(c.colorize(both, space=Space(premultiplied=True))[..., 3], gray // 2)


def test_chroma_alone() -> None:
    gray = gray_scene()
    with Colorizer() as c:
        c.set("size", 64)
        colour = c.colorize(gray).astype(float)
        chroma = c.chroma(gray)
    assert chroma.shape == (2, *gray.shape) and np.abs(chroma).max() > 3
    warmth = colour[..., 0] - colour[..., 2]
    plain = np.abs(chroma[1]) > np.maximum(np.abs(chroma[0]), 3)  # yellow or blue, more than red or green
    assert plain.any() and (chroma[1][plain] * warmth[plain] > 0).all()


def test_a_mask_holds_colour_back() -> None:
    gray = gray_scene()
    mask = np.zeros(gray.shape, np.float32)
    mask[:, 60:] = 1
    with Colorizer() as c:
        c.set("size", 64)
        colour = c.colorize(gray)
        masked = c.render(gray, mask=mask)
    assert np.array_equal(masked[:, 60:], colour[:, 60:])
    assert np.array_equal(masked[:, :60], np.repeat(gray[:, :60, None], 3, 2))


def test_errors_speak(tmp_path: Path) -> None:
    with pytest.raises(Error, match="could not be read"):
        Colorizer(tmp_path / "none.czw")
    with Colorizer() as c, pytest.raises(Error, match="0..2"):
        c.set("vividness", 3)
