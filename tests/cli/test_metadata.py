# SPDX-License-Identifier: BSD-2-Clause
"""EXIF, XMP, IPTC, resolution, orientation, the mark, and C2PA manifests. ExifTool writes the inputs and reads the
outputs: it shares no code with the libraries of the command."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, Needs, Run, make_photo
from pictures import png_chunks, png_of_chunks, waves, write_tiff

pytestmark = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
MODEL = ROOT / "models" / "default.czw"
CODECS = {"jpg": "libjpeg", "png": "libpng", "tiff": "libtiff", "webp": "libwebp", "jxl": "libjxl"}
KEPT = {"EXIF:Artist": "Ann Author", "EXIF:DateTimeOriginal": "1936:03:09 12:00:00", "EXIF:FNumber": 8,
        "EXIF:ImageDescription": "A camp", "EXIF:GPSLatitude": 35.25, "XMP-dc:Title": "Mother",
        "XMP-dc:Subject": ["camp", "tent"], "XMP-xmp:Rating": 4}


def exiftool(*arguments: object) -> str:
    return subprocess.run(["exiftool", "-q", "-q", *map(str, arguments)], capture_output=True, text=True, check=True,
                          timeout=60).stdout


def tags(path: Path) -> dict[str, Any]:
    """Every tag as Group:Name; numbers are not made into words."""
    found = {}
    for key, value in json.loads(exiftool("-j", "-n", "-G0:1", "-a", path))[0].items():
        group, _, name = key.rpartition(":")
        zero, _, one = group.partition(":")
        found[f"{one if zero == 'XMP' else zero}:{name}"] = value
    return found


def density(path: Path) -> list[float]:
    """Pixels an inch, across and down, as PIL reads them."""
    return [float(v) for v in Image.open(path).info["dpi"]]


def described(path: Path) -> Path:
    """Adds KEPT, IPTC and 240 pixels an inch to a picture."""
    fields = [f"-{k}={v}" for k, v in KEPT.items() if not isinstance(v, list)]
    exiftool("-overwrite_original", "-n", *fields, "-XMP-dc:Subject=camp", "-XMP-dc:Subject=tent", "-EXIF:GPSLatitudeRef=N",
             "-IPTC:Keywords=history", "-EXIF:XResolution=240", "-EXIF:YResolution=240", "-EXIF:ResolutionUnit=2", path)
    return path


@pytest.mark.parametrize("to", CODECS)
@pytest.mark.parametrize("of", ["jpg", "png", "tiff", "webp"])
def test_metadata_are_kept(run: Run, needs: Needs, tmp_path: Path, of: str, to: str) -> None:
    needs("gexiv2", CODECS[of], CODECS[to])
    make_photo(tmp_path / f"photo.{of}", 48, 32)
    described(tmp_path / f"photo.{of}")
    assert run(f"photo.{of}", "-o", f"out.{to}").returncode == 0
    found = tags(tmp_path / f"out.{to}")
    assert {k: found.get(k) for k in KEPT} == KEPT
    assert (found["EXIF:XResolution"], found["EXIF:YResolution"], found["EXIF:ResolutionUnit"]) == (240, 240, 2)
    if of != "webp" and to not in ("jxl", "webp"): # which have no place for it
        assert found.get("IPTC:Keywords") == "history"
    assert "EXIF:StripOffsets" not in found or to == "tiff"
    assert not any("Warning" in k or "Error" in k for k in found), found


@pytest.mark.parametrize("to", ["webp", "jxl"])
def test_iptc_goes_into_xmp(run: Run, needs: Needs, tmp_path: Path, to: str) -> None:
    """Where a format has no place for IPTC: what XMP has stays, what it has no property for is named in a warning."""
    needs("gexiv2", "libjpeg", CODECS[to])
    make_photo(tmp_path / "photo.jpg", 48, 32)
    exiftool("-overwrite_original", "-IPTC:Keywords=camp", "-IPTC:Keywords=tent", "-IPTC:Caption-Abstract=A camp", "-IPTC:City=Nipomo",
             "-IPTC:By-line=Ann Author", "-IPTC:By-line=Bo Author", "-IPTC:DateCreated=1936:03:09", "-IPTC:TimeCreated=12:00:00+00:00",
             "-IPTC:Headline=No", "-XMP-photoshop:Headline=Yes", "-IPTC:Sub-location=Fields", "-IPTC:CopyrightNotice=\u00a9 Zo\u00eb",
             "-IPTC:EditStatus=final", tmp_path / "photo.jpg")
    result = run("photo.jpg", "-o", f"out.{to}")
    assert result.returncode == 0
    found = tags(tmp_path / f"out.{to}")
    assert found["XMP-dc:Subject"] == ["camp", "tent"] and found["XMP-dc:Description"] == "A camp"
    assert found["XMP-dc:Creator"] == ["Ann Author", "Bo Author"] and found["XMP-dc:Rights"] == "\u00a9 Zo\u00eb"
    assert found["XMP-photoshop:City"] == "Nipomo" and found["XMP-photoshop:Headline"] == "Yes"
    assert found["XMP-iptcCore:Location"] == "Fields"
    assert found["XMP-photoshop:DateCreated"].startswith("1936:03:09 12:00:00")
    assert result.stderr.count(b"left out") == 1 and b"EditStatus" in result.stderr


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_what_cannot_be_kept_is_told(run: Run, needs: Needs, tmp_path: Path, ending: str) -> None:
    """By a build without gexiv2. Else it is kept, and nothing said."""
    if ending == "webp":
        needs("libwebp")
    make_photo(tmp_path / "plain.png", 48, 32)
    exif = Image.Exif()
    exif[0x013B] = "Ann Author"
    Image.open(tmp_path / "plain.png").save(tmp_path / f"photo.{ending}", exif=exif)
    result = run(f"photo.{ending}", "-o", "out.png", "--no-mark")
    told = b"left out: this build has no gexiv2" in result.stderr
    assert result.returncode == 0 and told == (b"without gexiv2" in run("--version").stdout)


def test_metadata_go_through_jxl(run: Run, needs: Needs, tmp_path: Path) -> None:
    needs("gexiv2", "libjpeg", "libjxl")
    make_photo(tmp_path / "photo.jpg", 48, 32)
    described(tmp_path / "photo.jpg")
    assert run("photo.jpg", "-o", "out.jxl").returncode == 0
    assert run("out.jxl", "-o", "out.jpg", "--force").returncode == 0
    found = tags(tmp_path / "out.jpg")
    assert {k: found.get(k) for k in KEPT} == KEPT
    assert found["XMP-xmpMM:HistoryAction"] == ["edited", "edited"]


@pytest.mark.parametrize("to", ["jpg", "png", "tiff"])
@pytest.mark.parametrize("of", ["jpg", "png", "tiff"])
def test_resolution_without_exif(run: Run, needs: Needs, tmp_path: Path, of: str, to: str) -> None:
    needs(CODECS[of], CODECS[to])
    gray = Image.fromarray(np.round(waves(48, 32) * 255).astype(np.uint8))
    gray.save(tmp_path / f"photo.{of}", dpi=(300, 150))
    assert run(f"photo.{of}", "-o", f"out.{to}").returncode == 0
    assert np.allclose(density(tmp_path / f"out.{to}"), (300, 150), atol=0.02)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(run: Run, needs: Needs, tmp_path: Path, orientation: int) -> None:
    """A picture stored in any of the eight ways becomes the same upright one."""
    needs("gexiv2", "libpng", "libtiff")
    upright = np.round(waves(60, 40) * 255).astype(np.uint8)
    turns = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
             5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
             8: Image.Transpose.ROTATE_270}
    stored = Image.fromarray(upright)
    stored.save(tmp_path / "upright.png")
    if orientation > 1: # ROTATE_90 is to the left: what EXIF's 6 turns back
        stored = stored.transpose(turns[orientation])
    stored.save(tmp_path / "stored.png", dpi=(300, 150))
    exiftool("-overwrite_original", "-n", f"-Orientation={orientation}", f"-XMP-tiff:Orientation={orientation}",
             f"-ExifImageWidth={stored.width}", f"-ExifImageHeight={stored.height}", tmp_path / "stored.png")
    write_tiff(tmp_path / "stored.tiff", np.asarray(stored)[:, :, None], orientation=orientation)
    assert run("upright.png", "-o", "wanted.png").returncode == 0
    wanted = np.asarray(Image.open(tmp_path / "wanted.png"))
    for name in ("stored.png", "stored.tiff"):
        for ending in ("png", "tiff"):
            out = tmp_path / f"{name}-out.{ending}"
            assert run(name, "-o", out).returncode == 0
            assert np.array_equal(np.asarray(Image.open(out)), wanted), (name, ending)
            found = tags(out)
            assert found.get("EXIF:Orientation", 1) == 1 and found.get("XMP-tiff:Orientation", 1) == 1
            if name == "stored.png":
                assert (found["EXIF:ExifImageWidth"], found["EXIF:ExifImageHeight"]) == (60, 40)
                turned = (150, 300) if orientation >= 5 else (300, 150)
                assert np.allclose(density(out), turned, atol=0.02)


def test_old_thumbnail_goes(run: Run, needs: Needs, tmp_path: Path) -> None:
    needs("gexiv2", "libjpeg")
    make_photo(tmp_path / "photo.jpg", 48, 32)
    make_photo(tmp_path / "small.jpg", 16, 16)
    exiftool("-overwrite_original", "-Artist=A", f"-ThumbnailImage<={tmp_path / 'small.jpg'}", tmp_path / "photo.jpg")
    assert "EXIF:ThumbnailImage" in tags(tmp_path / "photo.jpg")
    assert run("photo.jpg", "-o", "out.jpg").returncode == 0
    assert not any("Thumbnail" in k for k in tags(tmp_path / "out.jpg"))


def test_damaged_exif_does_not_stop_the_work(run: Run, needs: Needs, tmp_path: Path) -> None:
    needs("gexiv2", "libjpeg")
    make_photo(tmp_path / "photo.jpg", 48, 32)
    data = described(tmp_path / "photo.jpg").read_bytes()
    generator = np.random.default_rng(5)
    at = data.index(b"Exif\0\0") + 6
    for i in range(40):
        damaged = bytearray(data)
        for place in generator.integers(at, at + 300, 12):
            damaged[place] = generator.integers(256)
        (tmp_path / f"{i}.jpg").write_bytes(damaged)
    result = run(*(f"{i}.jpg" for i in range(40)), "-o", "out", "-f", "jpg", "--json")
    kinds = [json.loads(line)["event"] for line in result.stderr.decode().splitlines()]
    assert kinds[-1] == "end" and kinds.count("done") + kinds.count("error") == 40 and kinds.count("done") > 20


# ---------------------------------------------------------------- the mark

@pytest.mark.parametrize("to", CODECS)
def test_output_is_marked(run: Run, needs: Needs, photo: Path, tmp_path: Path, to: str) -> None:
    """With or without gexiv2, as long as the format's library is there."""
    needs(CODECS[to])
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert run(photo, "-o", f"out.{to}", "--strength", 0.5, "--hint", "3,4=#804020", "--size", 128).returncode == 0
    found = tags(tmp_path / f"out.{to}")
    assert found["XMP-iptcExt:DigitalSourceType"] == SOURCE_TYPE
    assert found["XMP-iptcExt:AISystemUsed"].endswith("model default")
    assert digest in found["XMP-iptcExt:AISystemVersionUsed"] and digest in (ROOT / "models/default.md").read_text()
    assert found["XMP-xmpMM:HistorySoftwareAgent"].startswith("libcolorizer ")
    for setting in ("strength 0.5", "vividness 1", "working size 128", "hints 1", digest):
        assert setting in found["XMP-xmpMM:HistoryParameters"]


