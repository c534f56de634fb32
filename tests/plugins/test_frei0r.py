# SPDX-License-Identifier: BSD-2-Clause
"""The frei0r filter in FFmpeg, GStreamer and MLT; its frames beside the library's own, and its colours in time."""
from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from flicker import ENVIRONMENT, SIZE, Filter, Frames, colorize, flicker, pan
from reference import PHOTOS, gray_photo, need
from tests.color import chroma, luminance
from tools.colorizer import Colorizer

COFFEE, BOATS, CAT = (PHOTOS / f"{name}.jpg" for name in ("coffee", "nagasaki-boats", "chelsea"))


def frame_by_frame(clip: Frames, **settings: float) -> Frames:
    """What the library makes of each frame alone. As RGB, for a frame comes to the filter so."""
    with Colorizer() as c:
        for name, value in settings.items():
            c.set(name, value)
        return np.stack([c.colorize(np.repeat(frame[..., None], 3, axis=2)) for frame in clip])


# ---------------------------------------------------------------- the hosts

def test_ffmpeg_without_smoothing_is_the_library() -> None:
    clip = pan(COFFEE, 3, (3, 1), 2)
    assert np.array_equal(colorize(clip, smoothing=0), frame_by_frame(clip))


def test_the_command_line_of_the_manual(tmp_path: Path) -> None:
    """The one for FFmpeg in docs/plugins.md, by a shell."""
    manual = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text()
    Image.fromarray(gray_photo("coffee.jpg", *SIZE)).save(tmp_path / "photo.png")
    subprocess.run([need("ffmpeg"), "-v", "error", "-i", "photo.png", "-c:v", "ffv1", "film.mkv"], cwd=tmp_path, check=True)
    line = next(line for line in manual.splitlines() if line.startswith("ffmpeg "))
    subprocess.run(line, shell=True, check=True, cwd=tmp_path, env=ENVIRONMENT, stdin=subprocess.DEVNULL, timeout=300)
    subprocess.run([need("ffmpeg"), "-v", "error", "-i", "out.mkv", "out.png"], cwd=tmp_path, check=True)
    assert float(np.ptp(np.array(Image.open(tmp_path / "out.png").convert("RGB")).astype(int), axis=2).mean()) > 10


def test_settings() -> None:
    clip = pan(COFFEE, 1, (0, 0), 0)
    result = colorize(clip, strength=0.6, vividness=0.8, smoothing=0)
    assert np.array_equal(result, frame_by_frame(clip, strength=0.6, vividness=1.6))
    assert np.array_equal(colorize(clip, strength=0), np.repeat(clip[..., None], 3, axis=3))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    image = Image.fromarray(gray_photo("coffee.jpg", *SIZE)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(SIZE))
    image.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_gstreamer(photo: Path, tmp_path: Path) -> None:
    subprocess.run(
        [need("gst-launch-1.0"), "-q", "filesrc", f"location={photo}", "!", "pngdec", "!", "videoconvert", "!",
         "video/x-raw,format=RGBA", "!", "frei0r-filter-colorizer", "smoothing=0", "vividness=0.7", "!", "filesink",
         f"location={tmp_path / 'out.raw'}"],
        env={**ENVIRONMENT, "GST_REGISTRY": str(tmp_path / "registry")}, timeout=300, check=True)
    source, (width, height) = np.asarray(Image.open(photo)), SIZE
    out = np.fromfile(tmp_path / "out.raw", np.uint8).reshape(height, width, 4)
    assert np.array_equal(out[..., :3], frame_by_frame(source[None, ..., 0], vividness=1.4)[0])
    assert np.array_equal(out[..., 3], source[..., 3])


def test_melt(tmp_path: Path) -> None:
    width, height = SIZE
    Image.fromarray(gray_photo("coffee.jpg", width, height)).convert("RGBA").save(tmp_path / "photo.png")
    (tmp_path / "profile").write_text(  # without a description melt itself crashes
        f"description=test\nwidth={width}\nheight={height}\nframe_rate_num=25\nframe_rate_den=1\nprogressive=1\nsample_aspect_num=1\n"
        f"sample_aspect_den=1\ndisplay_aspect_num={width}\ndisplay_aspect_den={height}\ncolorspace=709\n")
    subprocess.run(
        [need("melt"), "-silent", "-profile", str(tmp_path / "profile"), f"avformat:{tmp_path / 'photo.png'}", "out=2",
         "-filter", "frei0r.colorizer", "2=0", "-consumer", f"avformat:{tmp_path / 'out.raw'}", "f=rawvideo",
         "vcodec=rawvideo", "pix_fmt=rgb24", "mlt_image_format=rgb", "real_time=-1"],
        env=ENVIRONMENT, capture_output=True, timeout=300, check=True)
    frames = np.fromfile(tmp_path / "out.raw", np.uint8).reshape(-1, height, width, 3)
    expected = frame_by_frame(gray_photo("coffee.jpg", width, height)[None])[0]
    assert len(frames) >= 3 and all(np.array_equal(frame, expected) for frame in frames)


