#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the golden cases: models with inputs and PyTorch's results, for tests/test_golden.c.

    generate.py FOLDER     writes FOLDER/<case>.czw and FOLDER/cases.txt, the list of their names"""
from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Callable, Iterator

import torch
import torch.nn.functional as F

from graph import Case, Value, nchw, nhwc
from network import mini_unet

# Largest relative RMS error against binary64. One rounding of binary32 is 3e-8 RMS.
EXACT = 0.0  # values only moved
SUM = 1e-6   # sums of products: error grows with the root of their number
FUNCTION = 1e-6

Maker = Callable[[Case], Value]


def single(name: str, tolerance: float, make: Maker) -> Case:
    case = Case(name, tolerance)
    case.output(make(case))
    return case


def conv_cases() -> Iterator[Case]:
    def conv(name: str, shape: tuple[int, int, int], cout: int, kernel: int | tuple[int, int], **options: object) -> Case:
        return single(f"conv_{name}", SUM, lambda c: c.conv(c.input(1, *shape), cout, kernel, **options))  # type: ignore

    yield conv("1x1", (7, 9, 24), 40, 1)
    yield conv("1x1_one_channel", (5, 6, 1), 1, 1, bias=False)
    yield conv("1x1_stride2", (9, 8, 16), 17, 1, stride=(2, 2))
    yield conv("3x3", (11, 13, 19), 33, 3)
    yield conv("3x3_large", (32, 33, 64), 96, 3)
    yield conv("3x3_stem", (18, 22, 4), 32, 3, stride=(2, 2), pads=(0, 0, 1, 1), act="relu6")
    yield conv("3x3_stride21", (12, 11, 8), 16, 3, stride=(2, 1), act="relu")
    yield conv("3x3_dilation2", (14, 15, 12), 20, 3, dilation=(2, 2), pads=(2, 2, 2, 2))
    yield conv("3x3_dilation13", (9, 20, 16), 16, 3, dilation=(1, 3), pads=(1, 3, 1, 3))
    yield conv("3x3_replicate", (8, 9, 10), 18, 3, replicate=True)
    yield conv("3x3_replicate_uneven", (8, 9, 10), 18, 3, pads=(2, 0, 1, 3), replicate=True, stride=(1, 2))
    yield conv("3x3_uneven", (8, 9, 10), 18, 3, pads=(0, 3, 2, 1))
    yield conv("3x3_wide_pads", (3, 4, 5), 7, 3, pads=(5, 4, 3, 6))
    yield conv("5x5_stride2", (15, 14, 6), 24, 5, stride=(2, 2))
    yield conv("7x7", (12, 12, 3), 16, 7, act="silu")
    yield conv("7x7_stride4", (21, 22, 4), 16, 7, stride=(4, 4))
    yield conv("1x5", (6, 17, 9), 11, (1, 5))
    yield conv("4x2_no_pads", (9, 9, 8), 16, (4, 2), pads=(0, 0, 0, 0))
    yield conv("2x2_patches", (16, 12, 20), 40, 2, stride=(2, 2), pads=(0, 0, 0, 0))
    yield conv("whole_image", (5, 6, 32), 48, (5, 6), pads=(0, 0, 0, 0))
    yield conv("groups2", (9, 10, 24), 48, 3, groups=2)
    yield conv("groups5_odd", (7, 8, 15), 35, 3, groups=5)
    yield conv("groups8_1x1", (6, 7, 64), 32, 1, groups=8)
    yield conv("depthwise_3x3", (13, 14, 40), 40, 3, groups=40, act="relu6")
    yield conv("depthwise_3x3_odd", (9, 9, 19), 19, 3, groups=19)
    yield conv("depthwise_3x3_stride2", (14, 16, 32), 32, 3, groups=32, stride=(2, 2), pads=(0, 0, 1, 1))
    yield conv("depthwise_5x5", (13, 12, 48), 48, 5, groups=48, replicate=True)
    yield conv("depthwise_5x5_stride2", (16, 18, 24), 24, 5, groups=24, stride=(2, 2), pads=(1, 1, 2, 2))
    yield conv("depthwise_7x7", (11, 12, 33), 33, 7, groups=33)
    yield conv("depthwise_dilated", (15, 16, 16), 16, 3, groups=16, dilation=(3, 2), pads=(3, 2, 3, 2), act="gelu")
    yield conv("depthwise_multiplier2", (8, 9, 12), 24, 3, groups=12)
    yield conv("f16", (9, 10, 20), 30, 3, dtype="f16")
    yield conv("i8", (9, 10, 20), 30, 3, dtype="i8")
    yield conv("depthwise_i8", (9, 10, 20), 20, 3, groups=20, dtype="i8")
    for act, p0, p1 in (("relu", 0, 0), ("relu6", 0, 0), ("clamp", -0.5, 0.75), ("leaky_relu", 0.1, 0),
                        ("hard_swish", 0, 0), ("silu", 0, 0), ("gelu", 0, 0), ("gelu_tanh", 0, 0), ("tanh", 0, 0),
                        ("sigmoid", 0, 0)):
        yield conv(f"act_{act}", (6, 7, 18), 35, 3, act=act, p0=float(p0), p1=float(p1))
    for before, affine, act in itertools.product((True, False), (False, True), ("none", "relu", "gelu")):
        def residual(c: Case, before: bool = before, affine: bool = affine, act: str = act) -> Value:
            x = c.input(1, 8, 9, 21)
            return c.conv(x, 21, 3, residual=x, before=before, affine=affine, act=act)
        yield single(f"conv_residual{1 if before else 2}_{act}{'_affine' if affine else ''}", SUM, residual)
    yield conv("affine", (8, 9, 12), 34, 3, affine=True, act="relu")
    yield conv("depthwise_affine", (8, 9, 20), 20, 3, groups=20, affine=True, act="silu")
    yield single("conv_depthwise_residual", SUM,
                 lambda c: (lambda x: c.conv(x, 20, 3, groups=20, residual=x, act="relu"))(c.input(1, 8, 9, 20)))


def transposed_cases() -> Iterator[Case]:
    def deconv(name: str, shape: tuple[int, int, int], cout: int, kernel: tuple[int, int], **options: object) -> Case:
        return single(f"conv_transpose_{name}", SUM,
                      lambda c: c.conv_transpose(c.input(1, *shape), cout, kernel, **options))  # type: ignore

    yield deconv("2x2_stride2", (7, 8, 20), 12, (2, 2), stride=(2, 2))
    yield deconv("4x4_stride2", (6, 7, 24), 18, (4, 4), stride=(2, 2), pads=(1, 1, 1, 1), act="relu")
    yield deconv("3x3_stride2", (6, 7, 16), 16, (3, 3), stride=(2, 2), pads=(1, 1, 0, 0))
    yield deconv("3x3_stride1", (6, 7, 9), 17, (3, 3), pads=(1, 1, 1, 1))
    yield deconv("2x5_stride31", (5, 6, 8), 8, (2, 5), stride=(3, 1), pads=(0, 2, 1, 1))
    yield deconv("dilated", (6, 5, 8), 10, (3, 3), stride=(2, 2), dilation=(2, 3), pads=(2, 3, 1, 2))
    yield deconv("groups", (6, 5, 12), 18, (4, 4), stride=(2, 2), pads=(1, 1, 1, 1), groups=3)
    yield deconv("depthwise", (6, 5, 12), 12, (4, 4), stride=(2, 2), pads=(1, 1, 1, 1), groups=12)
    yield deconv("end", (6, 7, 16), 20, (4, 4), stride=(2, 2), pads=(1, 1, 1, 1), affine=True, act="gelu")
    yield single("conv_transpose_residual", SUM, lambda c: c.conv_transpose(
        c.input(1, 4, 5, 16), 20, (2, 2), stride=(2, 2), act="silu", residual=c.input(1, 8, 10, 20, name="r"), before=True))


def matrix_cases() -> Iterator[Case]:
    for k, n in ((1, 1), (16, 16), (37, 65), (256, 100)):
        yield single(f"linear_{k}_{n}", SUM, lambda c, k=k, n=n: c.linear(c.input(1, 3, 7, k), n))
    yield single("linear_batch", SUM, lambda c: c.linear(c.input(3, 2, 5, 24), 40, act="gelu", bias=False))
    yield single("linear_f16_affine", SUM, lambda c: c.linear(c.input(1, 1, 50, 48), 96, "f16", affine=True, act="silu"))
    yield single("linear_i8", SUM, lambda c: c.linear(c.input(1, 1, 50, 48), 96, "i8"))
    yield single("linear_residual", SUM, lambda c: (lambda x: c.linear(x, 48, residual=x))(c.input(1, 5, 5, 48)))
    for name, a, b, transpose in (("plain", (1, 1, 9, 20), (1, 1, 20, 33), False),
                                  ("transpose", (1, 1, 9, 20), (1, 1, 33, 20), True),
                                  ("batch", (2, 3, 17, 31), (2, 3, 31, 40), False),
                                  ("batch_transpose", (2, 3, 17, 31), (2, 3, 40, 31), True),
                                  ("repeat_h", (2, 3, 8, 16), (2, 1, 16, 15), False),
                                  ("repeat_all", (2, 3, 8, 16), (1, 1, 15, 16), True),
                                  ("one", (1, 1, 1, 300), (1, 1, 300, 1), False)):
        # a single dot product may come out near zero, and its error is not averaged over others
        yield single(f"matmul_{name}", 4 * SUM if name == "one" else SUM, lambda c, a=a, b=b, t=transpose: c.matmul(
            c.input(*a), c.input(*b, name="b"), t, 0.125 if t else 1.0))
    for name, q, k, d, e, heads in (("self", (6, 7), None, 32, 32, 4), ("self_one_head", (5, 5), None, 20, 20, 1),
                                    ("cross", (4, 5), (7, 3), 16, 24, 2), ("cross_long", (3, 3), (20, 21), 64, 64, 2),
                                    ("odd_heads", (5, 6), (1, 11), 7, 9, 3), ("one_key", (4, 4), (1, 1), 8, 8, 2),
                                    ("many_queries", (24, 25), (2, 2), 48, 16, 1)):
        def attend(c: Case, q=q, k=k, d=d, e=e, heads=heads) -> Value:  # type: ignore[no-untyped-def]
            x = c.input(1, *q, heads * d)
            keys = x if k is None else c.input(1, *k, heads * d, name="k")
            values = c.input(1, *(k or q), heads * e, name="v")
            return c.attention(x, keys, values, heads, d ** -0.5)
        yield single(f"attention_{name}", SUM, attend)


def normal_cases() -> Iterator[Case]:
    for c_, gamma, beta in ((1, True, True), (15, True, True), (16, True, False), (33, False, True), (64, False, False),
                            (320, True, True)):
        yield single(f"layer_norm_{c_}", FUNCTION,
                     lambda c, n=c_, g=gamma, b=beta: c.layer_norm(c.input(1, 5, 6, n), 1e-5, g, b))
    yield single("layer_norm_eps", FUNCTION, lambda c: c.layer_norm(c.input(2, 5, 6, 24, scale=0.01), 1e-2))

    for axis, temperature in itertools.product(range(4), (1.0, 0.38)):
        yield single(f"softmax_axis{axis}_{temperature}", FUNCTION,
                     lambda c, a=axis, t=temperature: c.softmax(c.input(2, 5, 7, 35, scale=3), a, t))
    yield single("softmax_bins", FUNCTION, lambda c: c.softmax(c.input(1, 8, 9, 313, scale=4)))
    yield single("softmax_contiguous_axis1", FUNCTION, lambda c: c.softmax(c.input(3, 50, 1, 1), 1))
    yield single("softmax_wide_inner", FUNCTION, lambda c: c.softmax(c.input(1, 4, 30, 7), 1, 2.5))
    yield single("softmax_far_apart", FUNCTION, lambda c: c.softmax(c.input(1, 3, 3, 40, scale=60), 3, 0.5))

    for act, p0, p1 in (("none", 0, 0), ("relu", 0, 0), ("relu6", 0, 0), ("clamp", -1.5, 0.25), ("leaky_relu", 0.2, 0),
                        ("hard_swish", 0, 0), ("silu", 0, 0), ("gelu", 0, 0), ("gelu_tanh", 0, 0), ("tanh", 0, 0),
                        ("sigmoid", 0, 0)):
        for scale in (0.1, 4.0):
            yield single(f"activation_{act}_{scale}", FUNCTION, lambda c, a=act, p=float(p0), q=float(p1), s=scale:
                         c.activation(c.input(1, 11, 13, 7, scale=s), a, p, q))


def pool_cases() -> Iterator[Case]:
    def pool(c: Case, x: Value, kind: int, kernel: tuple[int, int], stride: tuple[int, int], pads: tuple[int, int],
             count: bool, ceil: bool) -> Value:
        v = nchw(x.value)
        if kind != 1:
            sign = 1 if kind == 0 else -1
            y = sign * F.max_pool2d(sign * v, kernel, stride, pads, ceil_mode=ceil)
        else:
            y = F.avg_pool2d(v, kernel, stride, pads, ceil, count)
        return c.same("pool2d", [x], nhwc(y), kind=kind, kernel_h=kernel[0], kernel_w=kernel[1], stride_h=stride[0],
                      stride_w=stride[1], pad_top=pads[0], pad_left=pads[1], pad_bottom=pads[0], pad_right=pads[1],
                      count_pad=int(count), ceil_mode=int(ceil))

    shapes = (("2x2", (2, 2), (2, 2), (0, 0)), ("3x3s2p1", (3, 3), (2, 2), (1, 1)), ("3x2s21p01", (3, 2), (2, 1), (0, 1)),
              ("5x5s3p2", (5, 5), (3, 3), (2, 2)), ("1x1s2", (1, 1), (2, 2), (0, 0)), ("4x4s3p1", (4, 4), (3, 3), (1, 1)))
    for (name, kernel, stride, pads), ceil in itertools.product(shapes, (False, True)):
        for kind, count in ((0, False), (1, False), (1, True), (2, False)):
            label = f"pool_{('max', 'avg', 'min')[kind]}_{name}{'_ceil' if ceil else ''}{'_count' if count else ''}"
            yield single(label, SUM if kind == 1 else EXACT,
                         lambda c, k=kernel, s=stride, p=pads, m=ceil, i=kind, n=count:
                         pool(c, c.input(1, 11, 14, 21 if i == 1 else 5), i, k, s, p, n, m))

    def uneven(c: Case) -> Value:
        x = c.input(1, 8, 9, 17)
        y = F.max_pool2d(F.pad(nchw(x.value), (0, 1, 2, 0), value=-1e30), 3, 2)
        return c.same("pool2d", [x], nhwc(y), kind=0, kernel_h=3, kernel_w=3, stride_h=2, stride_w=2, pad_top=2,
                      pad_right=1)
    yield single("pool_max_uneven", EXACT, uneven)
    for kind, n in itertools.product((0, 1), (1, 2)):
        def whole(c: Case, kind: int = kind, n: int = n) -> Value:
            x = c.input(n, 9, 31, 70)
            y = x.value.amax((1, 2), keepdim=True) if kind == 0 else x.value.mean((1, 2), keepdim=True)
            return c.same("global_pool", [x], y, kind=kind)
        # a mean of normal values is near zero: its terms' roundings, of size one, are what the error is made of
        yield single(f"global_pool_{'max' if kind == 0 else 'avg'}_{n}", EXACT if kind == 0 else 2 * SUM, whole)


def resize_cases() -> Iterator[Case]:
    ratios = ((2, 1, 2, 1), (4, 1, 4, 1), (1, 2, 1, 2), (3, 2, 5, 4), (2, 3, 1, 1), (1, 4, 7, 3), (1, 9, 1, 10))
    for mode, corners in (("nearest", False), ("bilinear", False), ("bilinear", True), ("bicubic", False),
                          ("bicubic", True)):
        for ratio in ratios:
            label = f"resize_{mode}{'_corners' if corners else ''}_" + "_".join(map(str, ratio))
            yield single(label, EXACT if mode == "nearest" else SUM, lambda c, m=mode, a=corners, r=ratio:
                         c.resize(c.input(1, 9, 10, 18), m, r, a))
        yield single(f"resize_{mode}{'_corners' if corners else ''}_like", EXACT if mode == "nearest" else SUM,
                     lambda c, m=mode, a=corners: c.resize(c.input(1, 7, 5, 3), m, corners=a,
                                                           like=c.input(1, 13, 17, 2, name="size")))
    yield single("resize_bilinear_64", SUM, lambda c: c.resize(c.input(1, 16, 17, 64), "bilinear"))
    yield single("resize_from_one", SUM, lambda c: c.resize(c.input(1, 1, 1, 20), "bicubic", (5, 1, 3, 1)))


def moving_cases() -> Iterator[Case]:
    for r, c_ in ((1, 5), (2, 3), (2, 16), (3, 7), (4, 2)):
        yield single(f"pixel_shuffle_{r}_{c_}", EXACT, lambda c, r=r, n=c_: (lambda x: c.same(
            "pixel_shuffle", [x], nhwc(F.pixel_shuffle(nchw(x.value), r)), factor=r))(c.input(2, 4, 5, n * r * r)))
    for axis, sizes in ((0, (1, 2)), (1, (3, 4, 1)), (2, (2, 5)), (3, (16, 7, 33)), (3, (1, 2, 3, 4, 5, 6, 7, 8))):
        def joined(c: Case, axis: int = axis, sizes: tuple[int, ...] = sizes) -> Value:
            shape = [2, 5, 6, 9]
            parts = []
            for i, n in enumerate(sizes):
                shape[axis] = n
                parts.append(c.input(*shape, name=f"x{i}"))
            return c.same("concat", parts, torch.cat([p.value for p in parts], axis), axis=axis)
        yield single(f"concat_{axis}_{len(sizes)}", EXACT, joined)
    shapes = (("same", (2, 5, 6, 20)), ("channel", (1, 1, 1, 20)), ("pixel", (2, 5, 6, 1)), ("scalar", (1, 1, 1, 1)),
              ("row", (1, 5, 1, 20)), ("column", (2, 1, 6, 20)), ("image", (1, 5, 6, 1)), ("gate", (2, 1, 1, 20)))
    for op, (name, shape) in itertools.product(("add", "mul"), shapes):
        yield single(f"{op}_{name}", FUNCTION, lambda c, o=op, s=shape: c.binary(
            o, c.input(2, 5, 6, 20), c.input(*s, name="b"), "none" if o == "add" else "silu"))
    yield single("add_constant_relu", FUNCTION,
                 lambda c: c.binary("add", c.input(1, 7, 8, 33), c.constant(1, 1, 1, 33), "relu"))
    for axis, begin, end, step in ((0, 1, 3, 1), (1, 2, 7, 2), (2, 0, 9, 3), (3, 5, 1000, 1), (3, 1, 30, 4), (2, 3, 4, 1)):
        def cut(c: Case, axis: int = axis, begin: int = begin, end: int = end, step: int = step) -> Value:
            x = c.input(3, 7, 9, 31)
            where = [slice(None)] * axis + [slice(begin, end, step)]
            return c.same("slice", [x], x.value[tuple(where)], axis=axis, begin=begin, end=end, step=step)
        yield single(f"slice_{axis}_{begin}_{end}_{step}", EXACT, cut)
    for mode, name in enumerate(("constant", "replicate", "reflect")):
        for pads in ((1, 2, 3, 4), (0, 5, 4, 0)):
            def padded(c: Case, mode: int = mode, name: str = name, pads: tuple[int, ...] = pads) -> Value:
                x = c.input(1, 6, 7, 10)
                top, left, bottom, right = pads
                value = {"value": -0.5} if mode == 0 else {}
                y = F.pad(nchw(x.value), (left, right, top, bottom), name, **value)
                return c.same("pad", [x], nhwc(y), pad_top=top, pad_left=left, pad_bottom=bottom, pad_right=right,
                              mode=mode, **value)
            yield single(f"pad_{name}_{pads[0]}", EXACT, padded)
    for i, shape in enumerate(((0, 0, -1, 0), (1, 1, -1, 9), (0, 36, 0, -1), (-1, 1, 1, 3))):
        def reshaped(c: Case, shape: tuple[int, ...] = shape) -> Value:
            x = c.input(2, 3, 6, 18)
            to = [x.shape[k] if n == 0 else n for k, n in enumerate(shape)]
            if shape == (0, 36, 0, -1):
                to = [2, 36, 6, -1]
                return c.same("reshape", [x], x.value.reshape(2, 9, 6, 6), n=0, h=9, w=0, c=-1)
            return c.same("reshape", [x], x.value.reshape(to), **dict(zip("nhwc", shape)))
        yield single(f"reshape_{i}", EXACT, reshaped)
    for axes in itertools.permutations(range(4)):
        yield single("transpose_" + "".join(map(str, axes)), EXACT, lambda c, a=axes: (lambda x: c.same(
            "transpose", [x], x.value.permute(*a), **{f"axis{i}": k for i, k in enumerate(a)}))(c.input(2, 5, 19, 35)))


def integer_cases() -> Iterator[Case]:
    """Quantization is seen through a convolution, for outputs are f32."""
    shapes = ((7, 9, 24), (5, 6, 1), (11, 13, 19), (33, 34, 77))
    for (h, w, c_), kernel in itertools.product(shapes, (1, 3)):
        yield single(f"i8_{kernel}x{kernel}_{c_}", SUM, lambda c, s=(1, h, w, c_), k=kernel: c.conv_i8(
            c.quantize(c.input(*s), 0.04, 64), 40, k, x_scale=0.04, x_zero=64, act="relu6"))
    yield single("i8_stride_dilation", SUM, lambda c: c.conv_i8(
        c.quantize(c.input(1, 15, 18, 10), 0.03, 9), 17, 3, x_scale=0.03, x_zero=9, stride=2, dilation=2, pad=3))

    def block(c: Case, residual: bool, kernel: int, stride: int) -> Value:
        x = c.input(1, 12, 13, 22)
        y = c.conv_i8(c.quantize(x, 0.05, 60), 132, x_scale=0.05, x_zero=60, act="relu6", out_scale=6 / 255)
        y = c.conv_i8(y, 132, kernel, x_scale=6 / 255, x_zero=0, stride=stride, groups=132, act="relu6",
                      out_scale=0.02, out_zero=3)
        return c.conv_i8(y, 22, x_scale=0.02, x_zero=3, residual=x if residual else None, before=True)

    for residual, kernel, stride in ((True, 3, 1), (True, 5, 1), (False, 3, 2), (False, 5, 2)):
        yield single(f"i8_block{kernel}_{stride}", SUM,
                     lambda c, r=residual, k=kernel, s=stride: block(c, r, k, s))
    for act in ("none", "silu", "leaky_relu"):
        yield single(f"i8_act_{act}", SUM, lambda c, a=act: c.conv_i8(
            c.conv_i8(c.quantize(c.input(1, 6, 7, 18), 0.04, 64), 35, 3, x_scale=0.04, x_zero=64, act=a,
                      p0=0.1 if a == "leaky_relu" else 0.0, out_scale=0.04, out_zero=50),
            9, x_scale=0.04, x_zero=50, act="gelu"))


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    names: list[str] = []
    groups = (conv_cases, transposed_cases, matrix_cases, normal_cases, pool_cases, resize_cases, moving_cases,
              integer_cases)
    for case in itertools.chain(*(g() for g in groups), [mini_unet()]):
        names.append(case.write(folder))
    if len(set(names)) != len(names):
        raise SystemExit("two cases have one name")
    (folder / "cases.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
