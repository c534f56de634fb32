# SPDX-License-Identifier: BSD-2-Clause
"""File formats: what is read, what is written, and what damaged files do."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Needs, Run, make_photo
from pictures import png_chunks, read_tiff, waves, write_tiff
from tests.color import luminance

CODECS = {"jpg": "libjpeg", "png": "libpng", "tiff": "libtiff", "webp": "libwebp", "jxl": "libjxl"}


def gray_of(path: Path) -> np.ndarray:
    """The luminance of a picture, 0..255."""
    return luminance(np.asarray(Image.open(path).convert("RGB")), 255)


def test_version_lists_every_library(run: Run) -> None:
    """Each is either with, and then its format is written, or without."""
    lines = run("--version").stdout.decode().splitlines()
    written = next(line for line in lines if line.startswith("writes:"))
    for library, bits in (("libpng", "png/16"), ("libtiff", "tiff/32"), ("libwebp", "webp/8"), ("libjxl", "jxl/32")):
        there = any(line.startswith(f"with {library} ") for line in lines)
        assert there != any(line.startswith(f"without {library}:") for line in lines)
        assert there == (bits in written)


@pytest.mark.parametrize("ending", ["tiff", "webp", "jxl"])
def test_lossless_there_and_back(run: Run, needs: Needs, tmp_path: Path, ending: str) -> None:
    """What is written is what is read: the same pixels as by way of PNG, with alpha."""
    needs(CODECS[ending])
    photo = Image.fromarray(np.round(waves(70, 50) * 255).astype(np.uint8)).convert("LA")
    photo.putalpha(Image.fromarray(np.tile(np.arange(70, dtype=np.uint8) * 3, (50, 1))))
    photo.save(tmp_path / "photo.png")
    assert run("photo.png", "-o", "first.png").returncode == 0
    assert run("photo.png", "-o", f"first.{ending}", "-q", 100).returncode == 0
    if ending != "jxl": # which PIL does not read
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"first.{ending}")),
                              np.asarray(Image.open(tmp_path / "first.png")))
    for name in ("first.png", f"first.{ending}"):
        assert run(name, "-o", f"again-{name}.png", "--force").returncode == 0
    one, other = (np.asarray(Image.open(tmp_path / f"again-{n}.png")) for n in ("first.png", f"first.{ending}"))
    assert one.shape == (50, 70, 4) and np.array_equal(one, other)


TIFFS = {
    "tiles": {"tile": 16}, "apart": {"apart": True}, "tiles apart": {"tile": 16, "apart": True},
    "white is zero": {"photometric": 0}, "16 bits": {"depth": np.uint16}, "16 bits in tiles": {"depth": np.uint16, "tile": 32},
}


@pytest.mark.parametrize("how", TIFFS.values(), ids=TIFFS)
@pytest.mark.parametrize("samples", [1, 3])
def test_kinds_of_tiff(run: Run, needs: Needs, tmp_path: Path, how: dict[str, object], samples: int) -> None:
    """Every layout gives the picture that plain rows give."""
    needs("libtiff")
    options = dict(how)
    depth = options.pop("depth", np.uint8)
    full = np.iinfo(depth).max # type: ignore[type-var]
    gray = np.round(waves(75, 50) * full).astype(depth)[:, :, None].repeat(samples, axis=2)
    if options.get("photometric") == 0 and samples == 3:
        del options["photometric"]
    elif options.get("photometric") == 0:
        gray = (full - gray).astype(depth)
    write_tiff(tmp_path / "photo.tif", gray, **options) # type: ignore[arg-type]
    assert run("photo.tif", "-o", "out.tiff").returncode == 0
    out = read_tiff(tmp_path / "out.tiff")
    assert out.dtype == depth and out.shape == (50, 75, 3)
    assert np.abs(luminance(out, full) - np.round(waves(75, 50) * full)).max() <= 1.0


def test_tiff_with_multiplied_alpha(run: Run, needs: Needs, tmp_path: Path) -> None:
    needs("libtiff")
    gray, alpha = np.full((40, 40), 200.0), np.tile(np.linspace(0.2, 1, 40), (40, 1))
    stored = np.stack([gray * alpha, alpha * 255], axis=2).round().astype(np.uint8)
    write_tiff(tmp_path / "photo.tif", stored, extra=1)
    assert run("photo.tif", "-o", "out.png").returncode == 0
    out = np.asarray(Image.open(tmp_path / "out.png"))
    assert np.abs(luminance(out, 255) - 200).max() <= 4 # one code of 0.2 * 255 is five of 200
    assert np.array_equal(out[:, :, 3], stored[:, :, 1])


@pytest.mark.parametrize("mode", ["1", "P", "L", "CMYK", "LAB"])
def test_tiff_by_pil(run: Run, needs: Needs, tmp_path: Path, mode: str) -> None:
    """Bilevel and palette are read; inks and CIELAB are refused, not misread."""
    needs("libtiff")
    gray = Image.fromarray(np.round(waves(64, 64) * 255).astype(np.uint8))
    picture = Image.new("LAB", (64, 64)) if mode == "LAB" else gray.convert("RGB" if mode != "1" else "L").convert(mode)
    picture.save(tmp_path / "photo.tif", compression="tiff_lzw")
    result = run("photo.tif", "-o", "out.png")
    if mode in ("CMYK", "LAB"):
        assert result.returncode == 1 and b"is not read" in result.stderr
    else:
        wanted = luminance(np.asarray(picture.convert("RGB")), 255)
        assert result.returncode == 0 and np.abs(gray_of(tmp_path / "out.png") - wanted).max() <= 1.5


def test_only_the_first_of_several(run: Run, needs: Needs, tmp_path: Path) -> None:
    needs("libtiff", "libwebp")
    pages = [Image.fromarray(np.round(waves(48, 32 + 8 * i) * 255).astype(np.uint8)) for i in range(2)]
    pages[0].save(tmp_path / "photo.tif", save_all=True, append_images=pages[1:])
    result = run("photo.tif", "-o", "out.png")
    assert result.returncode == 0 and b"only the first" in result.stderr
    assert Image.open(tmp_path / "out.png").size == (48, 32)
    frames = [pages[0].convert("RGB"), Image.new("RGB", pages[0].size)]
    frames[0].save(tmp_path / "film.webp", save_all=True, append_images=frames[1:])
    result = run("film.webp", "-o", "film.png")
    assert result.returncode == 1 and b"animated" in result.stderr


def test_inks_are_refused(run: Run, needs: Needs, tmp_path: Path) -> None:
    needs("libjpeg")
    Image.new("CMYK", (40, 40), (9, 8, 7, 6)).save(tmp_path / "photo.jpg")
    result = run("photo.jpg", "-o", "out.jpg")
    assert result.returncode == 1 and b"CMYK" in result.stderr and not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("kind", ["P", "1", "I;2", "LA", "RGBA", "P with transparency"])
def test_kinds_of_png(run: Run, tmp_path: Path, kind: str) -> None:
    gray = Image.fromarray(np.round(waves(48, 40) * 255).astype(np.uint8))
    picture = gray.convert("RGB").quantize(16) if kind.startswith("P") or kind == "I;2" else gray.convert(kind)
    options = {"bits": 2} if kind == "I;2" else {"transparency": 0} if "transparency" in kind else {}
    picture.save(tmp_path / "photo.png", **options)
    assert run("photo.png", "-o", "out.png", "--force").returncode == 0
    out = Image.open(tmp_path / "out.png")
    assert out.mode == ("RGBA" if "A" in kind or "transparency" in kind else "RGB")
    wanted = np.asarray(Image.open(tmp_path / "photo.png").convert("RGB"))
    assert np.abs(gray_of(tmp_path / "out.png") - luminance(wanted, 255)).max() <= 1.5


def test_webp_has_a_largest_side(run: Run, needs: Needs, tmp_path: Path) -> None:
    needs("libwebp")
    make_photo(tmp_path / "long.png", 16400, 16)
    result = run("long.png", "-o", "out.webp")
    assert result.returncode == 1 and b"16383" in result.stderr and not (tmp_path / "out.webp").exists()


def test_chroma_is_whole_in_good_jpegs(run: Run, needs: Needs, tmp_path: Path, photo: Path) -> None:
    needs("libjpeg")
    for quality, factor in ((90, 1), (80, 2)):
        assert run(photo, "-o", f"{quality}.jpg", "-q", quality).returncode == 0
        data = (tmp_path / f"{quality}.jpg").read_bytes()
        at = data.index(b"\xff\xc0") # baseline frame: first component's sampling factors
        assert data[at + 11] == 16 * factor + factor


def test_same_format(run: Run, needs: Needs, tmp_path: Path) -> None:
    """Formats that are only read become PNG."""
    needs("libtiff", "libwebp", "libjpeg")
    (tmp_path / "album").mkdir()
    for name in ("a.jpeg", "b.webp", "c.tif", "d.pgm", "e.png"):
        make_photo(tmp_path / "album" / name, 40, 40)
    assert run("album", "--out-dir", "out", "-f", "same").returncode == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.jpg", "b.webp", "c.tiff", "d.png", "e.png"]
    assert [Image.open(tmp_path / "out" / n).format for n in ("a.jpg", "b.webp", "c.tiff")] == ["JPEG", "WEBP", "TIFF"]


# ---------------------------------------------------------------- files that are not what they say

def sample(run: Run, tmp_path: Path, ending: str) -> bytes:
    """A whole file of the format, of a picture that does not compress to nothing."""
    path = tmp_path / f"whole.{ending}"
    noise = np.random.default_rng(3).integers(0, 255, (60, 90)).astype(np.uint8)
    if ending == "jxl":
        Image.fromarray(noise).save(tmp_path / "whole.png")
        assert run("whole.png", "-o", path, "--no-mark", "--force").returncode == 0
    else:
        Image.fromarray(noise).save(path)
    return path.read_bytes()


def outcomes(run: Run, folder: Path, ending: str) -> dict[str, str]:
    """What became of each file of the folder: done or error, and its message."""
    result = run(folder, "--out-dir", "out", "-f", "png", "--json", "--force")
    assert result.returncode in (0, 1), result.stderr[-2000:]
    events = [json.loads(line) for line in result.stderr.decode().splitlines()]
    assert events[-1]["event"] == "end"
    ended = {Path(e["input"]).stem: e["message"] if e["event"] == "error" else "done"
             for e in events if e["event"] in ("done", "error")}
    assert len(ended) == len(list(folder.iterdir()))
    names = {p.stem for p in (folder.parent / "out").iterdir()}
    assert names == {name for name, how in ended.items() if how == "done"}, "nothing half-written, nothing left over"
    return ended


@pytest.mark.parametrize("ending", [*CODECS, "bmp", "ppm"])
def test_cut_files(run: Run, needs: Needs, tmp_path: Path, ending: str) -> None:
    """Every file that lacks a part of its pixels is refused with a message."""
    if ending in CODECS and ending not in ("jpg", "png"):
        needs(CODECS[ending])
    data, folder = sample(run, tmp_path, ending), tmp_path / "cut"
    folder.mkdir()
    for i, length in enumerate(np.linspace(1, len(data) * 0.9, 40).astype(int)):
        (folder / f"{i}.{ending}").write_bytes(data[:length])
    ended = outcomes(run, folder, ending)
    assert all(how not in ("done", "") for how in ended.values()), ended


@pytest.mark.parametrize("ending", [*CODECS, "bmp", "ppm"])
def test_damaged_files(run: Run, needs: Needs, tmp_path: Path, ending: str) -> None:
    """Wrong bytes give a picture or a message, never a crash."""
    if ending in CODECS and ending not in ("jpg", "png"):
        needs(CODECS[ending])
    data, folder = sample(run, tmp_path, ending), tmp_path / "damaged"
    folder.mkdir()
    generator = np.random.default_rng(11)
    for i in range(60):
        damaged = bytearray(data)
        end = min(len(data), 200) if i % 2 else len(data) # heads are where sizes stand
        for at in generator.integers(2, end, generator.integers(1, 6)):
            damaged[at] = generator.integers(256)
        (folder / f"{i}.{ending}").write_bytes(damaged)
    outcomes(run, folder, ending)


def test_claims_of_size(run: Run, needs: Needs, tmp_path: Path) -> None:
    """Sizes that no memory holds are refused from the header."""
    needs("libtiff", "libwebp")
    folder = tmp_path / "claims"
    folder.mkdir()
    write_tiff(tmp_path / "photo.tif", np.zeros((20, 20, 1), np.uint8))
    data = (tmp_path / "photo.tif").read_bytes()
    for tag in (b"\x00\x01", b"\x01\x01"):
        at = data.index(tag + b"\x03\x00\x01\x00\x00\x00")
        data = data[:at + 8] + (65535).to_bytes(4, "little") + data[at + 12:]
    (folder / "large.tif").write_bytes(data)
    (folder / "huge.ppm").write_bytes(b"P6 65535 65535 65535\n" + bytes(1000))
    (folder / "text.webp").write_bytes(b"RIFF\xff\xff\xff\xffWEBPVP8X\n\0\0\0" + b"\xff" * 40)
    ended = outcomes(run, folder, "")
    assert "65535 x 65535 pixels" in ended["large"] and all(how != "done" for how in ended.values())


def test_png_with_a_wrong_checksum(run: Run, needs: Needs, tmp_path: Path, photo: Path) -> None:
    needs("libpng")
    data = bytearray(photo.read_bytes())
    at = data.index(b"IDAT") + len(dict(png_chunks(bytes(data)))[b"IDAT"]) + 4
    data[at] ^= 1
    (tmp_path / "bad.png").write_bytes(data)
    result = run("bad.png", "-o", "out.png")
    assert result.returncode == 1 and b"PNG: " in result.stderr and not (tmp_path / "out.png").exists()
