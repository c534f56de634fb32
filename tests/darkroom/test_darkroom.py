# SPDX-License-Identifier: BSD-2-Clause
"""The program darkroom, by real clicks on a virtual screen."""

import os
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from screen import BUILD, PROGRAM, ROOT, Darkroom, darkroom, virtual_screen
from tests.cli.pictures import ROMM, icc_profile, read_png16, write_png16, write_tiff
from tests.color import chroma, luminance

TOOLS = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
if not PROGRAM.exists() or TOOLS:
    pytest.skip(f"darkroom needs its program (SDL 2, SDL_ttf) and {' and '.join(TOOLS) or 'no other tool'}",
                allow_module_level=True)

SKY, RED = 11, 6  # swatches
VIVIDNESS, STRENGTH = 0, 1  # sliders
UNDO, REDO = 0, 1  # buttons
SWATCH_RGB = {SKY: (127, 178, 229), RED: (179, 38, 46)}

Open = Callable[..., Darkroom]


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with virtual_screen() as name:
        yield name


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A gray photograph in a folder of its own."""
    path = tmp_path / "cup.png"
    Image.open(ROOT / "examples/photos/coffee.jpg").convert("L").save(path)
    return path


@pytest.fixture
def program(display: str, photo: Path) -> Iterator[Darkroom]:
    """The program, once it shows the photograph in colour."""
    with darkroom(display, photo) as started:
        started.wait_title(r"^cup.png - 0 hints, vividness \d.\d\d, strength 1.00 - ready$")
        yield started


def result(photo: Path) -> np.ndarray:
    return np.asarray(Image.open(photo.with_name("cup-colour.png")))


def hue(ab: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(ab[1], ab[0])))


def turn(first: float, second: float) -> float:
    """Degrees between two hues."""
    return abs((first - second + 180) % 360 - 180)


def colour_at(photo: Path, across: float, down: float) -> np.ndarray:
    """Mean a and b of 9 x 9 pixels of the saved picture."""
    rgb = result(photo)[..., :3]
    x, y = round(across * rgb.shape[1]), round(down * rgb.shape[0])
    return chroma(rgb[y - 4 : y + 5, x - 4 : x + 5], 255).reshape(-1, 2).mean(axis=0)


def colourfulness(rgb: np.ndarray) -> float:
    return float(np.ptp(rgb.astype(int), axis=2).mean())


def place_hint(program: Darkroom, swatch: int, across: float, down: float) -> None:
    """A colour first, then the place; waits for the preview."""
    program.click(program.place("swatch", swatch).at())
    with program.until("state ready"):
        program.click(program.place("photo").at(across, down))
    program.key("Escape")


@pytest.mark.parametrize("swatch", [SKY, RED])
def test_hint_colours_its_place_and_keeps_luminance(program: Darkroom, photo: Path, swatch: int) -> None:
    across, down = 0.9, 0.8  # the table
    wanted = chroma(SWATCH_RGB[swatch], 255)
    program.save()
    before = turn(hue(colour_at(photo, across, down)), hue(wanted))
    place_hint(program, swatch, across, down)
    program.wait_title("1 hint, .* - ready$")
    program.save()
    program.wait_title("- saved cup-colour.png$")
    after = turn(hue(colour_at(photo, across, down)), hue(wanted))
    assert after < 6 and after < before
    rgb = result(photo)
    assert rgb.shape == (341, 512, 3)
    # The library keeps luminance to 1 of 255; the rounding of three channels adds to it.
    assert np.abs(luminance(rgb, 255) - np.asarray(Image.open(photo))).max() <= 2
    assert [p.name for p in sorted(photo.parent.iterdir())] == ["cup-colour.png", "cup.png"]


def test_strength_zero_is_gray_and_asks_no_network(program: Darkroom, photo: Path) -> None:
    slider = program.place("slider", STRENGTH)
    program.drag(slider.at(0.97), slider.at(0.5), slider.at(0.0))
    program.wait_title("strength 0.00 - ready$")
    assert " analyze 0.0 ms " in program.logged("preview ")[-1]
    program.save()
    gray = np.asarray(Image.open(photo))
    assert (result(photo) == gray[..., None]).all()
    box = program.place("photo")
    program.wait(lambda: colourfulness(np.asarray(program.picture(box))) < 0.5)


def test_vividness_follows_its_slider(program: Darkroom, photo: Path) -> None:
    measured = []
    for share, text in ((0.03, "0.00"), (0.97, "2.00")):
        program.click(program.place("slider", VIVIDNESS).at(share))
        program.wait_title(f"vividness {text}, .* - ready$")
        program.save()
        measured.append(colourfulness(result(photo)))
    assert measured[1] > 1.3 * measured[0]


def test_divider_shows_before_and_after(program: Darkroom) -> None:
    box = program.place("photo")
    program.drag(box.at(0.0, 0.3), box.at(0.2, 0.3), box.at(0.5, 0.3))

    def shown() -> tuple[float, float]:
        both = np.asarray(program.picture(box))[60:]  # below the words
        middle = both.shape[1] // 2
        return colourfulness(both[:, : middle - 20]), colourfulness(both[:, middle + 20 :])

    program.wait(lambda: shown()[0] == 0 and shown()[1] > 10)
    assert "0 hints" in program.title()


def test_space_shows_the_photograph_as_it_was(program: Darkroom) -> None:
    box = program.place("photo")
    for gray in (False, True, False):
        program.wait(lambda gray=gray: (colourfulness(np.asarray(program.picture(box))) < 0.5) == gray)
        program.key("space")


def test_undo_gives_back_the_former_bytes(program: Darkroom, photo: Path) -> None:
    output, states = photo.with_name("cup-colour.png"), []

    def keep() -> None:
        program.save()
        states.append(output.read_bytes())

    keep()
    place_hint(program, SKY, 0.2, 0.2)
    keep()
    place_hint(program, RED, 0.8, 0.8)
    keep()
    for hints in (1, 0):
        with program.until("state ready"):
            program.key("ctrl+z")
        program.wait_title(f" {hints} hint")
        keep()
    with program.until("state ready"):
        program.click(program.place("button", REDO).at())
    keep()
    assert states[3] == states[1] and states[4] == states[0] and states[5] == states[1]
    assert len(set(states[:3])) == 3
    with program.until("state ready"):
        program.click(program.place("button", UNDO).at())
    program.wait_title(" 0 hints")


def test_drag_moves_a_hint_and_a_right_click_removes_it(program: Darkroom, photo: Path) -> None:
    box, wanted = program.place("photo"), hue(chroma(SWATCH_RGB[RED], 255))
    place_hint(program, RED, 0.2, 0.15)
    with program.until("state ready"):
        program.drag(box.at(0.2, 0.15), box.at(0.9, 0.8))
    program.save()
    assert turn(hue(colour_at(photo, 0.9, 0.8)), wanted) < 6
    assert "1 hint," in program.title()
    with program.until("state ready"):
        program.key("ctrl+z")
    program.save()
    assert turn(hue(colour_at(photo, 0.2, 0.15)), wanted) < 6
    with program.until("state ready"):
        program.click(box.at(0.2, 0.15), button=3)
    program.wait_title(" 0 hints.*ready$")


def test_wheel_sizes_a_hint(program: Darkroom, photo: Path) -> None:
    output = photo.with_name("cup-colour.png")
    place_hint(program, SKY, 0.5, 0.9)
    program.save()
    small = output.read_bytes()
    for _ in range(3):
        with program.until("state ready"):
            program.click(program.place("photo").at(0.5, 0.9), button=4)
    program.save()
    assert output.read_bytes() != small
    with program.until("state ready"):
        program.key("ctrl+z")  # the turns are one step
    program.save()
    assert output.read_bytes() == small


def test_wheel_of_colours_changes_the_selected_hint(program: Darkroom, photo: Path) -> None:
    with program.until("state ready"):
        program.click(program.place("photo").at(0.9, 0.8))
    with program.until("state ready"):
        program.click(program.place("wheel").at(0.5, 0.3))  # yellow: a is 0, b is 40
    program.save()
    assert turn(hue(colour_at(photo, 0.9, 0.8)), 90) < 6


def test_suggestions_are_probable_first_and_can_be_taken(program: Darkroom, photo: Path) -> None:
    with program.until("state ready"):
        program.click(program.place("photo").at(0.9, 0.8))
    program.wait(lambda: program.logged("suggestions ") != [])
    rows = [line.split() for line in program.logged("suggestion ")]
    probabilities = [float(row[-1]) for row in rows]
    assert len(rows) >= 2 and probabilities == sorted(probabilities, reverse=True) and sum(probabilities) <= 1.01
    with program.until("state ready"):
        program.click(program.place("suggestion", 1).at())
    program.save()
    wanted = np.array([float(rows[1][3]), float(rows[1][5])])
    assert np.hypot(*(colour_at(photo, 0.9, 0.8) - wanted)) < 4


def test_window_can_be_resized(program: Darkroom) -> None:
    before = program.place("photo")
    program.resize(1000, 760)
    program.wait(lambda: program.place("photo").width < before.width)
    after = program.place("photo")
    assert abs(after.width / after.height - before.width / before.height) < 0.01
    place_hint(program, SKY, 0.2, 0.2)
    assert "1 hint," in program.title()
    assert program.quit() == 0


def test_existing_pictures_are_not_replaced(display: str, photo: Path) -> None:
    other = photo.with_name("cup-colour.png")
    other.write_bytes(b"precious")
    with darkroom(display, photo) as program:
        program.wait_title("- ready$")
        program.save()
        program.wait_title("- saved cup-colour-2.png$")
    assert other.read_bytes() == b"precious"
    assert Image.open(photo.with_name("cup-colour-2.png")).size == (512, 341)


def test_what_others_write_meanwhile_is_not_replaced(program: Darkroom, photo: Path) -> None:
    """A file that appears under the name after the photograph was opened, and one of ours that another program changed."""
    names = [photo.with_name(f"cup-colour{number}.png") for number in ("", "-2", "-3")]
    names[0].write_bytes(b"precious")
    program.save()
    program.wait_title("- saved cup-colour-2.png$")
    program.save()
    program.wait_title("- saved cup-colour-2.png$")
    names[1].write_bytes(b"retouched")
    program.save()
    program.wait_title("- saved cup-colour-3.png$")
    assert [name.read_bytes()[:9] for name in names[:2]] == [b"precious", b"retouched"]
    assert Image.open(names[2]).size == (512, 341)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "I;16"])
def test_large_photograph_is_saved_at_its_size(display: str, tmp_path: Path, mode: str) -> None:
    photo = tmp_path / "cup.png"
    large = Image.open(ROOT / "examples/photos/coffee.jpg").resize((2048, 1364))
    if mode == "I;16":
        Image.fromarray((np.asarray(large).astype(np.uint16) << 8) + 17).save(photo)
    else:
        large.convert(mode).save(photo)
    with darkroom(display, photo) as program:
        program.wait_title("- ready$")
        place_hint(program, SKY, 0.9, 0.8)
        program.save()
    rgb = result(photo)
    assert rgb.shape == (1364, 2048, 4 if mode == "LA" else 3)
    assert np.abs(luminance(rgb, 255) - np.asarray(large)).max() <= 2
    assert turn(hue(colour_at(photo, 0.9, 0.8)), hue(chroma(SWATCH_RGB[SKY], 255))) < 6


# ---------------------------------------------------------------- files

ARTIST, ORIENTATION = 0x013B, 0x0112


def by_command(photo: Path) -> Path:
    """What the command makes of a photograph."""
    output = photo.with_name("wanted.png")
    subprocess.run([str(BUILD / "examples" / "colorizer"), str(photo), "-o", str(output)], check=True)
    return output


def needs(*libraries: str) -> None:
    version = subprocess.check_output([str(BUILD / "examples" / "colorizer"), "--version"], text=True)
    for library in libraries:
        if f"with {library} " not in version:
            pytest.skip(f"built without {library}")


def wait_gray(program: Darkroom, gray: np.ndarray) -> None:
    """Waits until the window shows the photograph as it was: sRGB, 0..1. The scaling to the window alone moves some of
    the blocks by 4 of 255, and other curves than sRGB's most of them by more than 10."""

    def blocks(picture: Image.Image) -> np.ndarray:
        return np.asarray(picture.convert("RGB").resize((16, 12), Image.Resampling.BOX))[3:].astype(int)  # below the words

    wanted = blocks(Image.fromarray((gray * 255).round().astype(np.uint8)))
    program.key("space")
    program.wait(lambda: np.abs(blocks(program.picture(program.place("photo"))) - wanted).max() <= 6)


