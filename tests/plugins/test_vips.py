# SPDX-License-Identifier: BSD-2-Clause
"""The libvips operation, run by the program `vips`; its pixels beside the library's own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from reference import BUILD, PHOTOS, need
from tests.color import luminance
from tools.colorizer import Colorizer

PHOTO = PHOTOS / "chelsea.jpg"
Array = npt.NDArray[np.generic]
Vips = Callable[..., str]


@pytest.fixture
def vips(tmp_path: Path) -> Vips:
    """Runs `vips` where it finds the module, as it would find an installed one; returns what it printed. libvips looks
    in $VIPSHOME and the last part of its own library folder."""
    libdir = subprocess.run(["pkg-config", "--variable=libdir", "vips"], capture_output=True, text=True, check=True)
    version = re.match(r"vips-(\d+\.\d+)", subprocess.run([need("vips"), "--version"], capture_output=True,
                                                          text=True, check=True).stdout)
    assert version
    folder = tmp_path / "home" / Path(libdir.stdout.strip()).name / f"vips-modules-{version[1]}"
    folder.mkdir(parents=True)
    (folder / "vips-colorizer.so").symlink_to(BUILD / "plugins" / "vips" / "vips-colorizer.so")
    environment = {**os.environ, "VIPSHOME": str(tmp_path / "home"), "LD_LIBRARY_PATH": str(BUILD / "lib")}

    def run(*arguments: object, code: int = 0, **variables: str) -> str:
        result = subprocess.run(["vips", *map(str, arguments)], cwd=tmp_path, env={**environment, **variables},
                                capture_output=True, text=True, timeout=300, check=False)
        assert result.returncode == code, result.stderr
        return result.stdout + result.stderr

    return run


def pixels(path: Path, dtype: npt.DTypeLike = np.uint8) -> Array:
    """Reads a .v file: a header of 64 bytes with width, height and bands, then the samples."""
    data = path.read_bytes()
    width, height, bands = np.frombuffer(data, np.uint32, 3, 4)
    return np.frombuffer(data, dtype, width * height * bands, 64).reshape(height, width, bands)


def colorized(rgb: npt.NDArray[np.uint8], **settings: float) -> npt.NDArray[np.uint8]:
    with Colorizer() as c:
        for name, value in settings.items():
            c.set(name, value)
        return c.colorize(rgb)


def gray16(path: Path) -> npt.NDArray[np.uint16]:
    """Writes a 16-bit PGM that uses more than the codes of 8 bits."""
    y, x = np.mgrid[0:160, 0:240]
    values = (32768 + 21000 * np.sin(x / 31) + 10000 * np.cos(y / 23) + x).astype(np.uint16)
    path.write_bytes(b"P5 240 160 65535\n" + values.astype(">u2").tobytes())
    return values


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_equals_the_library(vips: Vips, tmp_path: Path, mode: str) -> None:
    image = Image.open(PHOTO).convert(mode)
    image.save(tmp_path / "in.png")
    vips("colorizer", "in.png", "out.png", "--strength", 0.8, "--vividness", 1.3, "--size", 192)
    expected = colorized(np.asarray(image), strength=0.8, vividness=1.3, size=192)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), expected)
    assert np.ptp(expected.astype(int), axis=2).max() > 30


def test_large_photograph_is_analyzed_shrunk(vips: Vips, tmp_path: Path) -> None:
    """2600 pixels on the short side: shrunk by 2 for the analysis, rendered in strips."""
    Image.open(PHOTO).resize((3908, 2600)).save(tmp_path / "in.png")
    vips("colorizer", "in.png", "out.v")
    vips("shrink", "in.png", "small.v", 2, 2)
    with Colorizer() as c:
        c.analyze(pixels(tmp_path / "small.v").squeeze())
        expected = c.render(np.asarray(Image.open(tmp_path / "in.png")), frame=(3908, 2600))
    assert np.array_equal(pixels(tmp_path / "out.v"), expected)


def test_threads_and_tiles_change_nothing(vips: Vips, tmp_path: Path) -> None:
    for threads in "1", "5":
        vips("colorizer", PHOTO, f"{threads}.v", VIPS_CONCURRENCY=threads)
    vips("colorizer", PHOTO, "tiles.tif[tile,tile-width=48,tile-height=32]")
    whole = pixels(tmp_path / "1.v")
    assert np.array_equal(pixels(tmp_path / "5.v"), whole)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "tiles.tif")), whole)


def test_16_bits(vips: Vips, tmp_path: Path) -> None:
    gray = gray16(tmp_path / "in.pgm")
    vips("colorizer", "in.pgm", "out.v")
    out = pixels(tmp_path / "out.v", np.uint16)
    assert "ushort, 3 bands, rgb16" in vips("getpoint", "out.v", 0, 0) + subprocess.run(
        ["vipsheader", tmp_path / "out.v"], capture_output=True, text=True, check=True).stdout
    assert np.ptp(out.astype(int), axis=2).max() > 3000
    assert np.abs(luminance(out, 65535) - gray).max() <= 1


def test_linear_float(vips: Vips, tmp_path: Path) -> None:
    vips("colourspace", PHOTO, "in.v", "scrgb")
    vips("colorizer", "in.v", "out.v")
    weights = np.array([0.2126, 0.7152, 0.0722])
    before, after = (pixels(tmp_path / name, np.float32).astype(float) for name in ("in.v", "out.v"))
    assert np.abs(before @ weights - after @ weights).max() < 1e-6
    assert np.abs(before - after).max() > 0.05


@pytest.mark.parametrize("scale", [1, 257])
def test_float_in_codes(vips: Vips, tmp_path: Path, scale: int) -> None:
    """Arithmetic makes floats of codes; they do not pass through integers."""
    gray = gray16(tmp_path / "in.pgm").astype(float)
    vips("linear", "in.pgm", "codes.v", scale / 257, 0)
    vips("copy", "codes.v", "in.v", "--interpretation", "b-w" if scale == 1 else "grey16")
    vips("colorizer", "in.v", "out.v")
    out = pixels(tmp_path / "out.v", np.float32).astype(float)
    assert np.ptp(out, axis=2).max() > 10 * scale
    assert np.abs(luminance(out, 255 * scale) - gray * scale / 257).max() < 0.001 * scale


def test_other_spaces_come_out_linear(vips: Vips, tmp_path: Path) -> None:
    vips("colourspace", PHOTO, "in.v", "lab")
    vips("colorizer", "in.v", "out.v")
    vips("colourspace", PHOTO, "linear.v", "scrgb")
    weights = np.array([0.2126, 0.7152, 0.0722])
    before, after = (pixels(tmp_path / name, np.float32).astype(float) for name in ("linear.v", "out.v"))
    assert np.abs(before @ weights - after @ weights).max() < 1e-3
    assert np.abs(before - after).max() > 0.05


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_kept(vips: Vips, tmp_path: Path, mode: str) -> None:
    photo = Image.open(PHOTO)
    alpha = (np.arange(photo.width * photo.height) % 251).astype(np.uint8).reshape(photo.height, photo.width)
    image = photo.convert(mode)
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "in.png")
    vips("colorizer", "in.png", "out.png")
    out = np.asarray(Image.open(tmp_path / "out.png"))
    assert np.array_equal(out[..., 3], alpha)
    assert np.array_equal(out[..., :3], colorized(np.asarray(image)[..., :-1].squeeze()))


def test_metadata_passes(vips: Vips, tmp_path: Path) -> None:
    photo = Image.open(PHOTO)
    exif = photo.getexif()
    exif[0x010E] = "a cat"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, mode in ("rgb", "RGB"), ("gray", "L"):
        photo.convert(mode).save(tmp_path / f"{name}.jpg", exif=exif, icc_profile=profile, dpi=(300, 300))
        vips("colorizer", f"{name}.jpg", f"{name}-out.jpg")
        out = Image.open(tmp_path / f"{name}-out.jpg")
        assert out.getexif()[0x010E] == "a cat"
        assert out.info["dpi"] == (300, 300)
        # A gray image's profile says nothing true of a colour image.
        assert out.info.get("icc_profile") == (profile if mode == "RGB" else None)


def test_sequential_input(vips: Vips, tmp_path: Path) -> None:
    """Held in memory to be read twice; or read once, beside a small version."""
    photo = Image.open(PHOTO).resize((902, 600))
    photo.save(tmp_path / "in.png")
    photo.resize((451, 300)).save(tmp_path / "small.png")
    vips("colorizer", "in.png[access=sequential]", "twice.png")
    vips("colorizer", "in.png[access=sequential]", "once.png", "--preview", "small.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "twice.png")), colorized(np.asarray(photo)))
    with Colorizer() as c:
        c.analyze(np.asarray(Image.open(tmp_path / "small.png")))
        expected = c.render(np.asarray(photo), frame=(902, 600))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "once.png")), expected)


@pytest.mark.parametrize(("arguments", "message"), [
    (("--size", 8), "settings: .*range"),
    (("--model", "absent.czw"), "open: .*absent.czw"),
])
def test_errors(vips: Vips, tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    assert re.search(message, vips("colorizer", PHOTO, "out.png", *arguments, code=1))
    assert not (tmp_path / "out.png").exists()


def test_too_large(vips: Vips) -> None:
    vips("black", "wide.v", 70000, 2)
    assert "too large" in vips("colorizer", "wide.v", "out.v", code=1)


def test_nothing_leaks(vips: Vips) -> None:
    report = vips("--vips-leak", "colorizer", PHOTO, "out.png")
    assert "objects alive" not in report and "memory: high-water" in report
