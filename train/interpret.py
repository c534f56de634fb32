# SPDX-License-Identifier: BSD-2-Clause
"""Runs a .czw model's records in PyTorch: an independent check of an export, and of the C library.

Only what exported networks use is here; an unknown operator or attribute stops it.
"""
from __future__ import annotations

from typing import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools import czw

# Inside, tensors are N H W C as in the file.


def _nchw(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _nhwc(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def activate(x: Tensor, a: dict[str, float]) -> Tensor:
    kind, p0, p1 = a["act"], a["act_p0"], a["act_p1"]
    if kind == 0:
        return x
    if kind == 1:
        return x.clamp(p0, p1)
    if kind == 2:
        return torch.where(x > 0, x, x * p0)
    if kind == 5:
        return F.gelu(x)
    raise NotImplementedError(f"activation {kind}")


def _conv2d(inputs: list[Tensor | None], a: dict[str, float]) -> Tensor:
    x, weight, bias, scale, _, residual = inputs + [None] * (6 - len(inputs))
    assert x is not None and weight is not None and scale is None
    left, right, top, bottom = (int(a["pad_" + side]) for side in ("left", "right", "top", "bottom"))
    mode = "replicate" if a["pad_mode"] else "constant"
    y = F.conv2d(F.pad(_nchw(x), (left, right, top, bottom), mode=mode), weight.permute(0, 3, 1, 2),
                 None if bias is None else bias.flatten(), (int(a["stride_h"]), int(a["stride_w"])), 0,
                 (int(a["dilation_h"]), int(a["dilation_w"])), int(a["groups"]))
    y = _nhwc(y)
    if a["residual"] == 1 and residual is not None:
        y = y + residual
    y = activate(y, a)
    return y + residual if a["residual"] == 2 and residual is not None else y


def _quantize(x: Tensor, scale: float, zero: float) -> Tensor:
    return (x / scale + zero).clamp(0, 255).round()


def _conv2d_i8(inputs: list[Tensor | None], a: dict[str, float]) -> Tensor:
    """x and the result hold steps of u8 tensors; the weight is samples times scales."""
    x = inputs[0]
    assert x is not None
    both = {name + side: a[name] for name in ("stride", "dilation") for side in ("_h", "_w")}
    y = _conv2d([(x - a["x_zero"]) * a["x_scale"], *inputs[1:]], {**a, **both, "pad_mode": 0})
    return _quantize(y, a["out_scale"], a["out_zero"]) if a["out_scale"] else y


def _attention(inputs: list[Tensor | None], a: dict[str, float]) -> Tensor:
    heads = int(a["heads"])

    def split(t: Tensor | None) -> Tensor:
        assert t is not None
        return t.reshape(-1, heads, t.shape[3] // heads).transpose(0, 1)

    q, k, v = (split(t) for t in inputs)
    mixed = ((q @ k.transpose(1, 2)) * a["scale"]).softmax(-1) @ v
    assert inputs[0] is not None
    return mixed.transpose(0, 1).reshape(*inputs[0].shape[:3], -1)


def _layer_norm(inputs: list[Tensor | None], a: dict[str, float]) -> Tensor:
    x, gamma, beta = inputs
    assert x is not None and gamma is not None and beta is not None
    return F.layer_norm(x, (x.shape[3],), gamma.flatten(), beta.flatten(), a["eps"])


def _resize(inputs: list[Tensor | None], a: dict[str, float]) -> Tensor:
    x = inputs[0]
    assert x is not None and a["mode"] == 1 and not a["align_corners"] and a["den_h"] == a["den_w"] == 1
    scale = (float(a["num_h"]), float(a["num_w"]))
    return _nhwc(F.interpolate(_nchw(x), scale_factor=scale, mode="bilinear", align_corners=False))


def _pool(inputs: list[Tensor | None], a: dict[str, float]) -> Tensor:
    x = inputs[0]
    assert x is not None and a["kind"] != 1 and not a["pad_top"] and not a["pad_left"] and not a["ceil_mode"]
    kernel = (int(a["kernel_h"]), int(a["kernel_w"]))
    sign = 1 if a["kind"] == 0 else -1
    return _nhwc(sign * F.max_pool2d(_nchw(sign * x), kernel, (int(a["stride_h"]), int(a["stride_w"]))))


def _slice(inputs: list[Tensor | None], a: dict[str, float]) -> Tensor:
    x = inputs[0]
    assert x is not None
    where = [slice(None)] * 4
    where[int(a["axis"])] = slice(int(a["begin"]), int(a["end"]), int(a["step"]))
    return x[where[0], where[1], where[2], where[3]]


def _quantized(inputs: list[Tensor | None], a: dict[str, float]) -> Tensor:
    x = inputs[0]
    assert x is not None
    return _quantize(x, a["scale"], a["zero"])


RUN: dict[str, Callable[[list[Tensor | None], dict[str, float]], Tensor]] = {
    "conv2d": _conv2d,
    "attention": _attention,
    "layer_norm": _layer_norm,
    "resize": _resize,
    "pool2d": _pool,
    "slice": _slice,
    "quantize": _quantized,
    "conv2d_i8": _conv2d_i8,
    "concat": lambda inputs, a: torch.cat([t for t in inputs if t is not None], int(a["axis"])),
}


def evaluate(model: czw.Model, constants: Sequence[Tensor], image: Tensor) -> dict[str, Tensor]:
    """Outputs by name for an input [1, H, W, C]."""
    results: list[Tensor] = []

    def value(t: czw.Tensor) -> Tensor:
        if t.kind == "input":
            return image
        return constants[t.index] if t.kind == "constant" else results[t.index]

    for op in model.operators:
        results.append(RUN[op.op.name]([None if t is None else value(t) for t in op.inputs], op.attributes))
    return {o.name: results[o.tensor.index] for o in model.outputs}


@torch.no_grad()
def run(model: czw.Model, image: np.ndarray) -> dict[str, np.ndarray]:
    """The same for arrays, with the constants as the file stores them."""
    constants = [torch.from_numpy(np.ascontiguousarray(c.values())) for c in model.constants]
    return {k: v.numpy() for k, v in evaluate(model, constants, torch.from_numpy(image)).items()}
