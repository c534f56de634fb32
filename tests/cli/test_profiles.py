# SPDX-License-Identifier: BSD-2-Clause
"""Embedded colour profiles and the depth of samples."""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from conftest import ROOT, Needs, Run
from pictures import (ADOBE, P3, ROMM, SRGB, icc_profile, png_chunks, read_png16, read_tiff, waves,
                      write_png16, write_tiff)
from tests.color import light, luminance, srgb

sys.path.insert(0, str(ROOT / "tools"))

import czw  # noqa: E402
from czw_float import in_floats  # noqa: E402

FORMATS = {"png": "libpng", "jpg": "libjpeg", "tiff": "libtiff", "webp": "libwebp"}


Columns = tuple[tuple[float, float, float], ...]
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def to_srgb(linear: np.ndarray, columns: Columns) -> np.ndarray:
    """Linear light of a profile's primaries in sRGB's, as ICC profiles convert; beyond 0..1 where sRGB ends."""
    return linear @ np.array(columns) @ np.linalg.inv(np.array(SRGB))


def seen_luminance(linear: np.ndarray, columns: Columns) -> np.ndarray:
    """sRGB's value of the luminance of linear light under a profile."""
    return srgb(to_srgb(linear, columns) @ WEIGHTS)


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
    seen = seen_luminance((np.asarray(out) / 255.0) ** 2.2, ADOBE)
    assert np.abs(seen - srgb((gray / 255.0) ** 2.2)).max() < (3.0 if ending == "jpg" else 1.0) / 255


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
    seen = seen_luminance((out / 65535.0) ** (563 / 256), ADOBE)
    assert np.abs(seen - srgb((gray / 65535.0) ** (563 / 256))).max() <= 2 / 65535
    assert out.astype(int).std(axis=2).max() > 1000, "it has colours"


TABLE = np.round(light(np.arange(1024) / 1023) * 65535) / 65535
PROFILES = {"Adobe RGB": (563 / 256, ADOBE), "Display P3": (TABLE, P3), "ProPhoto RGB": (461 / 256, ROMM),
            "three curves": ((2.25, 2.0, 1.75), ADOBE)}


def through(curve: float | np.ndarray, values: np.ndarray, back: bool = False) -> np.ndarray:
    """Samples 0..1 to light by a profile's tone curve, or back."""
    if not isinstance(curve, np.ndarray):
        return values ** (1 / curve if back else curve)
    places = np.linspace(0, 1, len(curve))
    return np.interp(values, curve, places) if back else np.interp(values, places, curve)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", PROFILES)
def test_colours_are_those_of_srgb(run: Run, needs: Needs, tmp_path: Path, name: str, bits: int) -> None:
    """The same light as floats without a profile gets the same colours where sRGB's gamut holds them: to one code of 8
    bits, and a sixteenth of it. With the model in f32: in integers the roundings of light show as steps of a layer."""
    needs("libtiff", "libpng", "lcms2")
    in_floats(czw.read(ROOT / "models" / "default.czw")).write(tmp_path / "f32.czw")
    curve, columns = PROFILES[name]
    curves = curve if isinstance(curve, tuple) else (curve, curve, curve)
    top = 2**bits - 1
    codes = np.repeat(np.round((0.1 + 0.7 * waves(96, 64)) * top).astype(f"u{bits // 8}")[:, :, None], 3, axis=2)
    profile = icc_profile(curve, columns)
    if bits == 8:
        Image.fromarray(codes).save(tmp_path / "photo.png", icc_profile=profile)
    else:
        write_png16(tmp_path / "photo.png", codes, [(b"iCCP", b"test\0\0" + zlib.compress(profile))])
    shades = np.stack([through(c, codes[:, :, k] / top) for k, c in enumerate(curves)], axis=-1)
    write_tiff(tmp_path / "light.tiff", (to_srgb(shades, columns) @ WEIGHTS).astype(np.float32)[:, :, None])
    assert run("photo.png", "-o", "out.png", "--force", "--model", "f32.czw").returncode == 0
    assert run("light.tiff", "-o", "wanted.tiff", "--model", "f32.czw").returncode == 0
    wanted = read_tiff(tmp_path / "wanted.tiff").astype(float)
    inside = (wanted.min(axis=2) > 0.002) & (wanted.max(axis=2) < 0.998)
    linear = (wanted @ np.array(SRGB) @ np.linalg.inv(np.array(columns))).clip(0, 1)
    samples = np.stack([through(c, linear[:, :, k], True) for k, c in enumerate(curves)], axis=-1) * top
    out = np.asarray(Image.open(tmp_path / "out.png")) if bits == 8 else read_png16(tmp_path / "out.png")
    assert inside.mean() > 0.9 and out.astype(int).std(axis=2).max() > top / 60, "it has colours"
    assert np.abs(out - samples)[inside].max() <= (1.0 if bits == 8 else 16.0)


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