def test_saved_file_is_that_of_the_command(display: str, tmp_path: Path) -> None:
    """Upright, with profile, Exif, resolution and the mark: the same bytes. Each save has a mark of its own."""
    needs("libpng", "libjpeg", "lcms2", "gexiv2")
    photo, exif = tmp_path / "cup.jpg", Image.Exif()
    exif[ARTIST], exif[ORIENTATION] = "Ann Author", 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    gray = Image.open(ROOT / "examples/photos/coffee.jpg").convert("L").convert("RGB")
    gray.save(photo, exif=exif, icc_profile=profile, dpi=(240, 240), quality=95)
    with darkroom(display, photo) as program:
        program.wait_title("- ready$")
        program.save()
        saved = photo.with_name("cup-colour.png").read_bytes()
        place_hint(program, SKY, 0.2, 0.2)
        program.save()
        assert program.quit() == 0
    assert saved == by_command(photo).read_bytes()
    picture = Image.open(photo.with_name("cup-colour.png"))
    assert picture.size == (gray.height, gray.width)
    assert picture.info["icc_profile"] == profile and round(picture.info["dpi"][0]) == 240
    assert (picture.getexif()[ARTIST], picture.getexif()[ORIENTATION]) == ("Ann Author", 1)
    again = photo.with_name("cup-colour.png").read_bytes()
    assert saved.count(b"hints 0") == 1 and again.count(b"hints 1") == 1 and again.count(b"hints 0") == 0


