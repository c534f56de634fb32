# SPDX-License-Identifier: BSD-2-Clause
"""The procedure plug-in-colorizer in GIMP without a screen.

A layer holds the library's colours in the image's own pixels: half a code of rounding, at most. Flattened, GIMP's LCh
colour mode has put the photograph's lightness under them, which it takes for the white D50, not D65: 1.2 codes on the
photograph here, and in 8 bits the rounding of the layer and of the result."""
from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gimp_host import Gimp, Refused, configure
from reference import codes, gray_photo, library, need, read_ppm

ROUNDED, EXACT, FLAT = 1.0, 0.1, 2.5  # tolerances in codes: 8 bits; 16 bits; flattened
RGB_TYPE, LCH_COLOR = "0", "26"


@pytest.fixture(scope="module")
def gimp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gimp]:
    running = Gimp(tmp_path_factory.mktemp("gimp"))
    yield running
    running.close()


def script(folder: Path, before: str = "#t", call: str = '1 1 0 ""', after: str = "'()", mode: str = "RUN-NONINTERACTIVE",
           alpha: bool = False) -> str:
    """Opens in.png, evaluates `before`, runs the plug-in on the layer `photo`, gives the value of `after`; the image is
    `image` and the new layer `colour`. Writes the layer and the flat image: layer.ppm and flat.ppm with 16 bits, or,
    with `alpha`, layer.png."""
    sixteen = """(if (= (car (gimp-image-get-precision image)) PRECISION-U16-GAMMA) #t
        (gimp-image-convert-precision image PRECISION-U16-GAMMA))"""
    save = (f'(file-png-save RUN-NONINTERACTIVE image colour "{folder}/layer.png" "" 0 9 0 0 0 0 0)' if alpha else
            f'{sixteen} (file-pnm-save RUN-NONINTERACTIVE image colour "{folder}/layer.ppm" "" 1)'
            f'(file-pnm-save RUN-NONINTERACTIVE image (car (gimp-image-flatten image)) "{folder}/flat.ppm" "" 1)')
    return f"""(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{folder}/in.png" "in.png")))
        (photo (car (gimp-image-get-active-layer image))) (unused {before})
        (colour (car (plug-in-colorizer {mode} image photo {call}))) (value {after}))
    {save} (gimp-image-delete image) value)"""


@pytest.mark.parametrize("precision", ["U8-GAMMA", "U16-GAMMA", "U16-LINEAR", "U32-GAMMA", "FLOAT-LINEAR"])
def test_gray_images_of_each_precision(precision: str, gimp: Gimp, tmp_path: Path) -> None:
    gray = gray_photo("coffee.jpg", 240, 160)
    Image.fromarray(gray).save(tmp_path / "in.png")
    convert = "#t" if precision == "U8-GAMMA" else f"(gimp-image-convert-precision image PRECISION-{precision})"
    facts = gimp.run(script(tmp_path, convert, after="""(list (car (gimp-image-base-type image))
        (car (gimp-layer-get-mode colour)) (car (gimp-image-get-item-position image colour))
        (car (gimp-image-get-item-position image photo)))"""))
    assert facts == f"({RGB_TYPE} {LCH_COLOR} 0 1)"
    expected = library(gray)
    layer = codes(read_ppm(tmp_path / "layer.ppm") - expected)
    assert layer <= (ROUNDED if precision == "U8-GAMMA" else EXACT)
    assert codes(read_ppm(tmp_path / "flat.ppm") - expected) <= FLAT


def test_arguments(gimp: Gimp, tmp_path: Path) -> None:
    gray = gray_photo("chelsea.jpg", 240, 160)
    Image.fromarray(gray).save(tmp_path / "in.png")
    gimp.run(script(tmp_path, call='0.8 0.6 128 "60.5,70.5,12,#2040c0"'))
    expected = library(gray, [(60.5, 70.5, 12.0, (0x20 / 255, 0x40 / 255, 0xC0 / 255))], strength=0.8, vividness=0.6,
                       size=128)
    assert codes(read_ppm(tmp_path / "layer.ppm") - expected) <= ROUNDED
    assert codes(library(gray) - expected) > 20


