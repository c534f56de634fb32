# SPDX-License-Identifier: BSD-2-Clause
"""Batches that are resumed, and photographs that have colours already."""

import io
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import COMMAND, ROOT, Needs, Run, make_photo

PHOTOS = sorted((ROOT / "examples" / "photos").glob("*.jpg"))


def album(folder: Path, count: int, side: int = 40) -> Path:
    folder.mkdir()
    for i in range(count):
        make_photo(folder / f"{i}.png", side, side)
    return folder


def events(result: subprocess.CompletedProcess[bytes]) -> list[str]:
    return [json.loads(line)["event"] for line in result.stderr.decode().splitlines()]


def test_done_before_is_skipped(run: Run, tmp_path: Path) -> None:
    album(tmp_path / "album", 3)
    first = run("album", "--out-dir", "out", "--no-mark") # a build that cannot mark would say so
    assert first.stderr == b"colorizer: 3 done, 0 skipped (done before), 0 of 3 failed\n"
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    again = run("album", "--out-dir", "out")
    assert again.returncode == 0 and again.stderr == b"colorizer: 0 done, 3 skipped (done before), 0 of 3 failed\n"
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert b"3 done, 0 skipped" in run("album", "--out-dir", "out", "--overwrite").stderr
    assert all(p.stat().st_mtime_ns > t for p, t in before.items())


def test_what_is_older_than_its_input_is_not_done(run: Run, tmp_path: Path) -> None:
    """It is not overwritten without being asked, either."""
    album(tmp_path / "album", 2)
    assert run("album", "--out-dir", "out").returncode == 0
    os.utime(tmp_path / "album" / "0.png")
    os.utime(tmp_path / "out" / "0.png", (1e9, 1e9))
    result = run("album", "--out-dir", "out")
    assert result.returncode == 1 and b"0.png exists" in result.stderr and b"1 skipped" in result.stderr
    assert b"2 done" in run("album", "--out-dir", "out", "-y").stderr


def test_killed_and_started_again(run: Run, tmp_path: Path) -> None:
    """SIGKILL in the middle: what is in place is whole, and the second run does only the rest. The pipe holds a page of
    events, fewer than those of the pictures that are left, so the command cannot be done before the signal comes."""
    count = 60
    album(tmp_path / "album", count)
    line = [str(COMMAND), "album", "--out-dir", "out", "--json", "-j", "1"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, bufsize=0, pipesize=4096, cwd=tmp_path) as process:
        assert process.stderr is not None
        finished = 0
        for text in process.stderr:
            finished += json.loads(text)["event"] == "done"
            if finished == 2:
                time.sleep(1)  # it is held up by then
                process.send_signal(signal.SIGKILL)
                break
        process.stderr.read()
        process.wait(timeout=60)
    there = [p for p in (tmp_path / "out").iterdir() if not p.name.startswith(".")]
    assert 2 <= len(there) < count
    for path in there:
        Image.open(path).load()
    kinds = events(run("album", "--out-dir", "out", "--json"))
    assert kinds.count("skip") == len(there) and kinds.count("done") == count - len(there)


def test_failures_do_not_stop_a_resumed_batch(run: Run, tmp_path: Path) -> None:
    album(tmp_path / "album", 2)
    (tmp_path / "album" / "bad.png").write_text("not a picture")
    for wanted in ({"done": 2, "skipped": 0, "failed": 1}, {"done": 0, "skipped": 2, "failed": 1}):
        result = run("album", "--out-dir", "out", "--json")
        assert result.returncode == 1
        assert json.loads(result.stderr.splitlines()[-1]) == {"event": "end", **wanted}


def test_one_named_file_is_never_skipped(run: Run, photo: Path) -> None:
    assert run(photo, "-o", "out.png").returncode == 0
    result = run(photo, "-o", "out.png")
    assert result.returncode == 1 and b"exists" in result.stderr


def test_the_input_itself_is_not_its_output(run: Run, tmp_path: Path) -> None:
    album(tmp_path / "album", 1)
    before = (tmp_path / "album" / "0.png").read_bytes()
    result = run("album", "--out-dir", "album")
    assert result.returncode == 1 and b"is the input itself" in result.stderr
    assert (tmp_path / "album" / "0.png").read_bytes() == before


def test_out_dir_may_look_like_a_picture(run: Run, photo: Path, tmp_path: Path) -> None:
    assert run(photo, "--out-dir", "album.png").returncode == 0
    assert (tmp_path / "album.png" / "photo.png").is_file()


# ---------------------------------------------------------------- coloured already

def worn(rgb: np.ndarray) -> np.ndarray:
    """With grain in each channel, and through JPEG with halved chroma."""
    noisy = rgb + np.random.default_rng(1).normal(0, 6, rgb.shape)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file)).astype(float)


def toned(gray: np.ndarray, how: str) -> np.ndarray:
    t, (height, width) = gray / 255.0, gray.shape
    y, x = np.mgrid[0:height, 0:width]
    if how == "sepia":
        return 255 * np.stack([t * 1.351, t * 1.203, t * 0.937], axis=2).clip(0, 1)
    if how == "cyanotype":
        return 255 * np.stack([t ** 1.6, (0.15 + 0.85 * t) ** 1.1 * 0.98, 0.35 + 0.62 * t], axis=2).clip(0, 1)
    if how == "faded at one side":
        fade = (0.5 + 0.5 * np.sin(x / width * 4 + 1) * np.cos(y / height * 3))[:, :, None]
        return gray[:, :, None] * (1 - fade * np.array([0, 0.08, 0.25]))
    stain = np.exp(-((x / width - 0.7) / 0.15) ** 2 - ((y / height - 0.3) / 0.15) ** 2)[:, :, None]
    return gray[:, :, None] * np.array([1, 0.93, 0.78]) * (1 - stain * np.array([0.1, 0.2, 0.4]))