def test_deep_samples_in_a_space_of_their_own(display: str, tmp_path: Path) -> None:
    """16 bits under ProPhoto RGB: the screen shows sRGB, the file is the command's but for what the network saw."""
    needs("libpng", "lcms2")
    profile = icc_profile(1.8, ROMM)
    gray = np.asarray(Image.open(ROOT / "examples/photos/coffee.jpg").convert("L")).astype(np.uint16) * 257
    write_png16(tmp_path / "cup.png", np.stack([gray] * 3, axis=2), [(b"iCCP", b"A\0\0" + zlib.compress(profile))])
    with darkroom(display, tmp_path / "cup.png") as program:
        program.wait_title("- ready$")
        program.save()
        light = (gray / 65535) ** 1.8
        wait_gray(program, np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))
    saved, other = tmp_path / "cup-colour.png", by_command(tmp_path / "cup.png")
    assert Image.open(saved).info["icc_profile"] == Image.open(other).info["icc_profile"] == profile
    difference = np.abs(read_png16(saved).astype(int) - read_png16(other).astype(int))
    assert difference.mean() < 100 and np.ptp(read_png16(saved).astype(int), axis=2).mean() > 1000


@pytest.mark.parametrize("kind", ["float", "alpha"])
def test_large_tiff_is_opened(display: str, tmp_path: Path, kind: str) -> None:
    """Linear floats, and 16 bits with alpha, larger than the preview."""
    needs("libtiff", "libpng")
    gray = np.asarray(Image.open(ROOT / "examples/photos/coffee.jpg").convert("L").resize((1500, 1000))) / 255.0
    if kind == "float":
        light = np.where(gray <= 0.04045, gray / 12.92, ((gray + 0.055) / 1.055) ** 2.4)
        write_tiff(tmp_path / "cup.tiff", light[:, :, None].astype(np.float32))
    else:
        write_tiff(tmp_path / "cup.tiff", (np.stack([gray, 0 * gray + 0.5], axis=2) * 65535).astype(np.uint16), extra=2)
    with darkroom(display, tmp_path / "cup.tiff") as program:
        program.wait_title("- ready$")
        program.save()
        wait_gray(program, gray)
    rgb = np.asarray(Image.open(tmp_path / "cup-colour.png"))
    assert rgb.shape == (1000, 1500, 3 if kind == "float" else 4)
    assert np.abs(luminance(rgb[..., :3], 255) - 255 * gray).max() <= 2
    assert colourfulness(rgb[..., :3]) > 3