def test_a_moved_layer_in_a_group_with_a_selection(gimp: Gimp, tmp_path: Path) -> None:
    """An RGB image of 16 bits; the selection covers a corner only, the colours all."""
    gray = gray_photo("rocket.jpg", 200, 150)
    Image.fromarray(np.dstack([gray] * 3)).save(tmp_path / "in.png")
    facts = gimp.run(script(tmp_path, before="""(let ((group (car (gimp-layer-group-new image))))
            (gimp-image-insert-layer image group 0 0)
            (gimp-image-reorder-item image photo group 0)
            (gimp-layer-set-offsets photo 7 -5)
            (gimp-image-convert-precision image PRECISION-U16-GAMMA)
            (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 10 10 20 20))""", after="""(list
            (= (car (gimp-item-get-parent colour)) (car (gimp-item-get-parent photo)))
            (gimp-drawable-offsets colour) (car (gimp-drawable-width colour)) (car (gimp-drawable-height colour))
            (car (gimp-selection-is-empty image)))"""))
    assert facts == "(#t (7 -5) 200 150 0)"
    assert codes(read_ppm(tmp_path / "layer.ppm") - library(gray)) <= EXACT


def test_alpha_is_the_layers(gimp: Gimp, tmp_path: Path) -> None:
    gray = gray_photo("rocket.jpg", 160, 120)
    alpha = np.tile(np.arange(160, dtype=np.uint8) + 90, (120, 1))
    Image.fromarray(np.dstack([gray, alpha])).save(tmp_path / "in.png")
    gimp.run(script(tmp_path, alpha=True))
    result = np.array(Image.open(tmp_path / "layer.png"))
    assert np.array_equal(result[..., 3], alpha)
    assert codes(result[..., :3] / 255 - library(gray)) <= ROUNDED


def test_an_indexed_image_becomes_rgb(gimp: Gimp, tmp_path: Path) -> None:
    gray = gray_photo("rocket.jpg", 160, 120) // 16 * 16
    Image.fromarray(gray).convert("P").save(tmp_path / "in.png")
    assert gimp.run(script(tmp_path, after="(car (gimp-image-base-type image))")) == RGB_TYPE
    assert codes(read_ppm(tmp_path / "layer.ppm") - library(gray)) <= ROUNDED


@pytest.mark.parametrize(("call", "complaint"), [('2 1 0 ""', "range"), ('1 3 0 ""', "range"), ('1 1 5 ""', "size"),
                                                 ('1 1 0 "1,2"', "x,y,radius,#rrggbb")])
def test_a_wrong_argument_changes_nothing(call: str, complaint: str, gimp: Gimp, tmp_path: Path) -> None:
    Image.fromarray(gray_photo("rocket.jpg", 64, 48)).save(tmp_path / "in.png")
    image = gimp.run(f'(car (gimp-file-load RUN-NONINTERACTIVE "{tmp_path}/in.png" "in.png"))')
    with pytest.raises(Refused, match=complaint):
        gimp.run(f"(plug-in-colorizer RUN-NONINTERACTIVE {image} (car (gimp-image-get-active-layer {image})) {call})")
    facts = gimp.run(f"(list (car (gimp-image-get-layers {image})) (car (gimp-image-base-type {image})))")
    assert facts == "(1 1)"  # one layer, gray


def test_a_mask_is_refused(gimp: Gimp, tmp_path: Path) -> None:
    Image.fromarray(gray_photo("rocket.jpg", 64, 48)).save(tmp_path / "in.png")
    with pytest.raises(Refused, match="only a layer"):
        gimp.run(f"""(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{tmp_path}/in.png" "in.png")))
            (mask (car (gimp-layer-create-mask (car (gimp-image-get-active-layer image)) ADD-MASK-WHITE))))
            (gimp-layer-add-mask (car (gimp-image-get-active-layer image)) mask)
            (plug-in-colorizer RUN-NONINTERACTIVE image mask 1 1 0 ""))""")


def test_without_last_values_the_defaults(gimp: Gimp, tmp_path: Path) -> None:
    """No dialog has been shown in this GIMP; test_gimp_screen.py chooses values."""
    gray = gray_photo("chelsea.jpg", 160, 120)
    Image.fromarray(gray).save(tmp_path / "in.png")
    gimp.run(script(tmp_path, call='0.1 0.1 0 ""', mode="RUN-WITH-LAST-VALS"))
    assert codes(read_ppm(tmp_path / "layer.ppm") - library(gray)) <= ROUNDED


