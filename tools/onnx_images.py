# SPDX-License-Identifier: BSD-2-Clause
"""The ONNX operators on images: convolution, pooling, resizing."""
from __future__ import annotations

from fractions import Fraction
from typing import Sequence

import numpy as np

from czw_graph import ImportFailure, Node, constant, node
from onnx_base import Attributes, Base, Thing
from onnx_fold import axes_of
from onnx_values import Group, Value, fresh, size

MODES = {"nearest": 0, "linear": 1, "cubic": 2}


def reads_floor(place: str, rounding: str, scale: Fraction) -> bool:
    """Whether a nearest row y is floor(y / scale), as the operator takes it."""
    if place == "align_corners":  # another rule, but the operator has it
        return rounding == "round_prefer_ceil"
    if place == "asymmetric":
        return rounding == "floor" or (rounding == "round_prefer_floor" and scale in (1, 2))
    return place in ("half_pixel", "pytorch_half_pixel") and scale.denominator == 1 and rounding in (
        "round_prefer_floor", "round_prefer_ceil")


class Images(Base):
    """A mixin of Importer."""

    def pads(self, a: Attributes, x: Value, kernel: Sequence[int]) -> dict[str, float]:
        """pad_top ..., from pads or auto_pad."""
        mode = a.get("auto_pad", "NOTSET")
        top, left, bottom, right = a.get("pads", (0, 0, 0, 0))
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            ends = []
            for k, s, d, group in zip(kernel, a.get("strides", (1, 1)), a.get("dilations", (1, 1)), x.axes[2:]):
                extent = size(group)
                if s > 1 and extent % s:
                    self.fix("the padding depends on the input's size")
                total = max((-(-extent // s) - 1) * s + (k - 1) * d + 1 - extent, 0)
                ends.append((total // 2, total - total // 2) if mode == "SAME_UPPER" else
                            (total - total // 2, total // 2))
            (top, bottom), (left, right) = ends
        return {"pad_top": top, "pad_left": left, "pad_bottom": bottom, "pad_right": right}

    def steps(self, a: Attributes) -> dict[str, float]:
        stride_h, stride_w = a.get("strides", (1, 1))
        dilation_h, dilation_w = a.get("dilations", (1, 1))
        return {"stride_h": stride_h, "stride_w": stride_w, "dilation_h": dilation_h, "dilation_w": dilation_w}

    def op_Conv(self, a: Attributes, x: Thing, weight: Thing, bias: Thing | None = None) -> Value:
        image = self.value(x).image()
        w = self.array(weight, "the weight")
        if w.ndim != 4:
            raise ImportFailure(f"a kernel of {w.ndim - 2} dimensions")
        out = node("conv2d", [image.node, constant(w.transpose(0, 2, 3, 1), self.name + ".weight"),
                              self.vector(bias, "the bias")], self.name, groups=a.get("group", 1),
                   **self.steps(a), **self.pads(a, image, w.shape[2:]))
        return self.image_result(image, out)

    def op_ConvTranspose(self, a: Attributes, x: Thing, weight: Thing, bias: Thing | None = None) -> Value:
        image = self.value(x).image()
        w, groups = self.array(weight, "the weight"), a.get("group", 1)
        if w.ndim != 4 or a.get("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in a:
            raise ImportFailure("only two dimensions with pads and output_padding are supported")
        cin, per_group, kh, kw = w.shape  # ONNX: [Cin, Cout / groups, kh, kw]
        w = w.reshape(groups, cin // groups, per_group, kh, kw).transpose(0, 2, 3, 4, 1)
        w = w.reshape(groups * per_group, kh, kw, cin // groups)
        more_h, more_w = a.get("output_padding", (0, 0))
        pads = self.pads(a, image, (kh, kw))
        pads["pad_bottom"] -= more_h
        pads["pad_right"] -= more_w
        if min(pads["pad_bottom"], pads["pad_right"]) < 0:
            raise ImportFailure("output_padding is above the padding")
        out = node("conv_transpose2d", [image.node, constant(w, self.name + ".weight"), self.vector(bias, "the bias")],
                   self.name, groups=groups, **self.steps(a), **pads)
        return self.image_result(image, out)

    def pool(self, a: Attributes, x: Thing, kind: int) -> Value:
        image = self.value(x).image()
        kernel = a["kernel_shape"]
        if tuple(a.get("dilations", (1, 1))) != (1, 1) or len(kernel) != 2:
            raise ImportFailure("only two dimensions without dilation are supported")
        steps = self.steps(a)
        pads = self.pads(a, image, kernel)
        count = kind == 1 and a.get("count_include_pad", 0) == 1 and any(pads.values())
        out = node("pool2d", [image.node], self.name, kind=kind, kernel_h=kernel[0], kernel_w=kernel[1],
                   stride_h=steps["stride_h"], stride_w=steps["stride_w"], count_pad=int(count),
                   ceil_mode=a.get("ceil_mode", 0), **pads)
        return self.image_result(image, out)

    def op_MaxPool(self, a: Attributes, x: Thing) -> Value:
        return self.pool(a, x, 0)

    def op_AveragePool(self, a: Attributes, x: Thing) -> Value:
        return self.pool(a, x, 1)

    def op_GlobalAveragePool(self, a: Attributes, x: Thing, kind: int = 1) -> Value:
        image = self.value(x).image()
        return self.image_result(image, node("global_pool", [image.node], self.name, kind=kind))

    def op_GlobalMaxPool(self, a: Attributes, x: Thing) -> Value:
        return self.op_GlobalAveragePool(a, x, 0)

    def op_ReduceMean(self, a: Attributes, x: Thing, axes: Thing | None = None) -> Value:
        """Over H and W: a pool. Over the last axis, or C: part of a layer norm."""
        v = self.value(x)
        rank = len(v.axes)
        over = sorted(i % rank for i in axes_of(a, [None, None if axes is None else self.array(axes, "axes")], 1) or [])
        if rank == 4 and over == [2, 3]:
            pooled = self.op_GlobalAveragePool({}, v)
            return pooled if a.get("keepdims", 1) else pooled.reshape(pooled.dims[:2])
        if len(over) != 1 or not a.get("keepdims", 1):
            raise ImportFailure(f"over axes {over}")
        v = v.tokens(over[0])
        groups = [g if i != over[0] else () for i, g in enumerate(v.axes)]
        return Value(node("mean", [v.node], self.name), tuple(groups), (*v.placed[:3], ()), self.fix)

    # ------------------------------------------------------------ resizing

    def op_Resize(self, a: Attributes, x: Thing, roi: Thing | None = None, scales: Thing | None = None,
                  sizes: Thing | None = None) -> Value:
        if scales is None and sizes is None:  # opset 10: x, scales
            a, scales = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", **a}, roi
        image = self.value(x).image()
        mode = MODES.get(a.get("mode", "nearest"))
        place = a.get("coordinate_transformation_mode", "half_pixel")
        given = self.array(scales if sizes is None else sizes, "the scales or sizes").astype(np.float64)
        if len(given) != 4:
            raise ImportFailure("gives no scale or size for each of N, C, H, W")
        if sizes is not None:
            given = given / np.array(image.dims)
        ratios = [Fraction(float(r)).limit_denominator(64) for r in given]
        if mode is None or ratios[0] != 1 or ratios[1] != 1 or a.get("antialias", 0):
            raise ImportFailure("only H and W, nearest, linear and cubic")
        if mode == 2 and a.get("cubic_coeff_a", -0.75) != -0.75:
            raise ImportFailure("cubic_coeff_a is not -0.75")
        for r, exact, extent in zip(ratios[2:], given[2:], image.dims[2:]):
            if not 0 < r.numerator <= 64 or int(extent * r) != int(extent * exact + 1e-6):
                raise ImportFailure(f"a scale of {exact} is no ratio of numbers up to 64")
            if sizes is None and mode != 0 and place != "align_corners" and (extent * r).denominator != 1:
                raise ImportFailure(f"a scale of {exact} of {extent} rows or columns is not whole")
            if sizes is not None and r.denominator != 1:
                self.fix("a size that is no whole multiple")
            if mode == 0 and not reads_floor(place, a.get("nearest_mode", "round_prefer_floor"), r):
                raise ImportFailure(f"nearest with {place}, {a.get('nearest_mode')} and a scale of {exact}")
        if mode != 0 and place not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
            raise ImportFailure(f"coordinate_transformation_mode {place}")
        out = node("resize", [image.node], self.name, mode=mode, align_corners=int(place == "align_corners"),
                   num_h=ratios[2].numerator, den_h=ratios[2].denominator,
                   num_w=ratios[3].numerator, den_w=ratios[3].denominator)
        return self.image_result(image, out)

    def op_Upsample(self, a: Attributes, x: Thing, scales: Thing | None = None) -> Value:
        a = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", **a}
        return self.op_Resize(a, x, None, np.array(a["scales"]) if scales is None else scales)

    def op_DepthToSpace(self, a: Attributes, x: Thing) -> Value:
        image = self.value(x).image()
        r, c = a["blocksize"], image.dims[1]
        source = image.node
        if a.get("mode", "DCR") == "DCR":  # the channels put in the other order, which a convolution before can take up
            taps = np.eye(c)[np.arange(c).reshape(r * r, -1).T.ravel()]
            source = node("conv2d", [source, constant(taps[:, None, None, :])], self.name + ".order")
        return self.image_result(image, node("pixel_shuffle", [source], self.name, factor=r))

    def op_SpaceToDepth(self, a: Attributes, x: Thing) -> Value:
        image = self.value(x).image()
        r = a["blocksize"]
        n, c, h, w = image.dims
        parts = image.reshape([n, c, h // r, r, w // r, r])
        return parts.transpose([0, 3, 5, 1, 2, 4]).reshape([n, c * r * r, h // r, w // r]).image()

    def op_Pad(self, a: Attributes, x: Thing, pads: Thing | None = None, value: Thing | None = None,
               axes: Thing | None = None) -> Value:
        image = self.value(x).image()
        mode = {"constant": 0, "edge": 1, "reflect": 2}.get(a.get("mode", "constant"))
        given = np.asarray(a["pads"]) if pads is None else self.array(pads, "pads")
        if axes is not None:
            over = [int(i) % 4 for i in self.array(axes, "axes")]
            wide = np.zeros(8, np.int64)
            wide[over] = given[:len(over)]
            wide[[i + 4 for i in over]] = given[len(over):]
            given = wide
        fill = a.get("value", 0.0) if value is None else float(self.array(value, "the value").ravel()[0])
        if mode is None or len(given) != 8 or given[[0, 1, 4, 5]].any() or given.min() < 0:
            raise ImportFailure("only H and W, constant, edge and reflect")
        out = node("pad", [image.node], self.name, mode=mode, value=fill if mode == 0 else 0.0,
                   pad_top=int(given[2]), pad_left=int(given[3]), pad_bottom=int(given[6]), pad_right=int(given[7]))
        return self.image_result(image, out)