def test_dropped_files_are_opened(display: str, photo: Path, tmp_path: Path) -> None:
    drop = pytest.importorskip("drop", reason="dropping needs python3-xlib")
    other = tmp_path / "Kölner Dom.png"
    Image.open(photo).crop((0, 0, 300, 200)).save(other)
    with darkroom(display) as program:
        for path in (photo, other):
            drop.drop_file(display, int(program.window), path)
            program.wait_title(f"^{path.name} - 0 hints, .* - ready$")
        program.save()
        program.wait_title("- saved Kölner Dom-colour.png$")
    assert Image.open(tmp_path / "Kölner Dom-colour.png").size == (300, 200)


def test_what_is_no_picture_is_refused(display: str, tmp_path: Path) -> None:
    whole = (ROOT / "examples/photos/coffee.jpg").read_bytes()
    for name, data in (("empty.jpg", b""), ("text.png", b"colour"), ("cut.jpg", whole[:100])):
        (tmp_path / name).write_bytes(data)
        with darkroom(display, tmp_path / name) as program:
            program.wait_title(f"^darkroom - .*{name}: ")
            program.key("s", "space", "ctrl+z")
            program.click((300, 300))
            assert program.quit() == 0


def test_quitting_finishes_the_save(program: Darkroom, photo: Path) -> None:
    program.key("s", "q")
    assert program.process.wait(60) == 0
    assert result(photo).shape == (341, 512, 3)
    assert [p.name for p in sorted(photo.parent.iterdir())] == ["cup-colour.png", "cup.png"]


def test_quitting_tells_that_the_save_failed(program: Darkroom, tmp_path: Path) -> None:
    """The window is gone by then."""
    shutil.rmtree(tmp_path)
    program.key("s", "q")
    assert program.process.wait(60) == 1 and program.process.stderr is not None
    assert program.process.stderr.read().endswith("cup-colour.png: No such file or directory\n")


def test_failed_save_is_told_and_leaves_nothing(program: Darkroom, photo: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    program.key("s")
    program.wait_title("cup-colour.png: No such file or directory$")
    tmp_path.mkdir()
    program.save()
    assert [p.name for p in tmp_path.iterdir()] == [photo.with_name("cup-colour.png").name]


def test_a_signal_ends_it_in_order(photo: Path) -> None:
    """Without a screen, whose libraries leave memory behind: under LeakSanitizer this tells of our own leaks."""
    environment = {**os.environ, "SDL_VIDEODRIVER": "dummy", "ASAN_OPTIONS": "detect_leaks=1"}
    with subprocess.Popen([str(PROGRAM), str(photo), "--log"], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert any(line == "state ready\n" for line in process.stdout)
        process.terminate()
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