# ---------------------------------------------------------------- in time

@pytest.mark.parametrize(("photo", "step"), [
    (COFFEE, (2.0, 1.0)), (BOATS, (2.0, 1.0)), (CAT, (0.4, 0.0)), (CAT, (0.0, 0.0))])
def test_flicker_is_less_than_half(photo: Path, step: tuple[float, float]) -> None:
    clip = pan(photo, 12, step, noise=6)
    plain, smooth = (flicker(colorize(clip, smoothing=s), step) for s in (0, 0.5))
    print(f"{photo.stem} {step}: {plain:.3f} without, {smooth:.3f} with smoothing")
    assert smooth < plain / 2


def test_luminance_is_each_frame_s_own() -> None:
    clip = pan(CAT, 8, (2, 1), noise=6)
    assert np.abs(luminance(colorize(clip, smoothing=1), 255) - clip).max() <= 1


def test_colours_stay_as_strong() -> None:
    """Averaging takes flicker away, not colour."""
    clip = pan(CAT, 12, (2, 1), noise=3)
    plain, smooth = (np.linalg.norm(chroma(colorize(clip, smoothing=s)[-1], 255), axis=-1).mean() for s in (0, 1))
    assert 0.9 < smooth / plain < 1.1


def test_first_frame_is_the_library_s() -> None:
    """It goes another way, through floats: a code may differ where one lies between two."""
    clip = pan(COFFEE, 1, (0, 0), 4)
    difference = np.abs(colorize(clip).astype(int) - frame_by_frame(clip))
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def test_cut_forgets() -> None:
    """The frames behind a cut are those of a clip that begins there, to the bit; within a scene they are not."""
    one, two = pan(COFFEE, 5, (2, 1), noise=4), pan(BOATS, 4, (2, 1), noise=4)
    both = colorize(np.concatenate([one, two]))
    assert np.array_equal(both[5:], colorize(two))
    assert not np.array_equal(both[2:5], colorize(one[2:]))


def test_change_within_a_scene() -> None:
    """A part of the picture that is replaced takes its own colour at once; the rest keeps its history."""
    clip = np.repeat(gray_photo("coffee.jpg", *SIZE)[None], 8, axis=0)
    patch = gray_photo("chelsea.jpg", *SIZE)[60:140, 100:200]
    clip[5:, 100:180, 40:140] = patch
    plain, smooth = chroma(colorize(clip, smoothing=0), 255), chroma(colorize(clip, smoothing=1), 255)
    inside, outside = np.s_[104:176, 44:136], np.s_[:80, 180:]
    late = np.linalg.norm(smooth[5] - plain[5], axis=-1)
    before = np.linalg.norm(plain[4] - plain[5], axis=-1)
    assert late[inside].mean() < 0.25 * before[inside].mean()
    assert np.linalg.norm(smooth[5] - smooth[4], axis=-1)[outside].mean() < 0.5 * before[outside].mean()


def test_same_bits_with_lesser_kernels() -> None:
    clip = pan(CAT, 4, (1.3, 0.6), noise=4)
    assert np.array_equal(colorize(clip), colorize(clip, COLORIZER_CPU="avx2"))


# ---------------------------------------------------------------- the interface itself

def test_parameters() -> None:
    f = Filter(64, 64)
    assert [f.value(i) for i in range(3)] == [1, 0.5, 0.5]
    assert [f.value(0, v) for v in (0.25, -1, 7, math.inf, math.nan)] == [0.25, 0, 1, 1, 0]
    assert f.value(3, 0.5) == 0.5 and f.value(-1, 0.5) == 0.5  # unknown: untouched
    assert [f.value(i) for i in range(3)] == [0, 0.5, 0.5]
    f.close()


def test_sizes_that_cannot_be() -> None:
    for width, height in (0, 8), (8, 0), (70000, 8), (8, 2**31):
        assert Filter(width, height).handle is None
    Filter(0, 0).close()  # NULL


@pytest.mark.parametrize("smoothing", [0, 1])
def test_any_size(smoothing: float) -> None:
    """frei0r promises multiples of 8, and hosts do not keep to it."""
    gray = gray_photo("coffee.jpg", 101, 67)
    f = Filter(101, 67)
    f.value(2, smoothing)
    for time in range(3):
        out = f.frame(time, gray)
        assert np.array_equal(out[..., 3], np.full_like(gray, 255))
        assert np.abs(out[..., :3].astype(int) - frame_by_frame(gray[None])[0]).max() <= smoothing
    f.close()


def test_going_back_forgets() -> None:
    """A host that seeks back gets what a new instance would give."""
    frames = pan(CAT, 3, (0, 0), noise=5)
    f, fresh = Filter(*SIZE), Filter(*SIZE)
    first = [f.frame(t, frames[t]) for t in range(3)]
    assert np.array_equal(f.frame(0, frames[2]), fresh.frame(0, frames[2]))
    assert not np.array_equal(first[2], fresh.frame(0, frames[2]))
    f.close()
    fresh.close()
