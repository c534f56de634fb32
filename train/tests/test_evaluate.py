# SPDX-License-Identifier: BSD-2-Clause
"""The evaluation: its measures on known pairs, and the whole of it on a small folder through the C library."""
from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from train import evaluate
from train.evaluate import best_constant, luminance_gray, random_hints
from train.frechet import frechet_distance, square_root
from train.metrics import hue_skew, skin_colored, ssim


def test_ssim_of_equal_scaled_and_unrelated() -> None:
    generator = torch.Generator().manual_seed(0)
    image, other = torch.rand(2, 3, 32, 32, generator=generator), torch.rand(2, 3, 32, 32, generator=generator)
    assert torch.allclose(ssim(image, image), torch.ones(2), atol=1e-5)
    assert float(ssim(image, 0.5 * image).max()) < 0.95
    assert float(ssim(image, other).abs().max()) < 0.2
    # Flat pictures: only the first factor is left, (2 x y + C1) / (x^2 + y^2 + C1).
    flat = [torch.full((1, 3, 16, 16), v) for v in (0.2, 0.4)]
    assert float(ssim(*flat)) == pytest.approx((2 * 0.08 + 1e-4) / (0.2 + 1e-4), abs=1e-4)


def test_frechet_distance_of_known_gaussians() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(x, x + 2) == pytest.approx(24, rel=1e-6)
    assert frechet_distance(x, 3 * x - 2 * x.mean(0)) == pytest.approx(4 * np.trace(np.cov(x.T)), rel=1e-6)
    a = np.cov(x.T)
    assert np.allclose(square_root(a) @ square_root(a), a)


def test_hue_skew_and_skin() -> None:
    red, green = np.array([[40.0, 30.0]]), np.array([[-40.0, 30.0]])
    assert hue_skew(red, red * 2) == pytest.approx(0)
    assert hue_skew(red, green) == pytest.approx(1)
    colors = np.array([[224, 172, 140], [141, 85, 60], [60, 90, 200], [80, 160, 60], [128, 128, 128]]) / 255
    assert skin_colored(colors).tolist() == [True, True, False, False, False]


def test_hints_take_the_mean_colour() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = (200, 100, 50)
    for x, y, radius, rgb in random_hints(pixels, 30, 0):
        assert radius <= x <= 60 - radius and radius <= y <= 40 - radius
        if x < 26:
            assert np.allclose(rgb, np.array((200, 100, 50)) / 255)


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    """Six orange pictures of a rough texture."""
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        light = np.kron(rng.uniform(0.4, 1, (9, 10, 1)), np.ones((30, 30, 1)))
        image = light * np.array((220, 140, 60)) + rng.normal(0, 4, (270, 300, 1))
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(tmp_path / "photos" / f"{i}.png")
    return tmp_path


def test_whole_evaluation(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="python3-matplotlib draws the plots")
    monkeypatch.setattr(sys, "argv", ["evaluate", "--data", str(folder), "--set", "photos", "--cache", str(folder / "c"),
                                      "--fast", "--vividness", "0", "2", "--json", str(folder / "out.json"),
                                      "--plots", str(folder)])
    evaluate.main()
    printed = capsys.readouterr().out
    result = json.loads((folder / "out.json").read_text())
    scores = result["scores"]
    assert result["photographs"] == 6 and result["default"] in scores and "vividness 2" in printed
    assert result["constant"][0] > 5 and result["constant"][1] > 20  # orange
    assert scores["constant chroma"]["psnr"] > scores["gray"]["psnr"] + 3
    assert scores["another's chroma"]["psnr"] > scores["gray"]["psnr"] + 3  # all are orange
    assert scores["gray"]["colorfulness"] == 0 and scores["gray"]["ssim"] < scores["constant chroma"]["ssim"]
    for row in scores.values():
        assert row["psnr_low"] <= row["psnr"] <= row["psnr_high"]
    assert result["groups"]["photos"]["count"] == 6
    assert 0 <= result["reliability"]["error"] <= 1
    for name in ("vividness.png", "reliability.png"):
        assert Image.open(folder / name).size[0] > 300


def test_best_constant_is_best(folder: Path) -> None:
    image = np.asarray(Image.open(folder / "photos" / "0.png"))[:256, :256]
    truth = evaluate.Truth(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255, ["x"], None)
    best = best_constant(truth).view(1, 2, 1, 1)
    top = truth.score(evaluate.with_chroma(truth, best))["psnr"]
    for move in ((6.0, 0.0), (-6.0, 0.0), (0.0, 6.0), (0.0, -6.0)):
        assert truth.score(evaluate.with_chroma(truth, best + torch.tensor(move).view(1, 2, 1, 1)))["psnr"] < top
    assert np.abs(luminance_gray(np.repeat(truth.gray[0][..., None], 3, 2)).astype(int) - truth.gray[0]).max() == 0
