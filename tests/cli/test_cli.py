# SPDX-License-Identifier: BSD-2-Clause
"""The command `colorizer`, from the outside."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import time
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import COMMAND, Run, make_photo
from tests.color import luminance


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob(".colorizer-*"))


def test_png_keeps_size_and_luminance(run: Run, photo: Path, tmp_path: Path) -> None:
    result = run(photo, "-o", "out.png", "--no-mark") # a build that cannot mark would say so
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    out = Image.open(tmp_path / "out.png")
    assert (out.size, out.mode) == ((48, 32), "RGB")
    # The library keeps luminance to 1 of 255 (asserted in its own tests); the rounding of three channels adds to it.
    assert np.abs(luminance(np.asarray(out), 255) - np.asarray(Image.open(photo))).max() <= 2.0
    assert leftovers(tmp_path) == []


def test_jpg_by_name_and_by_format(run: Run, photo: Path, tmp_path: Path) -> None:
    assert run(photo, "-o", "a.jpg", "-q", 70).returncode == 0
    assert run(photo, "-o", "b.dat", "-f", "jpg").returncode == 0
    assert [Image.open(tmp_path / name).format for name in ("a.jpg", "b.dat")] == ["JPEG", "JPEG"]


def test_existing_file_is_kept_without_y(run: Run, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"precious")
    result = run(photo, "-o", "out.png")
    assert result.returncode == 1 and b"out.png exists" in result.stderr
    assert (tmp_path / "out.png").read_bytes() == b"precious"
    assert run(photo, "-o", "out.png", "-y").returncode == 0
    assert Image.open(tmp_path / "out.png").size == (48, 32)
    assert leftovers(tmp_path) == []


def test_own_input_is_kept_without_y(run: Run, photo: Path, tmp_path: Path) -> None:
    before = photo.read_bytes()
    (tmp_path / "link.png").hardlink_to(photo)
    for output in ("photo.png", "./photo.png", "link.png"):
        result = run("photo.png", "-o", output)
        assert result.returncode == 1 and b"is the input itself" in result.stderr
    assert photo.read_bytes() == before
    assert run("photo.png", "-o", "photo.png", "-y").returncode == 0
    assert Image.open(photo).mode == "RGB"


def test_symbolic_link_is_written_through(run: Run, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to("real.png")
    assert run(photo, "-o", "link.png", "-y").returncode == 0
    assert (tmp_path / "link.png").is_symlink()
    assert Image.open(tmp_path / "real.png").size == (48, 32)


def test_device_is_never_replaced(run: Run, photo: Path) -> None:
    result = run(photo, "-o", "/dev/null", "-f", "png", "-y")
    assert result.returncode == 1 and b"is not a file" in result.stderr
    assert Path("/dev/null").is_char_device()


def test_directory_input(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    (folder / "inner").mkdir(parents=True)
    for name in ("b.png", "a.jpg", "c.pgm", ".hidden.png", "inner/d.png"):
        make_photo(folder / name, 40, 40)
    (folder / "notes.txt").write_text("not a picture")
    assert run(folder, "-o", "out").returncode == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "c.png"]
    assert run(folder, "-o", "out", "-f", "jpg").returncode == 0
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 3


def test_several_inputs_never_make_a_directory_called_like_a_picture(run: Run, photo: Path, tmp_path: Path) -> None:
    assert run(photo, photo, "-o", "out.png").returncode == 2
    assert not (tmp_path / "out.png").exists()


def test_same_output_name_is_refused(run: Run, photo: Path, tmp_path: Path) -> None:
    make_photo(tmp_path / "photo.jpg", 40, 40)
    result = run("photo.png", "photo.jpg", "-o", "out/", "-y")
    assert result.returncode == 1 and b"photo.jpg: an earlier input has the same output name" in result.stderr
    assert Image.open(tmp_path / "out" / "photo.png").size == (48, 32)


def test_stdin_to_stdout(run: Run, photo: Path, tmp_path: Path) -> None:
    result = run("-", "-o", "-", data=photo.read_bytes())
    assert result.returncode == 0
    (tmp_path / "out.png").write_bytes(result.stdout)
    assert run(photo, "-o", "file.png").returncode == 0
    assert result.stdout == (tmp_path / "file.png").read_bytes()


def test_bad_files_do_not_stop_the_others(run: Run, photo: Path, tmp_path: Path) -> None:
    make_photo(tmp_path / "good.png", 40, 40)
    (tmp_path / "text.png").write_text("not a picture at all")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(photo.read_bytes()[:200])
    (tmp_path / "cut.pgm").write_bytes(b"P5 10 10 255\nshort")
    (tmp_path / "bomb.pgm").write_bytes(b"P5 65000 65000 255\n")
    bad = ["text.png", "empty.png", "cut.png", "cut.pgm", "bomb.pgm", "missing.png"]
    result = run("photo.png", *bad, "good.png", "-o", "out")
    assert result.returncode == 1
    for name in bad:
        assert f"colorizer: {name}: ".encode() in result.stderr
    assert b"6 of 8 failed" in result.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["good.png", "photo.png"]


def test_png_that_claims_too_many_pixels(run: Run, photo: Path, tmp_path: Path) -> None:
    data = bytearray(photo.read_bytes())
    data[16:24] = (20000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(data)
    result = run("bomb.png", "-o", "out.png")
    assert result.returncode == 1 and b"20000 x 20000" in result.stderr


def test_a_png_that_is_too_wide(run: Run, tmp_path: Path) -> None:
    """The message is the same as for all formats."""
    Image.new("L", (65536, 1)).save(tmp_path / "wide.png")
    result = run("wide.png", "-o", "out.png")
    assert result.returncode == 1 and b"wide.png: 65536 x 1 pixels; only 1 to 65535 a side" in result.stderr


def test_json_lines(run: Run, photo: Path, tmp_path: Path) -> None:
    odd = tmp_path / 'a "quoted"\n\\name é.png'
    odd.write_bytes(photo.read_bytes())
    result = run(odd, "missing.png", "-o", "out", "--json")
    assert result.returncode == 1
    events = [json.loads(line) for line in result.stderr.decode().splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "start" and kinds[-1] == "end" and {"progress", "done", "error"} <= set(kinds)
    assert events[0]["input"] == str(odd)
    fractions = [event["fraction"] for event in events if event["event"] == "progress"]
    assert fractions == sorted(fractions) and 0 <= fractions[0] and fractions[-1] == 1
    done = next(event for event in events if event["event"] == "done")
    assert (done["width"], done["height"], done["index"], done["count"]) == (48, 32, 1, 2)
    assert events[-1] == {"event": "end", "done": 1, "skipped": 0, "failed": 1}


def test_the_bar_stays_on_its_line(tmp_path: Path) -> None:
    """Whatever the length of a name: the terminal is told to cut (DECAWM off), and to wrap again afterwards."""
    make_photo(tmp_path / f"{'long' * 40}.png", 48, 32)
    leader, follower = pty.openpty()
    with subprocess.Popen([str(COMMAND), *tmp_path.iterdir(), "-o", "out.png"], stderr=follower, cwd=tmp_path) as process:
        os.close(follower)
        shown = b""
        with suppress(OSError): # how Linux tells that the other end is closed
            while part := os.read(leader, 4096):
                shown += part
    os.close(leader)
    bars = shown.split(b"\033[?7l\r[")[1:]
    assert process.returncode == 0 and len(bars) == shown.count(b"%") >= 2
    assert all(b"%" in bar.split(b"\033[?7h")[0] for bar in bars) and shown.count(b"\033[?7h") == len(bars)


def test_json_of_a_name_that_is_not_utf8(run: Run, tmp_path: Path) -> None:
    result = subprocess.run(
        [bytes(COMMAND), b"bad\xff\xc0\x80.png", b"-o", b"out.png", b"--json"],
        capture_output=True, cwd=tmp_path, timeout=60, check=False,
    )
    events = [json.loads(line) for line in result.stderr.decode().splitlines()]
    assert events[0]["input"] == "bad\ufffd\ufffd\ufffd.png" and result.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """The command is held up, so that it cannot be done before the signal comes: the pipe to which it tells its progress
    takes its first line and then is full."""
    line = [str(COMMAND), "large.png", "large.png", "-o", "out/", "--json", "-j", "1"]
    # As there is no picture yet, this tells only the first line's length.
    first = subprocess.run(line, stderr=subprocess.PIPE, cwd=tmp_path, check=False).stderr.splitlines(keepends=True)[0]
    make_photo(tmp_path / "large.png", 2000, 1500)
    reader, writer = os.pipe()
    room = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # a page: one block, which is free again when all is read
    os.write(writer, b"\n" * (room - len(first)))
    # In a background job of a shell SIGINT comes ignored, and the command would leave it so.
    with open(reader, "rb") as told, subprocess.Popen(
            line, stderr=writer, cwd=tmp_path, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)) as process:
        os.close(writer)
        while waiting(reader) < room:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        lines = told.read().split(b"\n")
        assert process.wait(timeout=120) == -number
    assert json.loads(lines[-2]) == {"event": "end", "done": 0, "skipped": 0, "failed": 1}
    assert list((tmp_path / "out").iterdir()) == []


def waiting(pipe: int) -> int:
    """Bytes in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def test_confidence(run: Run, photo: Path, tmp_path: Path) -> None:
    assert run(photo, "-o", "out.png", "--confidence", "sure.png").returncode == 0
    sure = Image.open(tmp_path / "sure.png")
    assert (sure.size, sure.mode) == ((48, 32), "L")
    before = (tmp_path / "sure.png").read_bytes()
    assert run(photo, "-o", "again.png", "--confidence", "sure.png").returncode == 1
    assert (tmp_path / "sure.png").read_bytes() == before and not (tmp_path / "again.png").exists()