@pytest.mark.parametrize("to", CODECS)
def test_no_mark(run: Run, needs: Needs, photo: Path, tmp_path: Path, to: str) -> None:
    needs(CODECS[to])
    assert run(photo, "-o", f"out.{to}", "--no-mark").returncode == 0
    assert not any(k.startswith("XMP") or "SHA" in str(v) for k, v in tags(tmp_path / f"out.{to}").items())


def test_mark_names_another_model(run: Run, needs: Needs, photo: Path, tmp_path: Path) -> None:
    needs("libpng")
    (tmp_path / "copy.czw").write_bytes(MODEL.read_bytes())
    assert run(photo, "-o", "out.png", "-m", "copy.czw").returncode == 0
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert digest in tags(tmp_path / "out.png")["XMP-iptcExt:AISystemVersionUsed"]


def test_marked_on_standard_output(run: Run, needs: Needs, photo: Path, tmp_path: Path) -> None:
    needs("libpng")
    (tmp_path / "out.png").write_bytes(run("-", "-o", "-", data=photo.read_bytes()).stdout)
    assert tags(tmp_path / "out.png")["XMP-iptcExt:DigitalSourceType"] == SOURCE_TYPE


def test_old_codecs_say_that_they_do_not_mark(run: Run, photo: Path) -> None:
    result = run(photo, "-o", "out.jpg")
    version = run("--version").stdout
    assert (b"not marked" in result.stderr) == (b"without libjpeg" in version and b"without gexiv2" in version)


