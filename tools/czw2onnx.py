#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turns a .czw model into an ONNX file (opset 17), so that other engines can run it.

    czw2onnx.py model.czw model.onnx [--size HEIGHTxWIDTH] [--f32]

With --size every shape in the file is a number, which makes engines plan better than height and width left open.

The graph is channels-first: an input N, H, W, C of the model is N, C, H, W, and so are images everywhere. Where the
model works on other axes (layer norm, attention, matrices) transposes stand around them, as an export from PyTorch has
them. Weights become f32. What computes in integers stays so, with the ONNX operators that quantize around it, unless --f32 is
given: engines run that quickest, and onnx2czw.py reads nothing else.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import czw
import czw_float
import czw_shapes

OPSET, IR_VERSION = 17, 8
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
AXES = (0, 2, 3, 1)  # where N, H, W, C are in N, C, H, W
Attributes = dict[str, float]
Shape = czw_shapes.Shape


def pads(a: Attributes) -> list[int]:
    return [int(a[k]) for k in ("pad_top", "pad_left", "pad_bottom", "pad_right")]


def pair(a: Attributes, name: str) -> list[int]:
    return [int(a[name + "_h"]), int(a[name + "_w"])]


class Exporter:
    """`names` are the ONNX tensors, N, C, H, W, of the model's. @param is_open the sizes in `shapes` are an example."""

    def __init__(self, model: czw.Model, shapes: dict[czw.Tensor, Shape], is_open: bool) -> None:
        self.model = model
        self.shapes = shapes
        self.is_open = is_open
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.names: dict[czw.Tensor, str] = {}
        self.prefix = ""
        for i, row in enumerate(model.inputs):
            self.names[czw.Tensor("input", i)] = row.name
        for i, op in enumerate(model.operators):
            self.prefix = f"{op.name or op.op.name}_{i}"
            tensor = czw.Tensor("operator", i)
            writer: Callable[[czw.Operator, Shape], str] = getattr(self, "op_" + op.op.name)
            self.names[tensor] = writer(op, shapes[tensor])
        for o in model.outputs:
            self.node("Identity", [self.names[o.tensor]], o.name)

    # ------------------------------------------------------------ helpers

    def node(self, op: str, inputs: list[str], out: str = "", **attributes: Any) -> str:
        out = out or f"{self.prefix}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [out], name=out, **attributes))
        return out

    def array(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"constant{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(np.asarray(values, dtype)), name))
        return name

    def values(self, t: czw.Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
        return self.model.constants[t.index].values()

    def given(self, op: czw.Operator, i: int) -> czw.Tensor | None:
        return op.inputs[i] if len(op.inputs) > i else None

    def tensor(self, op: czw.Operator, i: int) -> czw.Tensor:
        t = op.inputs[i]
        assert t is not None  # required, or asked for before
        return t

    def read(self, op: czw.Operator, i: int) -> str:
        """An input as N, C, H, W."""
        t = self.tensor(op, i)
        return self.array(self.values(t).transpose(TO_NCHW)) if t.kind == "constant" else self.names[t]

    def vector(self, op: czw.Operator, i: int, image: bool) -> str | None:
        """A constant or tensor of one value a channel: [C], or [1, C, 1, 1] of an image."""
        t = self.given(op, i)
        if t is None:
            return None
        if t.kind == "constant":
            return self.array(self.values(t).reshape((1, -1, 1, 1) if image else -1))
        return self.names[t] if image else self.reshape(self.names[t], [-1])

    def reshape(self, x: str, dims: list[int]) -> str:
        return self.node("Reshape", [x, self.array(dims, np.int64)])

    def last(self, x: str) -> str:
        return self.node("Transpose", [x], perm=TO_NHWC)

    def first(self, x: str) -> str:
        return self.node("Transpose", [x], perm=TO_NCHW)

    def activation(self, a: Attributes, x: str) -> str:
        act, p0, p1 = int(a["act"]), a["act_p0"], a["act_p1"]
        if act == 1:
            return self.node("Clip", [x, self.array(p0), self.array(p1)])
        if act == 2:
            return self.node("LeakyRelu", [x], alpha=p0) if p0 else self.node("Relu", [x])
        if act == 3:
            return self.node("HardSwish", [x])
        if act == 4:
            return self.node("Mul", [x, self.node("Sigmoid", [x])])
        if act == 5:
            e = self.node("Erf", [self.node("Div", [x, self.array(2 ** 0.5)])])
            return self.node("Mul", [self.node("Mul", [x, self.node("Add", [e, self.array(1)])]), self.array(0.5)])
        if act == 6:
            cube = self.node("Mul", [self.node("Mul", [self.node("Mul", [x, x]), x]), self.array(0.044715)])
            inner = self.node("Mul", [self.node("Add", [x, cube]), self.array((2 / np.pi) ** 0.5)])
            half = self.node("Mul", [x, self.array(0.5)])
            return self.node("Mul", [half, self.node("Add", [self.node("Tanh", [inner]), self.array(1)])])
        return x if act == 0 else self.node({7: "Tanh", 8: "Sigmoid"}[act], [x])

    def end(self, op: czw.Operator, x: str) -> str:
        """Residual, activation and affine of a convolution."""
        residual = int(op.attributes["residual"])
        if residual == 1:
            x = self.node("Add", [x, self.read(op, 5)])
        x = self.activation(op.attributes, x)
        scale, shift = self.vector(op, 3, True), self.vector(op, 4, True)
        if scale is not None and shift is not None:
            x = self.node("Add", [self.node("Mul", [x, scale]), shift])
        return self.node("Add", [x, self.read(op, 5)]) if residual == 2 else x

    # ------------------------------------------------------------ operators

    def weight(self, op: czw.Operator) -> np.ndarray[Any, np.dtype[np.float32]]:
        return self.values(self.tensor(op, 1))

    def op_conv2d(self, op: czw.Operator, out: Shape) -> str:
        a, x, border = op.attributes, self.read(op, 0), pads(op.attributes)
        if a["pad_mode"]:
            top, left, bottom, right = border
            x = self.node("Pad", [x, self.array([0, 0, top, left, 0, 0, bottom, right], np.int64)], mode="edge")
            border = [0] * 4
        w = self.weight(op).transpose(TO_NCHW)
        bias = self.vector(op, 2, False)
        x = self.node("Conv", [x, self.array(w)] + ([] if bias is None else [bias]), kernel_shape=w.shape[2:],
                      strides=pair(a, "stride"), dilations=pair(a, "dilation"), pads=border, group=int(a["groups"]))
        return self.end(op, x)

    def to_u8(self, x: str, scale: float, zero: int) -> str:
        """What a u8 tensor's steps stand for, as f32."""
        pair = [self.array(scale), self.array(zero, np.uint8)]
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [x, *pair]), *pair])

    def op_quantize(self, op: czw.Operator, out: Shape) -> str:
        return self.to_u8(self.read(op, 0), op.attributes["scale"], int(op.attributes["zero"]))

    def op_conv2d_i8(self, op: czw.Operator, out: Shape) -> str:
        """In f32 between quantizations."""
        plain = czw.Operator(op.op, op.inputs, czw_shapes.conv2d_of_i8(op.attributes), op.name)
        x, scale = self.op_conv2d(plain, out), op.attributes["out_scale"]
        return self.to_u8(x, scale, int(op.attributes["out_zero"])) if scale else x

    def op_conv_transpose2d(self, op: czw.Operator, out: Shape) -> str:
        a, groups = op.attributes, int(op.attributes["groups"])
        w = self.weight(op)  # [Cout, kh, kw, Cin / groups] -> [Cin, Cout / groups, kh, kw]
        cout, kh, kw, per_group = w.shape
        w = w.reshape(groups, cout // groups, kh, kw, per_group).transpose(0, 4, 1, 2, 3)
        w = w.reshape(groups * per_group, cout // groups, kh, kw)
        bias = self.vector(op, 2, False)
        x = self.node("ConvTranspose", [self.read(op, 0), self.array(w)] + ([] if bias is None else [bias]),
                      kernel_shape=[kh, kw], strides=pair(a, "stride"), dilations=pair(a, "dilation"), pads=pads(a),
                      group=groups)
        return self.end(op, x)

    def op_linear(self, op: czw.Operator, out: Shape) -> str:
        w = self.weight(op).transpose(TO_NCHW)
        bias = self.vector(op, 2, False)
        x = self.node("Conv", [self.read(op, 0), self.array(w)] + ([] if bias is None else [bias]), kernel_shape=[1, 1])
        return self.end(op, x)

    def op_matmul(self, op: czw.Operator, out: Shape) -> str:
        a, b = self.last(self.read(op, 0)), self.last(self.read(op, 1))
        if op.attributes["transpose_b"]:
            b = self.node("Transpose", [b], perm=[0, 1, 3, 2])
        x = self.node("MatMul", [a, b])
        if op.attributes["alpha"] != 1:
            x = self.node("Mul", [x, self.array(op.attributes["alpha"])])
        return self.first(x)

    def op_attention(self, op: czw.Operator, out: Shape) -> str:
        """Heads as [1, heads, tokens, d]."""
        heads = int(op.attributes["heads"])
        parts = []
        for i, perm in ((0, [0, 1, 3, 2]), (1, [0, 1, 2, 3]), (2, [0, 1, 3, 2])):
            _, h, w, c = self.shapes[self.tensor(op, i)]
            split = self.reshape(self.read(op, i), [1, heads, c // heads, -1 if self.is_open else h * w])
            parts.append(split if i == 1 else self.node("Transpose", [split], perm=perm))
        q = self.node("Mul", [parts[0], self.array(op.attributes["scale"])])
        share = self.node("Softmax", [self.node("MatMul", [q, parts[1]])], axis=-1)
        x = self.node("Transpose", [self.node("MatMul", [share, parts[2]])], perm=[0, 1, 3, 2])
        if not self.is_open or self.tensor(op, 0).kind == "constant":
            return self.reshape(x, [1, out[3], out[1], out[2]])
        size = self.node("Slice", [self.node("Shape", [self.read(op, 0)]), self.array([2], np.int64),
                                   self.array([4], np.int64)])
        return self.node("Reshape", [x, self.node("Concat", [self.array([1, out[3]], np.int64), size], axis=0)])

    def op_layer_norm(self, op: czw.Operator, out: Shape) -> str:
        gamma, beta = self.vector(op, 1, False), self.vector(op, 2, False)
        inputs = [self.last(self.read(op, 0)), gamma or self.array(np.ones(out[3]))] + ([] if beta is None else [beta])
        return self.first(self.node("LayerNormalization", inputs, axis=-1, epsilon=op.attributes["eps"]))

    def op_softmax(self, op: czw.Operator, out: Shape) -> str:
        x, t = self.read(op, 0), op.attributes["temperature"]
        x = x if t == 1 else self.node("Div", [x, self.array(t)])
        return self.node("Softmax", [x], axis=AXES[int(op.attributes["axis"])])

    def op_activation(self, op: czw.Operator, out: Shape) -> str:
        x = self.activation(op.attributes, self.read(op, 0))
        return x if op.attributes["act"] else self.node("Identity", [x])

    def op_pool2d(self, op: czw.Operator, out: Shape) -> str:
        a = op.attributes
        common: dict[str, Any] = {"kernel_shape": pair(a, "kernel"), "strides": pair(a, "stride"), "pads": pads(a),
                  "ceil_mode": int(a["ceil_mode"])}
        if a["kind"] == 0:
            return self.node("MaxPool", [self.read(op, 0)], **common)
        if a["kind"] == 2:
            return self.node("Neg", [self.node("MaxPool", [self.node("Neg", [self.read(op, 0)])], **common)])
        return self.node("AveragePool", [self.read(op, 0)], count_include_pad=int(a["count_pad"]), **common)

    def op_global_pool(self, op: czw.Operator, out: Shape) -> str:
        return self.node("GlobalAveragePool" if op.attributes["kind"] else "GlobalMaxPool", [self.read(op, 0)])

    def op_resize(self, op: czw.Operator, out: Shape) -> str:
        a, x = op.attributes, self.read(op, 0)
        mode = {0: "nearest", 1: "linear", 2: "cubic"}[int(a["mode"])]
        place = "align_corners" if a["align_corners"] else "asymmetric" if mode == "nearest" else "half_pixel"
        more: dict[str, Any] = {"nearest_mode": "floor" if place == "asymmetric" else "round_prefer_ceil"}
        if mode != "nearest":
            more = {"cubic_coeff_a": -0.75} if mode == "cubic" else {}
        h, w = self.shapes[self.tensor(op, 0)][1:3]
        scales = np.array([1, 1, out[1] / h, out[2] / w])
        if not self.is_open and (scales.astype(np.float32) != scales).any():
            inputs = [x, "", "", self.array([1, out[3], out[1], out[2]], np.int64)]
        elif not self.is_open:
            inputs = [x, "", self.array(scales)]
        elif len(op.inputs) > 1:
            limits = [self.array([v], np.int64) for v in (0, 2, 4)]
            channels = self.node("Slice", [self.node("Shape", [x]), limits[0], limits[1]])
            size = self.node("Slice", [self.node("Shape", [self.read(op, 1)]), limits[1], limits[2]])
            inputs = [x, "", "", self.node("Concat", [channels, size], axis=0)]
        else:
            inputs = [x, "", self.array([1, 1, a["num_h"] / a["den_h"], a["num_w"] / a["den_w"]])]
        return self.node("Resize", inputs, mode=mode, coordinate_transformation_mode=place, **more)

    def op_pixel_shuffle(self, op: czw.Operator, out: Shape) -> str:
        return self.node("DepthToSpace", [self.read(op, 0)], blocksize=int(op.attributes["factor"]), mode="CRD")

    def op_concat(self, op: czw.Operator, out: Shape) -> str:
        return self.node("Concat", [self.read(op, i) for i in range(len(op.inputs))],
                         axis=AXES[int(op.attributes["axis"])])

    def op_add(self, op: czw.Operator, out: Shape) -> str:
        return self.activation(op.attributes, self.node("Add", [self.read(op, 0), self.read(op, 1)]))

    def op_mul(self, op: czw.Operator, out: Shape) -> str:
        return self.activation(op.attributes, self.node("Mul", [self.read(op, 0), self.read(op, 1)]))

    def op_slice(self, op: czw.Operator, out: Shape) -> str:
        a = op.attributes
        limits = [self.array([int(v)], np.int64) for v in (a["begin"], a["end"], AXES[int(a["axis"])], a["step"])]
        return self.node("Slice", [self.read(op, 0), *limits])

    def op_pad(self, op: czw.Operator, out: Shape) -> str:
        top, left, bottom, right = pads(op.attributes)
        mode = {0: "constant", 1: "edge", 2: "reflect"}[int(op.attributes["mode"])]
        inputs = [self.read(op, 0), self.array([0, 0, top, left, 0, 0, bottom, right], np.int64)]
        if mode == "constant":
            inputs.append(self.array(op.attributes["value"]))
        return self.node("Pad", inputs, mode=mode)

    def op_reshape(self, op: czw.Operator, out: Shape) -> str:
        a = op.attributes
        dims = [int(a[k]) for k in "nhwc"] if self.is_open else list(out)
        return self.first(self.reshape(self.last(self.read(op, 0)), dims))

    def op_transpose(self, op: czw.Operator, out: Shape) -> str:
        """In N, C, H, W: axis i of the result is axis order[i] of x."""
        axes = [int(op.attributes[f"axis{i}"]) for i in range(4)]
        return self.node("Transpose", [self.read(op, 0)], perm=[AXES[axes[TO_NCHW[i]]] for i in range(4)])


def convert(model: czw.Model, size: tuple[int, int] | None = None) -> onnx.ModelProto:
    """The ONNX model. @param size of the run-time inputs; None leaves them open."""
    shapes = czw_shapes.infer(model, size)
    is_open = size is None and any(row.dims[1] == 0 for row in model.inputs)
    export = Exporter(model, shapes, is_open)
    inputs, outputs = [], []
    for i, row in enumerate(model.inputs):
        n, h, w, c = shapes[czw.Tensor("input", i)]
        dims: list[Any] = [n, c, "height", "width"] if size is None and row.dims[1] == 0 else [n, c, h, w]
        inputs.append(helper.make_tensor_value_info(row.name, TensorProto.FLOAT, dims))
    for o in model.outputs:
        n, h, w, c = shapes[o.tensor]
        dims = [n, c, f"{o.name}.height", f"{o.name}.width"] if is_open else [n, c, h, w]
        outputs.append(helper.make_tensor_value_info(o.name, TensorProto.FLOAT, dims))
    graph = helper.make_graph(export.nodes, model.metadata.get("name", "czw"), inputs, outputs, export.initializers)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="czw2onnx")
    proto.ir_version = IR_VERSION
    onnx.checker.check_model(proto)
    return proto


def parse_size(text: str) -> tuple[int, int]:
    """HEIGHTxWIDTH."""
    height, _, width = text.partition("x")
    return int(height), int(width)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("czw", type=Path)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--size", type=parse_size, metavar="HEIGHTxWIDTH", help="of the inputs; open if not given")
    parser.add_argument("--f32", action="store_true", help="what computes in integers computes in f32, with the same weights")
    args = parser.parse_args()
    try:
        model = czw.read(args.czw)
        model = czw_float.in_floats(model) if args.f32 else model
        czw.write_file(args.onnx, convert(model, args.size).SerializeToString())
    except (czw.FormatError, onnx.checker.ValidationError, ValueError, OSError) as e:
        print(f"czw2onnx: {args.czw}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