@pytest.mark.parametrize("how", ["sepia", "cyanotype", "faded at one side", "stained"])
def test_a_tint_is_not_colour(run: Run, tmp_path: Path, how: str) -> None:
    (tmp_path / "in").mkdir()
    for path in PHOTOS:
        picture = toned(np.asarray(Image.open(path).convert("L")).astype(float), how)
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "in" / f"{path.stem}-new.png")
        Image.fromarray(worn(picture).astype(np.uint8)).save(tmp_path / "in" / f"{path.stem}-worn.png")
    result = run("in", "--out-dir", "out", "-f", "jpg")
    assert result.returncode == 0, result.stderr.decode()


def test_coloured_photographs_are_refused(run: Run, tmp_path: Path) -> None:
    """The command's own outputs, with the mark; and without it, worn and at a small size."""
    assert run(*PHOTOS, "--out-dir", "in", "--vividness", 1).returncode == 0
    for path in list((tmp_path / "in").iterdir()):
        picture = Image.open(path)
        old = Image.fromarray(worn(np.asarray(picture).astype(float)).astype(np.uint8))
        old.save(path.with_stem(path.stem + "-worn"))
        picture.reduce(4).save(path.with_stem(path.stem + "-small"))
    result = run("in", "--out-dir", "out", "--json")
    assert result.returncode == 1
    found = [json.loads(line) for line in result.stderr.decode().splitlines()]
    assert all("--force" in e["message"] for e in found if e["event"] == "error")
    # A print toned in one colour looks like what the model makes of this one, without the mark: blue where it is dark or far.
    assert {Path(e["input"]).stem for e in found if e["event"] == "done"} <= {"alpine-landscape", "alpine-landscape-small"}
    assert run("in", "--out-dir", "out", "--force").returncode == 0


@pytest.mark.parametrize("form, library", [("png", "libpng"), ("jpg", "libjpeg"), ("tiff", "libtiff"),
                                           ("webp", "libwebp"), ("jxl", "libjxl")])
def test_own_outputs_are_known_by_their_mark(run: Run, needs: Needs, photo: Path, tmp_path: Path, form: str, library: str) -> None:
    """Pale ones as well, which could be prints of one tint; and no other picture of such colours."""
    needs(library)
    for name, options in (("marked", []), ("plain", ["--no-mark"])):
        assert run(photo, "-o", f"{name}.{form}", "--strength", 0.05, *options).returncode == 0
    result = run(f"marked.{form}", "-o", "again.png")
    assert result.returncode == 1 and b"libcolorizer coloured it" in result.stderr and b"--force" in result.stderr
    assert not (tmp_path / "again.png").exists()
    assert run(f"marked.{form}", "-o", "again.png", "--force").returncode == 0
    assert run(f"plain.{form}", "-o", "plain-again.png").returncode == 0


def test_a_mark_without_colours_does_not_count(run: Run, needs: Needs, photo: Path, tmp_path: Path) -> None:
    """An output that was made gray again."""
    from pictures import png_chunks, png_of_chunks

    needs("libpng")
    assert run(photo, "-o", "out.png").returncode == 0
    mark = [chunk for chunk in png_chunks((tmp_path / "out.png").read_bytes()) if chunk[0] == b"iTXt"]
    head, *rest = png_chunks(photo.read_bytes())
    (tmp_path / "gray.png").write_bytes(png_of_chunks([head, *mark, *rest]))
    assert len(mark) == 1 and run("gray.png", "-o", "again.png").returncode == 0


def test_a_small_coloured_thing_is_seen(run: Run, tmp_path: Path) -> None:
    """A gray photograph with one red ball."""
    gray = np.asarray(Image.open(PHOTOS[0]).convert("L"))
    picture = gray[:, :, None].repeat(3, axis=2).copy()
    y, x = np.mgrid[0:gray.shape[0], 0:gray.shape[1]]
    ball = (x - 150) ** 2 + (y - 120) ** 2 < (0.1 * gray.shape[0]) ** 2
    picture[ball] = (180, 30, 40)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    result = run("photo.png", "-o", "out.png")
    assert result.returncode == 1 and b"--force" in result.stderr


def test_linear_and_deep_pictures_are_judged_too(run: Run, needs: Needs, tmp_path: Path) -> None:
    from pictures import write_tiff

    needs("libtiff")
    generator = np.random.default_rng(2)
    for dtype, full in ((np.uint16, 65535), (np.float32, 1)):
        flat = np.full((64, 64, 3), 0.4)
        coloured = flat * (0.5 + generator.random((64, 64, 3)).repeat(16, axis=0).repeat(16, axis=1)[:64, :64])
        for name, picture, code in (("gray", flat, 0), ("coloured", coloured, 1)):
            write_tiff(tmp_path / f"{name}.tiff", (picture * full).astype(dtype))
            assert run(f"{name}.tiff", "-o", "out.tiff", "-y").returncode == code
