# SPDX-License-Identifier: BSD-2-Clause
"""Where the built programs are: $COLORIZER_BUILD, or build/ in the repository."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("COLORIZER_BUILD", ROOT / "build"))
COMMAND = BUILD / "examples" / "colorizer"

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Needs = Callable[..., None]


def pytest_sessionstart(session: pytest.Session) -> None:
    """One line instead of one failure for each test."""
    del session
    if not COMMAND.exists():
        pytest.exit(f"{COMMAND} is not built (is libstb-dev installed?)", returncode=1)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command in a fresh folder."""

    def call(*arguments: object, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        line = [str(COMMAND), *(str(a) for a in arguments)]
        return subprocess.run(line, input=data, capture_output=True, cwd=tmp_path, timeout=300, check=False)

    return call


@pytest.fixture(scope="session")
def needs() -> Needs:
    """Skips a test, with its reason, where the command was built without one of the libraries named."""
    version = subprocess.run([str(COMMAND), "--version"], capture_output=True, text=True, check=True).stdout

    def call(*libraries: str) -> None:
        for library in libraries:
            if f"with {library} " not in version:
                pytest.skip(f"the command is built without {library}")

    return call


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small gray picture, photo.png."""
    path = tmp_path / "photo.png"
    make_photo(path, 48, 32)
    return path


def make_photo(path: Path, width: int, height: int) -> None:
    """Writes a gray picture with soft shapes in it."""
    y, x = np.mgrid[0:height, 0:width]
    gray = 128 + 60 * np.sin(x / 7.0) + 50 * np.cos(y / 5.0)
    Image.fromarray(gray.astype(np.uint8)).save(path)
