# SPDX-License-Identifier: BSD-2-Clause
"""A small network to integers: near the f32 one, and the same in PyTorch as in the C library."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from tools import czw
from tools.colorizer import Graph
from train import interpret
from train.equalize import equalize, reaches
from train.quantize import Quantizer, choose, is_int8, quantize
from train.rounding import LEVELS, MOST, PAIR, activation_range, round_rows, row_scales, to_u8

rng = np.random.default_rng(3)


def network() -> czw.Model:
    """A block of expansion, depthwise and projection with its residual, and a 3x3 convolution that stays f32."""
    m = czw.Model()

    def conv(x: czw.Tensor, name: str, cout: int, kernel: int, cin: int, residual: czw.Tensor | None = None,
             **more: float | str) -> czw.Tensor:
        w = rng.standard_normal((cout, kernel, kernel, cin)) / (kernel * kernel * cin) ** 0.5
        inputs = [x, m.constant(name + ".w", w), m.constant(name + ".b", rng.standard_normal(cout) * 0.1), None, None]
        pad = kernel // 2
        return m.op("conv2d", [*inputs, residual], name, pad_top=pad, pad_left=pad, pad_bottom=pad, pad_right=pad,
                    residual=0 if residual is None else 1, **more)

    x = m.input("x", (1, 0, 0, 10))
    y = conv(x, "block1.expand", 60, 1, 10, act="relu6")
    y = conv(y, "block1.depthwise", 60, 5, 1, act="relu6", groups=60)
    y = conv(y, "block1.project", 10, 1, 60, x)
    m.output("y", conv(y, "head", 7, 3, 10))
    return m


def test_network(tmp_path: Path) -> None:
    source = network()
    model = quantize(source, torch.from_numpy(rng.standard_normal((6, 16, 20, 10)).astype(np.float32)), "block.*")
    assert [op.op.name for op in model.operators] == ["quantize", "conv2d_i8", "conv2d_i8", "conv2d_i8", "conv2d"]
    assert [op.attributes.get("out_scale", 0) > 0 for op in model.operators] == [False, True, True, False, False]
    x = rng.standard_normal((1, 18, 14, 10)).astype(np.float32)
    exact, mine = interpret.run(source, x)["y"], interpret.run(model, x)["y"]
    assert 0 < np.abs(mine - exact).std() < 0.03 * exact.std()
    model.write(tmp_path / "model.czw")
    with Graph(tmp_path / "model.czw") as g:
        library = g.run({"x": x})["y"]
    # a value between two steps may go either way in PyTorch
    assert np.abs(library - mine).std() < 0.005 * exact.std()


def uneven() -> czw.Model:
    """The network with channels of the block ten times as large as others, which changes little but that."""
    m = network()
    sizes = np.logspace(-1, 0, 60).astype(np.float32)
    named = {c.name: c for c in m.constants}
    for name, by in (("block1.expand.w", sizes[:, None, None, None]), ("block1.expand.b", sizes),
                     ("block1.depthwise.w", 1 / sizes[:, None, None, None])):
        named[name].data = named[name].data * by
    return m


def test_equal_channels() -> None:
    """The same f32 results, channels of one size, and a smaller error of the rounded network."""
    source = uneven()
    plain = czw.decode(source.to_bytes())
    images = torch.from_numpy(rng.standard_normal((6, 16, 20, 10)).astype(np.float32))
    chosen = re.compile("block.*")
    x = rng.standard_normal((1, 18, 14, 10)).astype(np.float32)
    exact = interpret.run(source, x)["y"]
    expanded = czw.Tensor("operator", 0)
    before = reaches(source, images)[expanded][0]
    equalize(source, images, lambda op: is_int8(op, chosen))
    after = reaches(source, images)[expanded][0]
    assert np.abs(interpret.run(source, x)["y"] - exact).max() < 1e-4 * exact.std()
    assert before.max() > 10 * before.min() and after.max() < 2 * after.min()

    def error(model: czw.Model) -> float:
        return float(np.abs(interpret.run(model, x)["y"] - exact).std())

    assert error(Quantizer(source, images, chosen).run()) < 0.7 * error(Quantizer(plain, images, chosen).run())


def test_choice() -> None:
    """Layers are left out from the last on until the colours are near enough; the first ones stay."""
    m = czw.Model()
    x = m.input("x", (1, 0, 0, 4))

    def conv(x: czw.Tensor, name: str, cout: int, cin: int) -> czw.Tensor:
        w = m.constant(name + ".w", rng.standard_normal((cout, 1, 1, cin)) / cin ** 0.5)
        return m.op("conv2d", [x, w], name)

    first = conv(x, "first", 9, 4)
    second = conv(first, "second", 9, 9)
    m.output("logits", conv(second, "logits", 6, 9))
    m.output("residual", conv(second, "residual", 5, 9))
    m.constant("color.bins", rng.standard_normal((1, 1, 6, 2)) * 40)
    m.constant("color.log_weight", np.zeros((1, 1, 1, 6)))
    m.constant("color.vividness", np.array([0, 0, 1, 0.5]).reshape(1, 1, 2, 2))
    images = torch.from_numpy(rng.uniform(-1, 1, (7, 16, 16, 4)).astype(np.float32))

    def chosen(limit: float) -> set[str]:
        model = choose(m, images[:4], images[4:], ("first", "second", "logits"), limit)
        return {op.name for op in model.operators if op.op.name == "conv2d_i8"}

    assert chosen(100) == {"first", "second", "logits"}
    assert chosen(0) == {"first"}


def test_rounding_minds_the_inputs() -> None:
    """With inputs that go together the outputs' error is well below that of rounding each weight alone."""
    mix = torch.from_numpy(rng.standard_normal((24, 24))).float()
    x = torch.from_numpy(rng.standard_normal((2000, 24))).float() @ torch.diag(torch.logspace(0, -2, 24)) @ mix
    w = torch.from_numpy(rng.standard_normal((8, 24))).float()
    h = x.T @ x / len(x)
    samples, scales = round_rows(w, h)
    assert samples.abs().max() <= MOST and bool((samples == samples.round()).all())
    plain = row_scales(w, torch.ones_like(w))[:, None]
    alone = (w / plain).round().clamp(-MOST, MOST) * plain
    error, error_alone = (float(((q - w) @ x.T).square().mean()) for q in (samples * scales[:, None], alone))
    assert error < 0.5 * error_alone


def test_neighbours_fit_sixteen_bits() -> None:
    """Of every 5 weights 0 and 1, 2 and 3 are small enough together; the error grows little."""
    w = torch.from_numpy(rng.standard_normal((40, 15))).float()
    samples, scales = round_rows(w, torch.eye(15), 5)
    free, free_scales = round_rows(w, torch.eye(15))
    pairs = samples.reshape(40, 3, 5)[:, :, :4].reshape(40, 3, 2, 2).sum(3)
    assert PAIR - 3 < pairs.abs().max() <= PAIR
    assert (free.reshape(40, 3, 5)[:, :, :4].reshape(40, 3, 2, 2).sum(3)).abs().max() > PAIR
    error, error_free = (float((q * s[:, None] - w).square().mean()) for q, s in ((samples, scales), (free, free_scales)))
    assert error < 2.5 * error_free


def test_range_cuts_outliers() -> None:
    x = torch.from_numpy(rng.standard_normal(100000)).float()
    scale, zero = activation_range(x)
    assert 0.015 < scale < 0.035 and 100 < zero < 155
    assert activation_range(x.relu())[1] == 0
    assert int(to_u8(torch.tensor([1e9]), scale, zero)) == LEVELS
