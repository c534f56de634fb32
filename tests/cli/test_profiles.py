# SPDX-License-Identifier: BSD-2-Clause
"""Embedded colour profiles and the depth of samples."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from conftest import Needs, Run
from pictures import ADOBE, SRGB, icc_profile, read_png16, read_tiff, waves, write_png16, write_tiff
from tests.color import light, luminance, srgb

FORMATS = {"png": "libpng", "jpg": "libjpeg", "tiff": "libtiff", "webp": "libwebp"}


def in_srgb(picture: Image.Image) -> np.ndarray:
    """The picture through its own profile, 0..1, by PIL's lcms2."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    seen = ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), renderingIntent=1)
    assert seen is not None
    return np.asarray(seen) / 255.0


@pytest.mark.parametrize("ending", FORMATS)
def test_rgb_profile_is_kept_and_its_colours_seen(run: Run, needs: Needs, tmp_path: Path, ending: str) -> None:
    """Neutral samples under Adobe RGB: the same profile comes back, and through it the luminance that went in."""
    needs(FORMATS[ending], "lcms2")
    profile = icc_profile(2.2, ADOBE)
    gray = np.round(waves(96, 64) * 255).astype(np.uint8)
    photo = Image.fromarray(np.repeat(gray[:, :, None], 3, axis=2))
    photo.save(tmp_path / "photo.png", icc_profile=profile)
    assert run("photo.png", "-o", f"out.{ending}", "-q", 100).returncode == 0
    out = Image.open(tmp_path / f"out.{ending}")
    assert out.info["icc_profile"] == profile
    assert np.asarray(out).std(axis=2).max() > 4, "it has colours"
    tolerance = 3.0 / 255 if ending == "jpg" else 1.5 / 255
    assert np.abs(luminance(in_srgb(out)) - srgb((gray / 255.0) ** 2.2)).max() < tolerance


def test_gray_profile_becomes_srgb(run: Run, needs: Needs, tmp_path: Path) -> None:
    """A gray gamma of 1.8 is other light than sRGB; the output says sRGB and has that light."""
    needs("libpng", "lcms2")
    gray = np.round(waves(96, 64) * 255).astype(np.uint8)
    Image.fromarray(gray).save(tmp_path / "photo.png", icc_profile=icc_profile(1.8))
    assert run("photo.png", "-o", "out.png").returncode == 0
    out = Image.open(tmp_path / "out.png")
    name = ImageCms.getProfileName(ImageCms.ImageCmsProfile(io.BytesIO(out.info["icc_profile"])))
    assert "sRGB" in name
    assert np.abs(luminance(np.asarray(out) / 255.0) - srgb((gray / 255.0) ** 1.8)).max() < 1.0 / 255


@pytest.mark.parametrize("gamma", [None, 461 / 256])
def test_sixteen_bits_stay(run: Run, needs: Needs, tmp_path: Path, gamma: float | None) -> None:
    """16-bit PNG in and out: the luminance of every pixel to within one of 65535."""
    needs("libpng", *(["lcms2"] if gamma else []))
    gray = np.round(waves(80, 50) * 65535).astype(np.uint16)
    icc = [] if gamma is None else [(b"iCCP", b"test\0\0" + zlib.compress(icc_profile(gamma)))]
    write_png16(tmp_path / "photo.png", gray, icc)
    assert run("photo.png", "-o", "out.png").returncode == 0
    wanted = gray / 65535.0 if gamma is None else srgb((gray / 65535.0) ** gamma)
    out = read_png16(tmp_path / "out.png") / 65535.0
    assert np.abs(luminance(out) - wanted).max() <= 1.0 / 65535
    assert np.unique(out).size > 2000, "more than 8 bits could hold"


def test_sixteen_bits_in_a_wide_profile(run: Run, needs: Needs, tmp_path: Path) -> None:
    needs("libtiff", "libpng", "lcms2")
    gray = np.round(waves(80, 50) * 65535).astype(np.uint16)
    icc = [(b"iCCP", b"test\0\0" + zlib.compress(icc_profile(2.2, ADOBE)))]
    write_png16(tmp_path / "photo.png", np.repeat(gray[:, :, None], 3, axis=2), icc)
    assert run("photo.png", "-o", "out.tiff").returncode == 0
    out = read_tiff(tmp_path / "out.tiff")
    assert out.dtype == np.uint16 and out.shape == (50, 80, 3)
    linear = (out / 65535.0) ** (563 / 256) @ np.array(ADOBE) @ np.linalg.inv(np.array(SRGB))
    seen = linear @ np.array([0.2126, 0.7152, 0.0722])
    assert np.abs(srgb(seen) - srgb((gray / 65535.0) ** (563 / 256))).max() <= 4 / 65535
    assert out.astype(int).std(axis=2).max() > 1000, "it has colours"


@pytest.mark.parametrize("ending", ["tiff", "jxl"])
def test_floats_stay_linear_light(run: Run, needs: Needs, tmp_path: Path, ending: str) -> None:
    needs("libtiff", *(["libjxl"] if ending == "jxl" else []))
    gray = light(waves(80, 50)).astype(np.float32)[:, :, None]
    write_tiff(tmp_path / "photo.tiff", gray)
    assert run("photo.tiff", "-o", f"out.{ending}", "-q", 100).returncode == 0
    if ending == "jxl":
        assert run("out.jxl", "-o", "out.tiff", "--strength", 0, "--force").returncode == 0
    out = read_tiff(tmp_path / "out.tiff")
    assert out.dtype == np.float32
    assert np.abs(out @ np.array([0.2126, 0.7152, 0.0722]) - gray[:, :, 0]).max() < 2e-5
    assert (out.std(axis=2).max() > 0.01) == (ending == "tiff")


def test_less_deep_formats_say_so(run: Run, needs: Needs, tmp_path: Path) -> None:
    needs("libpng")
    write_png16(tmp_path / "photo.png", np.round(waves(40, 40) * 65535).astype(np.uint16))
    result = run("photo.png", "-o", "out.jpg")
    assert result.returncode == 0 and b"16-bit samples become 8-bit" in result.stderr


def test_srgb_profile_costs_nothing(run: Run, needs: Needs, tmp_path: Path) -> None:
    """Under a profile that is sRGB the bytes are those of the same picture without one."""
    needs("libpng", "lcms2")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    gray = np.round(waves(96, 64) * 255).astype(np.uint8)
    photo = Image.fromarray(np.repeat(gray[:, :, None], 3, axis=2))
    photo.save(tmp_path / "with.png", icc_profile=profile)
    photo.save(tmp_path / "without.png")
    for name in ("with", "without"):
        assert run(f"{name}.png", "-o", f"out-{name}.png").returncode == 0
    one, other = (Image.open(tmp_path / f"out-{name}.png") for name in ("with", "without"))
    assert one.info["icc_profile"] == profile and np.array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("profile", [b"not a profile at all", icc_profile(1.8)[:150]], ids=["text", "cut"])
def test_damaged_profile_is_left_out(run: Run, needs: Needs, tmp_path: Path, profile: bytes) -> None:
    needs("libjpeg", "lcms2")
    Image.fromarray(np.round(waves(96, 64) * 255).astype(np.uint8)).save(tmp_path / "photo.jpg", icc_profile=profile)
    result = run("photo.jpg", "-o", "out.jpg")
    assert result.returncode == 0 and b"warning: the colour profile" in result.stderr
    assert "icc_profile" not in Image.open(tmp_path / "out.jpg").info
