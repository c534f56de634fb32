# SPDX-License-Identifier: BSD-2-Clause
""".czw to ONNX: every operator of ops.def, exported with height and width open and given, imported again, and run
beside the model it came from."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from onnx import helper, numpy_helper

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import czw  # noqa: E402
import czw2onnx  # noqa: E402
import czw_float  # noqa: E402
import onnx2czw  # noqa: E402
from colorizer import Graph  # noqa: E402
from czw import Model, Tensor  # noqa: E402

Array = np.ndarray[Any, np.dtype[np.float32]]
C, SIZE = 8, (8, 12)
rng = np.random.default_rng(7)


def random(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


def weights(m: Model, *dims: int) -> Tensor:
    return m.constant("", random(*dims) / np.prod(dims[1:]) ** 0.5)


def vectors(m: Model, n: int, count: int) -> list[Tensor]:
    return [m.constant("", random(n)) for _ in range(count)]


def one(op: str, **attributes: Any) -> Callable[[Model, Tensor], Tensor]:
    """An operator of one input."""
    return lambda m, x: m.op(op, [x], **attributes)


def conv(m: Model, x: Tensor) -> Tensor:
    scale, shift = vectors(m, C, 2)
    return m.op("conv2d", [x, weights(m, C, 3, 3, C // 2), None, scale, shift, x], pad_top=1, pad_left=1, pad_bottom=1,
                pad_right=1, pad_mode=1, groups=2, act="relu6", residual=2)


def dilated(m: Model, x: Tensor) -> Tensor:
    return m.op("conv2d", [x, weights(m, 5, 3, 2, C), *vectors(m, 5, 1)], stride_h=2, dilation_w=3, pad_top=1,
                pad_right=2)


def depthwise(m: Model, x: Tensor) -> Tensor:
    return m.op("conv2d", [x, weights(m, C, 5, 5, 1), None, None, None, x], pad_top=2, pad_left=2, pad_bottom=2,
                pad_right=2, groups=C, residual=1, act="leaky_relu", act_p0=0.2)


def transposed(m: Model, x: Tensor) -> Tensor:
    return m.op("conv_transpose2d", [x, weights(m, 6, 4, 4, C // 2), *vectors(m, 6, 1)], stride_h=2, stride_w=2,
                pad_top=1, pad_left=1, pad_bottom=1, pad_right=1, groups=2, act="silu")


def linear(m: Model, x: Tensor) -> Tensor:
    return m.op("linear", [x, weights(m, 5, 1, 1, C), *vectors(m, 5, 1)], act="gelu")


def matmul(m: Model, x: Tensor) -> Tensor:
    return m.op("matmul", [x, m.op("slice", [x], axis=1, begin=2, end=3)], transpose_b=1, alpha=0.5)


def matmul_constant(m: Model, x: Tensor) -> Tensor:
    return m.op("matmul", [x, m.constant("", random(1, 1, C, 3))])


def attention(m: Model, x: Tensor) -> Tensor:
    small = m.op("pool2d", [x], kind=1, kernel_h=2, kernel_w=2, stride_h=2, stride_w=2)
    k = m.op("linear", [small, weights(m, C, 1, 1, C)])
    v = m.op("linear", [small, weights(m, 6, 1, 1, C)])
    return m.op("attention", [x, k, v], heads=2, scale=0.5)


def layer_norm(m: Model, x: Tensor) -> Tensor:
    return m.op("layer_norm", [x, *vectors(m, C, 2)], eps=1e-6)


def resize_like(m: Model, x: Tensor) -> Tensor:
    small = m.op("pool2d", [x], kind=0, kernel_h=2, kernel_w=2, stride_h=2, stride_w=2)
    return m.op("resize", [small, x], mode=1)


def joined(axis: int) -> Callable[[Model, Tensor], Tensor]:
    return lambda m, x: m.op("concat", [x, m.op("activation", [x], act="tanh"), x], axis=axis)


def add(m: Model, x: Tensor) -> Tensor:
    return m.op("add", [x, m.op("global_pool", [x], kind=0)], act="hard_swish")


def mul(m: Model, x: Tensor) -> Tensor:
    return m.op("mul", [x, m.constant("", random(C))], act="sigmoid")


def reshape(m: Model, x: Tensor) -> Tensor:
    return m.op("softmax", [m.op("reshape", [x], h=1, w=-1)], axis=2, temperature=2.0)


def integers(m: Model, x: Tensor) -> Tensor:
    q = m.op("quantize", [x], scale=0.04, zero=60)
    w = m.constant("", random(12, 3, 3, C) * 0.1, "i8")
    y = m.op("conv2d_i8", [q, w, *vectors(m, 12, 1)], pad_top=1, pad_left=1, pad_bottom=1, pad_right=1, act="relu6",
             x_scale=0.04, x_zero=60, out_scale=0.05)
    y = m.op("conv2d_i8", [y, m.constant("", random(12, 3, 3, 1), "i8")], stride=2, groups=12, x_scale=0.05,
             out_scale=0.1, out_zero=64)
    return m.op("conv2d_i8", [y, m.constant("", random(C, 1, 1, 12), "i8")], x_scale=0.1, x_zero=64)


# name: the graph on an input of 8 channels, and whether the export with an open size stays open when imported
CASES: dict[str, tuple[Callable[[Model, Tensor], Tensor], bool]] = {
    "conv2d": (conv, True), "conv2d dilated": (dilated, True), "conv2d depthwise": (depthwise, True),
    "conv_transpose2d": (transposed, True), "linear": (linear, True), "attention": (attention, True),
    "matmul": (matmul, False), "matmul constant": (matmul_constant, True), "layer_norm": (layer_norm, True),
    "layer_norm alone": (one("layer_norm"), True), "softmax": (one("softmax", axis=3, temperature=0.5), True),
    "softmax of rows": (one("softmax", axis=1), True), "activation": (one("activation", act="gelu_tanh"), True),
    "activation none": (one("activation"), True),
    "clamp": (one("activation", act="clamp", act_p0=-0.5, act_p1=1.0), True),
    "pool2d": (one("pool2d", kind=0, kernel_h=3, kernel_w=3, stride_h=2, stride_w=2, pad_top=1, pad_left=1), True),
    "pool2d least": (one("pool2d", kind=2, kernel_h=3, kernel_w=3, stride_h=2, stride_w=2, pad_top=1, pad_left=1), True),
    "pool2d average": (one("pool2d", kind=1, kernel_h=3, kernel_w=2, pad_top=1, pad_bottom=1, count_pad=1), True),
    "pool2d inside": (one("pool2d", kind=1, kernel_h=3, kernel_w=3, pad_top=1, pad_left=1), True),
    "pool2d ceil": (one("pool2d", kind=0, kernel_h=3, kernel_w=3, stride_h=2, stride_w=2, ceil_mode=1), True),
    "global_pool": (one("global_pool", kind=1), True), "resize like": (resize_like, True),
    "resize nearest": (one("resize", mode=0, num_h=2, num_w=3), True),
    "resize nearest down": (one("resize", mode=0, den_h=2, num_w=3, den_w=4), True),
    "resize nearest corners": (one("resize", mode=0, align_corners=1, num_h=2, num_w=2), True),
    "resize bilinear": (one("resize", mode=1, num_h=3, den_h=2, num_w=2), True),
    "resize bilinear corners": (one("resize", mode=1, align_corners=1, num_h=2, num_w=2), True),
    "resize bicubic": (one("resize", mode=2, num_h=2, num_w=4), True),
    "pixel_shuffle": (one("pixel_shuffle", factor=2), True),
    "concat": (joined(3), True), "concat rows": (joined(1), False),
    "add": (add, True), "mul": (mul, True), "slice": (one("slice", axis=3, begin=1, end=7, step=2), True),
    "slice rows": (one("slice", axis=1, begin=1, end=0x7FFFFFFF, step=2), True),
    "pad": (one("pad", pad_top=1, pad_left=2, pad_bottom=3, value=0.5), True),
    "pad edge": (one("pad", pad_top=3, pad_right=2, mode=1), True),
    "pad mirrored": (one("pad", pad_top=3, pad_right=2, mode=2), True), "reshape": (reshape, True),
    "transpose": (one("transpose", axis0=0, axis1=2, axis2=1, axis3=3), False),
    "transpose of channels": (one("transpose", axis0=0, axis1=3, axis2=1, axis3=2), False),
}


# exported, but not imported again: QuantizeLinear
OUT_ONLY: dict[str, Callable[[Model, Tensor], Tensor]] = {"integers": integers}


def model_of(name: str) -> Model:
    m = Model()
    make = OUT_ONLY[name] if name in OUT_ONLY else CASES[name][0]
    m.output("y", make(m, m.input("x", (1, 0, 0, C))))
    return m


def run(model: Model, x: Array, path: Path) -> Array:
    model.write(path)
    with Graph(path) as g:
        return g.run({"x": x})["y"]


def test_every_operator_is_here() -> None:
    found = {o.op.name for name in (*CASES, *OUT_ONLY) for o in model_of(name).operators}
    assert found == set(czw.OPS)


@pytest.mark.parametrize("name", CASES)
def test_out_and_back(name: str, tmp_path: Path) -> None:
    source = model_of(name)
    x = random(1, *SIZE, C)
    want = run(source, x, tmp_path / "source.czw")
    for size in (None, SIZE):
        proto = czw2onnx.convert(source, size)
        back = onnx2czw.convert(proto, side=32, free=size is None)
        if size is None:
            assert (back.inputs[0].dims[1] == 0) == CASES[name][1]
        if back.inputs[0].dims[1] in (0, SIZE[0]):
            got = run(back, x, tmp_path / "back.czw")
            assert got.shape == want.shape
            assert np.abs(got - want).max() < 2e-6 * np.abs(want).max()


def evaluate(proto: Any, x: Array) -> Array:
    """The few ONNX operators that integers() becomes, in PyTorch."""
    import torch
    import torch.nn.functional as F

    env = {i.name: numpy_helper.to_array(i) for i in proto.graph.initializer}
    env["x"] = x.transpose(0, 3, 1, 2)
    for n in proto.graph.node:
        v = [torch.from_numpy(np.array(env[i])) for i in n.input]
        a = {p.name: helper.get_attribute_value(p) for p in n.attribute}
        if n.op_type == "Clip":
            y = v[0].clamp(float(v[1]), float(v[2]))
        elif n.op_type == "QuantizeLinear":
            y = ((v[0] / v[1]).round() + v[2]).clamp(0, 255)
        elif n.op_type == "DequantizeLinear":
            y = (v[0] - v[2].float()) * v[1]
        elif n.op_type == "Conv":
            top, left, bottom, right = a["pads"]
            y = F.conv2d(F.pad(v[0], (left, right, top, bottom)), v[1], v[2] if len(v) > 2 else None,
                         tuple(a["strides"]), 0, tuple(a["dilations"]), a["group"])
        else:
            assert n.op_type == "Identity"
            y = v[0]
        env[n.output[0]] = y.numpy()
    return np.asarray(env["y"]).transpose(0, 2, 3, 1)


def test_integers_out(tmp_path: Path) -> None:
    source, x = model_of("integers"), random(1, *SIZE, C)
    want = run(source, x, tmp_path / "source.czw")
    got = evaluate(czw2onnx.convert(source, SIZE), x)
    assert np.abs(got - want).max() < 1e-5 * np.abs(want).max()


def test_integers_as_floats(tmp_path: Path) -> None:
    """The same layers on what is not rounded: near the integers' results, and a file of its own."""
    source, x = model_of("integers"), random(1, *SIZE, C)
    before = source.to_bytes()
    floats = czw_float.in_floats(source)
    assert source.to_bytes() == before and [op.op.name for op in floats.operators] == ["conv2d"] * 3
    assert [c.dtype for c in floats.constants] == [c.dtype for c in source.constants]
    want, got = run(source, x, tmp_path / "source.czw"), run(floats, x, tmp_path / "floats.czw")
    error = np.abs(got - want).mean() / np.abs(want).mean()
    assert 0 < error < 0.2
    again = onnx2czw.convert(czw2onnx.convert(floats, SIZE))
    assert np.abs(run(again, x, tmp_path / "again.czw") - got).max() < 1e-5 * np.abs(got).max()
