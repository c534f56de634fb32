# SPDX-License-Identifier: BSD-2-Clause
"""Builds a .czw model and computes it with PyTorch in binary64 at the same time, operator by operator."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import czw  # noqa: E402


def nchw(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def nhwc(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).contiguous()


def activate(x: Tensor, act: str = "none", p0: float = 0.0, p1: float = 0.0) -> Tensor:
    """PyTorch's function for an activation's name in tools/czw.py."""
    if act == "clamp":
        return torch.clamp(x, p0, p1)
    if act == "leaky_relu":
        return F.leaky_relu(x, p0)
    if act == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    functions = {"none": lambda v: v, "relu": F.relu, "relu6": F.relu6, "hard_swish": F.hardswish, "silu": F.silu,
                 "gelu": F.gelu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
    return functions[act](x)  # type: ignore[no-any-return]


def to_u8(x: Tensor, scale: float, zero: int) -> Tensor:
    return (x / float(np.float32(scale)) + zero).clamp(0, 255).round()


class Value:
    """A tensor of the model with the value PyTorch computes for it, N H W C."""

    def __init__(self, tensor: czw.Tensor, value: Tensor) -> None:
        self.tensor = tensor
        self.value = value

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape)


class Case:
    """One file: inputs with their values, operators, and what every output must be.

    The value of input `x` is the constant "given.x"; that of output `y` the constant "expect.y", computed in binary64
    and rounded. Metadata "tolerance" is the largest relative RMS error an output may have; 0 asks for equality."""

    def __init__(self, name: str, tolerance: float) -> None:
        self.name = name
        self.tolerance = tolerance
        self.model = czw.Model()
        self.random = np.random.default_rng(np.frombuffer(name.encode(), np.uint8))
        self.expected: list[tuple[str, Tensor]] = []

    # ------------------------------------------------------------ values

    def values(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Normal values that binary32 holds exactly."""
        return torch.from_numpy((self.random.standard_normal(shape) * scale).astype(np.float32)).double()

    def input(self, *shape: int, scale: float = 1.0, name: str = "x") -> Value:
        n, h, w, c = shape
        value = self.values(*shape, scale=scale)
        self.model.constant(f"given.{name}", value.numpy().reshape(1, n * h, w, c))
        tensor = self.model.input(name, (1, n * h, w, c))
        if n != 1:  # inputs have N = 1
            tensor = self.model.op("reshape", [tensor], n=n, h=h)
        return Value(tensor, value)

    def constant(self, *shape: int, scale: float = 1.0, name: str = "c", dtype: str = "f32") -> Value:
        value = self.values(*shape, scale=scale)
        tensor = self.model.constant(f"{name}{len(self.model.constants)}", value.numpy(), dtype)
        stored = self.model.constants[-1].values().astype(np.float64)  # what the type made of it
        return Value(tensor, torch.from_numpy(stored))

    def output(self, v: Value, name: str = "y") -> None:
        self.model.output(name, v.tensor)
        self.expected.append((name, v.value))

    def write(self, folder: Path) -> str:
        for name, value in self.expected:
            self.model.constant(f"expect.{name}", value.numpy())
        self.model.metadata["tolerance"] = repr(self.tolerance)
        self.model.write(folder / f"{self.name}.czw")
        return self.name

    # ------------------------------------------------------------ operators

    def op(self, op: str, inputs: Sequence[Value | None], value: Tensor, /, **attributes: Any) -> Value:
        tensors = [None if v is None else v.tensor for v in inputs]
        return Value(self.model.op(op, tensors, **attributes), value)

    def fused(self, op: str, x: Value, w: Value, plain: Tensor, *, bias: bool = True, affine: bool = False,
              act: str = "none", p0: float = 0.0, p1: float = 0.0, residual: Value | None = None,
              before: bool = False, **attributes: Any) -> Value:
        """An operator that ends with bias, activation, affine and residual; `plain` is its bare result, NHWC."""
        channels = plain.shape[3]
        b = self.constant(1, 1, 1, channels) if bias else None
        scale = self.constant(1, 1, 1, channels) if affine else None
        shift = self.constant(1, 1, 1, channels) if affine else None
        y = plain if b is None else plain + b.value
        if residual is not None and before:
            y = y + residual.value
        y = activate(y, act, p0, p1)
        if scale is not None and shift is not None:
            y = y * scale.value + shift.value
        if residual is not None and not before:
            y = y + residual.value
        if residual is not None:
            attributes["residual"] = 1 if before else 2
        if p0 or p1:
            attributes.update(act_p0=p0, act_p1=p1)
        return self.op(op, [x, w, b, scale, shift, residual], y, act=act, **attributes)

    def conv(self, x: Value, cout: int, kernel: int | tuple[int, int] = 1, *,
             stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1),
             pads: tuple[int, int, int, int] | None = None, replicate: bool = False, groups: int = 1,
             dtype: str = "f32", **end: Any) -> Value:
        """conv2d; pads are top, left, bottom, right (None: half the kernel)."""
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        top, left, bottom, right = pads if pads is not None else (kh // 2, kw // 2, kh // 2, kw // 2)
        cin = x.shape[3] // groups
        w = self.constant(cout, kh, kw, cin, scale=(kh * kw * cin) ** -0.5, dtype=dtype)
        padded = F.pad(nchw(x.value), (left, right, top, bottom), "replicate" if replicate else "constant")
        y = F.conv2d(padded, nchw(w.value), None, stride, 0, dilation, groups)
        return self.fused("conv2d", x, w, nhwc(y), stride_h=stride[0], stride_w=stride[1], dilation_h=dilation[0],
                          dilation_w=dilation[1], pad_top=top, pad_left=left, pad_bottom=bottom, pad_right=right,
                          pad_mode=int(replicate), groups=groups, **end)

    def quantize(self, x: Value, scale: float, zero: int) -> Value:
        """u8; the value is the steps, not what they stand for."""
        return self.op("quantize", [x], to_u8(x.value, scale, zero), scale=scale, zero=zero)

    def conv_i8(self, x: Value, cout: int, kernel: int = 1, *, x_scale: float, x_zero: int, stride: int = 1,
                dilation: int = 1, pad: int | None = None, groups: int = 1, out_scale: float = 0.0, out_zero: int = 0,
                **end: Any) -> Value:
        """conv2d_i8 of x, u8."""
        pad = kernel // 2 if pad is None else pad
        cin = x.shape[3] // groups
        w = self.constant(cout, kernel, kernel, cin, scale=(kernel * kernel * cin) ** -0.5, dtype="i8")
        steps = F.pad(nchw(x.value - x_zero), (pad,) * 4)
        y = F.conv2d(steps, nchw(w.value), None, stride, 0, dilation, groups) * float(np.float32(x_scale))
        v = self.fused("conv2d_i8", x, w, nhwc(y), stride=stride, dilation=dilation, pad_top=pad, pad_left=pad,
                       pad_bottom=pad, pad_right=pad, groups=groups, x_scale=x_scale, x_zero=x_zero,
                       out_scale=out_scale, out_zero=out_zero, **end)
        return Value(v.tensor, to_u8(v.value, out_scale, out_zero)) if out_scale else v

    def conv_transpose(self, x: Value, cout: int, kernel: tuple[int, int], *, stride: tuple[int, int] = (1, 1),
                       dilation: tuple[int, int] = (1, 1), pads: tuple[int, int, int, int] = (0, 0, 0, 0),
                       groups: int = 1, **end: Any) -> Value:
        kh, kw = kernel
        cin = x.shape[3] // groups
        w = self.constant(cout, kh, kw, cin, scale=(kh * kw * cin) ** -0.5)
        # PyTorch's weight is [Cin, Cout / groups, kh, kw]
        parts = [nchw(w.value)[g * cout // groups:(g + 1) * cout // groups].transpose(0, 1) for g in range(groups)]
        full = F.conv_transpose2d(nchw(x.value), torch.cat(parts), None, stride, 0, 0, groups, dilation)
        top, left, bottom, right = pads
        y = nhwc(full)[:, top:full.shape[2] - bottom, left:full.shape[3] - right].contiguous()
        return self.fused("conv_transpose2d", x, w, y, stride_h=stride[0], stride_w=stride[1],
                          dilation_h=dilation[0], dilation_w=dilation[1], pad_top=top, pad_left=left,
                          pad_bottom=bottom, pad_right=right, groups=groups, **end)

    def linear(self, x: Value, cout: int, dtype: str = "f32", **end: Any) -> Value:
        w = self.constant(cout, 1, 1, x.shape[3], scale=x.shape[3] ** -0.5, dtype=dtype)
        return self.fused("linear", x, w, F.linear(x.value, w.value[:, 0, 0]), **end)

    def matmul(self, a: Value, b: Value, transpose_b: bool = False, alpha: float = 1.0) -> Value:
        right = b.value.transpose(2, 3) if transpose_b else b.value
        y = torch.matmul(a.value, right) * float(np.float32(alpha))
        return self.op("matmul", [a, b], y, transpose_b=int(transpose_b), alpha=alpha)

    def attention(self, q: Value, k: Value, v: Value, heads: int, scale: float) -> Value:
        def split(x: Tensor) -> Tensor:  # [1, h, w, heads d] -> [heads, h w, d]
            return x.reshape(-1, heads, x.shape[3] // heads).transpose(0, 1)

        scores = torch.matmul(split(q.value), split(k.value).transpose(1, 2)) * float(np.float32(scale))
        mixed = torch.matmul(torch.softmax(scores, -1), split(v.value))
        y = mixed.transpose(0, 1).reshape(1, q.shape[1], q.shape[2], v.shape[3])
        return self.op("attention", [q, k, v], y.contiguous(), heads=heads, scale=scale)

    def layer_norm(self, x: Value, eps: float = 1e-5, gamma: bool = True, beta: bool = True) -> Value:
        c = x.shape[3]
        g = self.constant(1, 1, 1, c) if gamma else None
        b = self.constant(1, 1, 1, c) if beta else None
        y = F.layer_norm(x.value, (c,), None if g is None else g.value.reshape(c),
                         None if b is None else b.value.reshape(c), float(np.float32(eps)))
        return self.op("layer_norm", [x, g, b], y, eps=eps)

    def softmax(self, x: Value, axis: int = 3, temperature: float = 1.0) -> Value:
        y = torch.softmax(x.value / float(np.float32(temperature)), axis)
        return self.op("softmax", [x], y, axis=axis, temperature=temperature)

    def activation(self, x: Value, act: str, p0: float = 0.0, p1: float = 0.0) -> Value:
        extra = {"act_p0": p0, "act_p1": p1} if p0 or p1 else {}
        y = activate(x.value, act, float(np.float32(p0)), float(np.float32(p1)))
        return self.op("activation", [x], y, act=act, **extra)

    def binary(self, op: str, a: Value, b: Value, act: str = "none") -> Value:
        y = a.value + b.value if op == "add" else a.value * b.value
        return self.op(op, [a, b], activate(y, act), act=act)

    def resize(self, x: Value, mode: str, ratio: tuple[int, int, int, int] = (2, 1, 2, 1), corners: bool = False,
               like: Value | None = None) -> Value:
        """`ratio`: num_h, den_h, num_w, den_w; `like` gives the size instead."""
        nh, dh, nw, dw = ratio if like is None else (1, 1, 1, 1)
        size = (x.shape[1] * nh // dh, x.shape[2] * nw // dw) if like is None else like.shape[1:3]
        y = F.interpolate(nchw(x.value), size=size, mode=mode, align_corners=None if mode == "nearest" else corners)
        modes = {"nearest": 0, "bilinear": 1, "bicubic": 2}
        return self.op("resize", [x, like], nhwc(y), mode=modes[mode], align_corners=int(corners), num_h=nh, den_h=dh,
                       num_w=nw, den_w=dw)

    def same(self, op: str, inputs: Sequence[Value], value: Tensor, /, **attributes: Any) -> Value:
        """An operator whose PyTorch value is given by the caller."""
        return self.op(op, inputs, value.contiguous(), **attributes)