def test_confidence_never_replaces_the_coloured_picture(run: Run, photo: Path, tmp_path: Path) -> None:
    """Two names of one file."""
    result = run(photo, "-o", "out.png", "--confidence", "./out.png", "-y")
    assert result.returncode == 1 and b"is the coloured picture itself" in result.stderr
    assert Image.open(tmp_path / "out.png").mode == "RGB"


def test_strength_zero_is_gray(run: Run, photo: Path, tmp_path: Path) -> None:
    assert run(photo, "-o", "out.png", "--strength", 0).returncode == 0
    out = np.asarray(Image.open(tmp_path / "out.png"))
    assert np.array_equal(out, np.repeat(np.asarray(Image.open(photo))[:, :, None], 3, axis=2))


def test_hint_changes_the_picture(run: Run, photo: Path, tmp_path: Path) -> None:
    assert run(photo, "-o", "plain.png").returncode == 0
    assert run(photo, "-o", "red.png", "--hint", "24,16,8=#ff2020").returncode == 0
    plain, red = (np.asarray(Image.open(tmp_path / n)).astype(int) for n in ("plain.png", "red.png"))
    redness = (red[16, 24, 0] - red[16, 24, 2]) - (plain[16, 24, 0] - plain[16, 24, 2])
    assert redness > 10