# ---------------------------------------------------------------- C2PA

def jumbf() -> bytes:
    """The outer box of a C2PA manifest store."""
    kind = b"c2pa" + bytes.fromhex("00110010800000aa00389b71")
    description = kind + b"\x03c2pa\0"
    box = (8 + len(description)).to_bytes(4, "big") + b"jumd" + description
    return (8 + len(box)).to_bytes(4, "big") + b"jumb" + box


@pytest.mark.parametrize("ending", ["jpg", "png", "tiff", "webp", "jxl"])
def test_manifest_is_dropped_with_a_warning(run: Run, needs: Needs, tmp_path: Path, ending: str) -> None:
    needs(CODECS[ending])
    make_photo(tmp_path / "plain.png", 48, 32)
    path = tmp_path / f"photo.{ending}"
    if ending == "jxl":
        assert run("plain.png", "-o", path, "--no-mark").returncode == 0
    else:
        make_photo(path, 48, 32)
    data, box = path.read_bytes(), jumbf()
    if ending == "jpg": # APP11: JP, instance, number, box
        segment = b"JP\0\x01\0\0\0\x01" + box
        data = data[:2] + b"\xff\xeb" + (2 + len(segment)).to_bytes(2, "big") + segment + data[2:]
    elif ending == "png":
        chunks = png_chunks(data)
        data = png_of_chunks([chunks[0], (b"caBX", box), *chunks[1:]])
    elif ending == "tiff":
        data = Image.open(path)
        data.save(path, tiffinfo={0xCD41: box})
        data = path.read_bytes()
    elif ending == "webp":
        box += bytes(len(box) % 2)
        data += b"C2PA" + len(box).to_bytes(4, "little") + box
        data = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    elif data[:2] == b"\xff\x0a": # a bare codestream goes into a container
        data = (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl " + box +
                (8 + len(data)).to_bytes(4, "big") + b"jxlc" + data)
    else:
        data += box
    path.write_bytes(data)
    result = run(path, "-o", f"out.{ending}", "--force")
    assert result.returncode == 0 and b"C2PA manifest" in result.stderr, result.stderr
    assert b"c2pa" not in (tmp_path / f"out.{ending}").read_bytes()
    assert b"C2PA" not in run("plain.png", "-o", "out2.png").stderr