# ---------------------------------------------------------------- PNG's own chunks

def chrm(*places: float) -> tuple[bytes, bytes]:
    """White, red, green, blue as x, y."""
    return b"cHRM", struct.pack(">8I", *(round(p * 100000) for p in places))


def gama(exponent: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(100000 / exponent))


def cicp(*codes: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes(codes)


BT709 = chrm(0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
OTHER = chrm(0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
ICCP = (b"iCCP", b"test\0\0" + zlib.compress(icc_profile(461 / 256)))
AS_SRGB = (b"sRGB", b"\0")
CASES = {"nothing": ([], None), "gamma": ([gama(1.8)], 1.8), "linear": ([gama(1.0)], 1.0),
         "gamma of sRGB's files": ([gama(2.2), BT709], None), "gamma of others": ([gama(2.2), OTHER], 100000 / 45455),
         "primaries alone": ([OTHER], None), "sRGB before gamma": ([AS_SRGB, gama(1.8)], None),
         "profile before gamma": ([ICCP, gama(1.0)], 461 / 256), "cICP before all": ([cicp(1, 8, 0, 1), ICCP, gama(1.8)], 1.0),
         "cICP of sRGB": ([cicp(12, 13, 0, 1), gama(1.8)], None), "cICP gamma": ([cicp(9, 4, 0, 1)], 2.2)}


@pytest.mark.parametrize("name", CASES)
def test_png_says_what_samples_mean(run: Run, needs: Needs, tmp_path: Path, name: str) -> None:
    """cICP counts before iCCP, that before sRGB, that before gAMA and cHRM; the output is in sRGB."""
    needs("libpng", "lcms2")
    chunks, gamma = CASES[name]
    gray = np.round(waves(80, 50) * 65535).astype(np.uint16)
    write_png16(tmp_path / "photo.png", gray, chunks)
    result = run("photo.png", "-o", "out.png")
    assert result.returncode == 0 and b"warning" not in result.stderr
    wanted = gray / 65535.0 if gamma is None else srgb((gray / 65535.0) ** gamma)
    assert np.abs(luminance(read_png16(tmp_path / "out.png") / 65535.0) - wanted).max() <= 1.0 / 65535
    assert not {n for n, _ in png_chunks((tmp_path / "out.png").read_bytes())} & {b"gAMA", b"cHRM", b"cICP"}


def test_png_primaries(run: Run, needs: Needs, tmp_path: Path) -> None:
    """A tint is of the luminance that it has under the file's primaries."""
    needs("libpng")
    tint = np.round(waves(80, 50)[:, :, None] * (65535, 60000, 50000)).astype(np.uint16)
    write_png16(tmp_path / "photo.png", tint, [gama(1.8), OTHER])
    assert run("photo.png", "-o", "out.png", "--strength", 0).returncode == 0
    wanted = seen_luminance((tint / 65535.0) ** (100000 / round(100000 / 1.8)), ADOBE)
    out = read_png16(tmp_path / "out.png") / 65535.0
    assert np.abs(out - wanted[:, :, None]).max() < 4.0 / 65535


@pytest.mark.parametrize("chunk", [cicp(9, 16, 0, 1), cicp(1, 13, 0, 0), gama(0.5), chrm(0.3127, 0.3290, 0.30, 0.60, 0.64, 0.33, 0.15, 0.06)],
                         ids=["PQ", "narrow range", "gamma", "primaries"])
def test_png_with_strange_colours(run: Run, needs: Needs, tmp_path: Path, chunk: tuple[bytes, bytes]) -> None:
    """What is not read is left out with a warning."""
    needs("libpng")
    gray = np.round(waves(80, 50) * 65535).astype(np.uint16)
    write_png16(tmp_path / "photo.png", gray, [chunk])
    result = run("photo.png", "-o", "out.png")
    assert result.returncode == 0 and chunk[0] in result.stderr
    assert np.abs(luminance(read_png16(tmp_path / "out.png") / 65535.0) - gray / 65535.0).max() <= 1.0 / 65535