def test_a_hint_beside_the_picture_is_told(run: Run, photo: Path) -> None:
    """As after a mistake of axes. The last pixel is inside."""
    result = run(photo, "-o", "out.png", "--hint", "47,31=#ff2020", "--hint", "20,32=#ff2020", "--no-mark")
    wanted = f"colorizer: {photo}: warning: the hint at 20,32 does nothing: the picture has 48 x 32 pixels\n"
    assert (result.returncode, result.stderr.decode()) == (0, wanted)


def test_threads_do_not_change_the_bytes(run: Run, photo: Path, tmp_path: Path) -> None:
    for threads in (1, 3):
        assert run(photo, "-o", f"{threads}.png", "-j", threads).returncode == 0
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "3.png").read_bytes()


def test_alpha_is_kept_in_png_and_dropped_in_jpg(run: Run, photo: Path, tmp_path: Path) -> None:
    image = Image.open(photo).convert("LA")
    alpha = np.tile(np.arange(48, dtype=np.uint8) * 5, (32, 1))
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "alpha.png")
    assert run("alpha.png", "-o", "out.png").returncode == 0
    out = Image.open(tmp_path / "out.png")
    assert out.mode == "RGBA" and np.array_equal(np.asarray(out)[:, :, 3], alpha)
    assert b"transparency" not in run("photo.png", "-o", "gray.jpg").stderr
    assert b"transparency is left out: jpg has none" in run("alpha.png", "-o", "out.jpg").stderr
    assert Image.open(tmp_path / "out.jpg").mode == "RGB"


