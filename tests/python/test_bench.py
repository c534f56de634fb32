# SPDX-License-Identifier: BSD-2-Clause
"""bench/compare: a network through this library and PyTorch in processes of their own, the ratios, the plots."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tools")]

import compare  # noqa: E402
import czw  # noqa: E402
import networks  # noqa: E402
import plots  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of two layers, in the form that the engines read."""
    rng = np.random.default_rng(3)
    model = czw.Model(metadata={"name": "small"})
    x = model.input("x", (1, 0, 0, 4), 8)
    w = model.constant("w", rng.normal(size=(6, 3, 3, 4)))
    y = model.op("conv2d", [x, w], "a", pad_top=1, pad_left=1, pad_bottom=1, pad_right=1)
    v = model.constant("v", rng.normal(size=(5, 1, 1, 6)))
    model.output("y", model.op("conv2d", [y, v], "b"))
    target = tmp_path_factory.mktemp("small")
    model.write(target / "small.czw")
    networks.prepare_czw(target / "small.czw", target / "network", 32)
    return target / "network"


def test_operations_are_counted(folder: Path) -> None:
    assert networks.flops(czw.read(folder / "model.czw"), 32) == 2 * 32 * 32 * (6 * 36 + 5 * 6)


def test_engines_agree_and_take_turns(folder: Path) -> None:
    rows = compare.measure(folder, 1, ["ours", "pytorch", "nobody"], rounds=3, seconds=0.01)
    assert [r.engine for r in rows] == ["ours", "pytorch"]  # one that does not start is left out
    for row in rows:
        assert row.error < 1e-6 and len(row.rounds) == 3 and 0 < row.least <= row.median
    text = compare.table(rows, 100.0)
    assert "libcolorizer" in text and "times as fast as the best peer, PyTorch" in text


def test_integers_run_beside_f32(tmp_path: Path) -> None:
    """A network in integers: engines compute it in f32, and ours as it is, too, with an error of its rounding."""
    rng = np.random.default_rng(4)
    model = czw.Model(metadata={"name": "integers"})
    x = model.op("quantize", [model.input("x", (1, 0, 0, 8), 8)], scale=0.06, zero=64)
    w = model.constant("w", rng.normal(size=(6, 3, 3, 8)), "i8")
    y = model.op("conv2d_i8", [x, w], "a", pad_top=1, pad_left=1, pad_bottom=1, pad_right=1, x_scale=0.06, x_zero=64)
    model.output("y", y)
    model.write(tmp_path / "integers.czw")
    networks.prepare_czw(tmp_path / "integers.czw", tmp_path / "network", 32)
    names = [compare.OURS, compare.INTEGERS, "pytorch"]
    rows = compare.measure(tmp_path / "network", 1, names, rounds=2, seconds=0.01)
    assert [r.engine for r in rows] == names
    assert rows[0].error < 1e-6 and rows[2].error < 1e-6 and 1e-4 < rows[1].error < 0.1
    assert "in integers" in compare.table(rows, 100.0)


def test_ratio_is_within_rounds() -> None:
    def row(engine: str, rounds: list[float]) -> compare.Row:
        return compare.Row("n", 1, engine, engine, min(rounds), 1.0, rounds, 1.0, 0.0, 0.0, 0.0, 0.0)

    found = compare.ratios([row("ours", [1.0, 2.0, 4.0]), row("slow", [9.0, 9.0, 9.0]), row("fast", [2.0, 6.0, 8.0])])
    assert found == ("fast", [2.0, 2.0, 3.0])
    assert compare.ratios([row("ours", [1.0])]) is None


def test_plots(folder: Path, tmp_path: Path) -> None:
    rows = [{"network": "a", "threads": t, "engine": e, "version": e, "least": 1.0 + t} for t in (1, 2)
            for e in ("ours", "ncnn")]
    plots.draw_compare(rows, tmp_path / "compare.png")
    table = " 256 x 256  0.07  1  2.1  35.4  16.7  17.0  18  33.5  26.9\n12000 x 8400 100.80 2 2.1 561.0 520.2 524 3 40.5 33.7\n"
    found = plots.read_photo("size Mpixel\n" + table)
    assert found[1] == {"mp": 100.8, "threads": 2, "ms": 520.2, "mib": 40.5}
    plots.draw_photo(found, tmp_path / "photo.png")
    assert (tmp_path / "compare.png").stat().st_size > 1000 and (tmp_path / "photo.png").stat().st_size > 1000


def test_networks_are_the_published_ones() -> None:
    """Multiply-adds at 256x256 as the papers' layers add up to; all four run at a small size too."""
    import architectures
    import torch

    for name, gflop in (("eccv16", 83.5), ("siggraph17", 150.4), ("deoldify", 394.6), ("convnext", 5.0)):
        module = architectures.make(name)
        counted = 0.0

        def count(m: torch.nn.Module, inputs: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
            nonlocal counted
            assert isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))
            each = inputs[0] if isinstance(m, torch.nn.ConvTranspose2d) else out
            counted += 2 * each.shape[2] * each.shape[3] * m.weight.numel()

        for m in module.modules():
            if isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
                m.register_forward_hook(count)
        with torch.no_grad():
            module(torch.zeros(1, architectures.NETWORKS[name][1], 32, 32))
        assert counted * 64 / 1e9 == pytest.approx(gflop, rel=0.01)