def paint(*spots: tuple[int, int, int, int, str]) -> str:
    """Script-Fu that adds a layer "Hints", 5 columns and 3 rows off the corner, with rectangles x, y, width, height of
    the image in a colour."""
    fills = "".join(f"""(gimp-context-set-foreground '({colour}))
        (gimp-image-select-rectangle image CHANNEL-OP-REPLACE {x} {y} {width} {height})
        (gimp-edit-fill hints FILL-FOREGROUND)""" for x, y, width, height, colour in spots)
    return f"""(let ((hints (car (gimp-layer-new image 150 110 RGBA-IMAGE "Hints" 100 LAYER-MODE-NORMAL))))
        (gimp-image-insert-layer image hints 0 0) (gimp-layer-set-offsets hints 5 3) {fills}
        (gimp-selection-none image) (gimp-image-set-active-layer image hints) hints)"""


@pytest.mark.parametrize("called_on", ["photo", "hints"])
def test_painted_hints(called_on: str, gimp: Gimp, tmp_path: Path) -> None:
    """Two squares within a cell each; the layer "Hints" is hidden then, and stays above. It may be the active one."""
    gray = gray_photo("chelsea.jpg", 160, 120)
    Image.fromarray(np.dstack([gray] * 3)).save(tmp_path / "in.png")
    before = paint((55, 63, 2, 2, "32 64 192"), (105, 33, 2, 1, "200 30 40"))
    facts = gimp.run(script(tmp_path, before if called_on == "photo" else f"(set! photo {before})", call='1 1 0 ""',
                            mode="RUN-WITH-LAST-VALS",
                            after="""(let ((hints (car (gimp-image-get-layer-by-name image "Hints"))))
        (list (car (gimp-item-get-visible hints)) (car (gimp-image-get-item-position image hints))
        (car (gimp-image-get-item-position image colour)) (car (gimp-image-get-layers image))))"""))
    assert facts == "(0 0 1 3)"
    spots = [(56.0, 64.0, (4 / np.pi) ** 0.5, (32 / 255, 64 / 255, 192 / 255)),
             (106.0, 33.5, (2 / np.pi) ** 0.5, (200 / 255, 30 / 255, 40 / 255))]
    assert codes(read_ppm(tmp_path / "layer.ppm") - library(gray, spots)) <= ROUNDED
    assert codes(library(gray, spots) - library(gray)) > 20


def test_many_painted_hints(gimp: Gimp, tmp_path: Path) -> None:
    """A quarter painted all over: more cells than there may be hints."""
    gray = gray_photo("chelsea.jpg", 160, 120)
    Image.fromarray(np.dstack([gray] * 3)).save(tmp_path / "in.png")
    gimp.run(script(tmp_path, paint((0, 0, 80, 60, "20 160 60")), call='1 1 0 ""', mode="RUN-WITH-LAST-VALS"))
    layer = read_ppm(tmp_path / "layer.ppm")
    corner = layer[8:50, 10:70].reshape(-1, 3).mean(axis=0)
    assert corner[1] > corner[0] + 0.05 and corner[1] > corner[2] + 0.05, "it is green"


def test_hints_without_a_photograph(gimp: Gimp, tmp_path: Path) -> None:
    Image.fromarray(np.dstack([gray_photo("chelsea.jpg", 160, 120)] * 3)).save(tmp_path / "in.png")
    with pytest.raises(Refused, match="no photograph below"):
        gimp.run(script(tmp_path, f"(let ((under photo)) (set! photo {paint()}) (gimp-image-remove-layer image under))",
                        call='1 1 0 ""', mode="RUN-WITH-LAST-VALS"))


def test_the_batch_of_the_manual(tmp_path: Path) -> None:
    """The command line of docs/plugins.md."""
    gray = gray_photo("chelsea.jpg", 160, 120)
    Image.fromarray(gray).save(tmp_path / "in.png")
    line = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text()
    line = line[line.index("gimp -n -i -d -f -b"):]
    line = line[:line.index("```")].replace("photo.jpg", "in.png").replace("colour.png", f"{tmp_path}/out.png")
    need("gimp")
    subprocess.run(line, shell=True, check=True, cwd=tmp_path, env=configure(tmp_path / "gimp"), timeout=300)
    assert codes(np.array(Image.open(tmp_path / "out.png").convert("RGB")) / 255 - library(gray)) <= FLAT
