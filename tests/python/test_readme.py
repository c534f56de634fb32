# SPDX-License-Identifier: BSD-2-Clause
"""The README's C and Python are run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("COLORIZER_BUILD", ROOT / "build"))
ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": str(BUILD / "lib")}


def snippet(language: str) -> str:
    """The README's only block of a language."""
    (code,) = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text())
    return code


def check_colour(colour: np.ndarray, gray: np.ndarray) -> None:
    """Right size, some colour, and light where the photograph is light."""
    assert colour.shape == (*gray.shape, 3)
    assert int(np.ptp(colour.astype(int), axis=2).max()) > 10
    assert np.corrcoef(colour.mean(axis=2).ravel(), gray.ravel())[0, 1] > 0.95


def test_python(tmp_path: Path) -> None:
    photo = ROOT / "examples" / "photos" / "chelsea.jpg"
    (tmp_path / "gray.jpg").write_bytes(photo.read_bytes())
    result = subprocess.run(
        [sys.executable, "-c", snippet("python")],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False,
    )
    assert result.returncode == 0, result.stderr
    check_colour(np.asarray(Image.open(tmp_path / "colour.png")), np.asarray(Image.open(photo)))


def test_c(tmp_path: Path) -> None:
    program = snippet("c") + """
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    int32_t width = atoi(argv[1]), height = atoi(argv[2]);
    size_t pixels = (size_t)width * (size_t)height;
    uint8_t *gray = malloc(pixels), *rgb = malloc(3 * pixels);
    if (argc != 3 || !gray || !rgb || fread(gray, 1, pixels, stdin) != pixels) return 1;
    if (colorize(gray, rgb, width, height) != COLORIZER_OK) return 2;
    return fwrite(rgb, 1, 3 * pixels, stdout) == 3 * pixels ? 0 : 3;
}
"""
    (tmp_path / "program.c").write_text(program)
    subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}", "program.c", "-o", "program",
         f"-L{BUILD / 'lib'}", "-lcolorizer"],
        cwd=tmp_path, timeout=120, check=True,
    )
    gray = np.asarray(Image.open(ROOT / "examples" / "photos" / "nagasaki-boats.jpg"))
    height, width = gray.shape
    result = subprocess.run(
        [str(tmp_path / "program"), str(width), str(height)],
        input=gray.tobytes(), env=ENVIRONMENT, capture_output=True, timeout=300, check=False,
    )
    assert result.returncode == 0
    check_colour(np.frombuffer(result.stdout, np.uint8).reshape(height, width, 3), gray)