def test_sixteen_bits_give_the_same_as_eight(run: Run, photo: Path, tmp_path: Path) -> None:
    """v * 257 is the same gray in 16 bits, in a PNG and in a PGM with its high byte first."""
    gray = np.asarray(Image.open(photo)).astype(np.uint16) * 257
    Image.fromarray(gray.astype(np.int32), mode="I").save(tmp_path / "deep.png")
    header = f"P5\n# a comment\n{gray.shape[1]} {gray.shape[0]}\n65535\n".encode()
    (tmp_path / "deep.pgm").write_bytes(header + gray.astype(">u2").tobytes())
    for name in ("photo.png", "deep.png", "deep.pgm"):
        assert run(name, "-o", f"out-{name}", "-f", "png").returncode == 0
    outputs = [np.asarray(Image.open(tmp_path / f"out-{n}")).astype(int) for n in ("photo.png", "deep.png", "deep.pgm")]
    assert np.abs(outputs[0] - outputs[1]).max() <= 1
    assert np.array_equal(outputs[1], outputs[2])


USAGE_ERRORS = {
    "no input": ["-o", "x.png"],
    "no output": ["photo.png"],
    "unknown option": ["photo.png", "-o", "x.png", "--colour"],
    "unknown ending": ["photo.png", "-o", "x.gif"],
    "format": ["photo.png", "-o", "x.png", "-f", "gif"],
    "quality": ["photo.png", "-o", "x.jpg", "-q", "101"],
    "quality is a number": ["photo.png", "-o", "x.jpg", "-q", "9x"],
    "threads": ["photo.png", "-o", "x.png", "-j", "65"],
    "strength": ["photo.png", "-o", "x.png", "--strength", "1.01"],
    "strength is finite": ["photo.png", "-o", "x.png", "--strength", "nan"],
    "vividness": ["photo.png", "-o", "x.png", "--vividness", "-0.1"],
    "size": ["photo.png", "-o", "x.png", "--size", "31"],
    "hint without colour": ["photo.png", "-o", "x.png", "--hint", "3,4"],
    "hint with a short colour": ["photo.png", "-o", "x.png", "--hint", "3,4=#fff"],
    "hint with a long colour": ["photo.png", "-o", "x.png", "--hint", "3,4=#ff00001"],
    "hint without a mark": ["photo.png", "-o", "x.png", "--hint", "3,4=ff0000"],
    "hint with one number": ["photo.png", "-o", "x.png", "--hint", "3=#ff0000"],
    "hint before the picture": ["photo.png", "-o", "x.png", "--hint", "-1,4=#ff0000"],
    "hint not finite": ["photo.png", "-o", "x.png", "--hint", "inf,4=#ff0000"],
    "too many hints": ["photo.png", "-o", "x.png"] + ["--hint", "3,4=#ff0000"] * 257,
    "stdin twice": ["-", "-", "-o", "out"],
    "several to stdout": ["photo.png", "photo.png", "-o", "-"],
    "confidence of several": ["photo.png", "photo.png", "-o", "out", "--confidence", "c.png"],
    "confidence is the output": ["photo.png", "-o", "x.png", "--confidence", "x.png"],
    "confidence ending": ["photo.png", "-o", "x.png", "--confidence", "c.txt"],
    "workspace": ["--workspace", "100"],
}


@pytest.mark.parametrize("arguments", USAGE_ERRORS.values(), ids=USAGE_ERRORS.keys())
def test_usage_errors(run: Run, photo: Path, tmp_path: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2 and result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.png"]


def test_model_that_is_not_there(run: Run, photo: Path, tmp_path: Path) -> None:
    result = run(photo, "-o", "x.png", "-m", "none.czw")
    assert result.returncode == 1 and result.stderr.startswith(b"colorizer: none.czw: ")
    assert not (tmp_path / "x.png").exists()


def test_help_version_workspace(run: Run) -> None:
    assert b"--confidence" in run("--help").stdout
    assert run("--version").stdout.startswith(b"colorizer 0.")
    small, large = (int(run("--workspace", size, "-j", 1).stdout) for size in ("64x64", "4000x3000"))
    assert 0 < small <= large


def test_minimal_example_gives_the_command_s_pixels(run: Run, tmp_path: Path) -> None:
    make_photo(tmp_path / "photo.pgm", 48, 32)
    minimal = subprocess.run(
        [COMMAND.parent / "example_minimal"], input=(tmp_path / "photo.pgm").read_bytes(),
        capture_output=True, timeout=300, check=True,
    )
    (tmp_path / "minimal.ppm").write_bytes(minimal.stdout)
    assert run("photo.pgm", "-o", "command.png").returncode == 0
    pictures = [np.asarray(Image.open(tmp_path / name)) for name in ("minimal.ppm", "command.png")]
    assert np.array_equal(*pictures)
    assert subprocess.run([COMMAND.parent / "example_minimal"], input=b"P5 2 2 65535\n", check=False).returncode == 2
