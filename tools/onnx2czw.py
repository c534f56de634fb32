#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turns an ONNX file into a .czw model; docs/onnx.md says what is supported.

    onnx2czw.py network.onnx network.czw
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import]
from onnx.external_data_helper import load_external_data_for_tensor

import czw
import czw_shapes
from czw_fuse import fuse
from czw_graph import ImportFailure
from onnx_import import Importer, text

NOMINAL = 256  # of a height or width that the ONNX file leaves open
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BFLOAT16)


def load(path: Path) -> onnx.ModelProto:
    """The file, with weights that lie in files beside it."""
    try:
        source = onnx.load(str(path), load_external_data=False)
    except DecodeError as e:
        raise ImportFailure(f"{path}: not an ONNX file: {e}") from None
    for tensor in source.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            location = next((e.value for e in tensor.external_data if e.key == "location"), "")
            if Path(location).name != location:
                raise ImportFailure(f"initializer '{tensor.name}': '{location}' is not a file beside {path}")
            load_external_data_for_tensor(tensor, str(path.parent))
            tensor.data_location = onnx.TensorProto.DEFAULT
    return source


def input_dims(proto: onnx.GraphProto, side: int) -> tuple[dict[str, tuple[int, ...]], bool]:
    """The shapes to trace at, and whether the file leaves a height or width open."""
    constants = {i.name for i in proto.initializer}
    dims: dict[str, tuple[int, ...]] = {}
    is_open = False
    for i in proto.input:
        if i.name in constants:
            continue
        kind = i.type.tensor_type
        shape = [d.dim_value for d in kind.shape.dim]
        if kind.elem_type not in FLOATS:
            raise ImportFailure(f"input {i.name}: not a tensor of floating point numbers")
        if len(shape) > 1 and shape[-1 if len(shape) < 4 else 1] <= 0:
            raise ImportFailure(f"input {i.name}: the number of channels is left open")
        is_open = is_open or any(d <= 0 for d in shape[1:])
        dims[i.name] = tuple(1 if k == 0 and d <= 0 else d if d > 0 else side for k, d in enumerate(shape))
    return dims, is_open


def outcome(model: czw.Model, h: int, w: int) -> list[czw_shapes.Shape] | None:
    """The outputs' shapes at a size, or None where the graph does not work out."""
    try:
        shapes = czw_shapes.infer(model, (h, w))
    except czw.FormatError:
        return None
    return [shapes[o.tensor] for o in model.outputs]


def is_steady(model: czw.Model, m: int, h0: int, w0: int) -> bool:
    """Whether the outputs grow by the same for every m rows and every m columns of the input; tokens with its area.
    Sizes from 256 on are tried, so that no window is larger than what it is in, and h0, w0."""
    least = max(NOMINAL, m)
    first, second = outcome(model, least, least), outcome(model, least + m, least + m)
    if first is None or second is None:
        return False
    for h, w in [(least + k * m, least + (8 - k) * m) for k in range(9)] + [(h0, w0)]:
        found = outcome(model, h, w)
        if found is None:
            return False
        for s, a, b in zip(found, first, second):
            expected = tuple(a[i] + (side - least) // m * (b[i] - a[i]) for i, side in ((1, h), (2, w)))
            if s[1:3] != expected and not (s[1] == 1 and s[2] * least * least == a[2] * h * w):
                return False
    return True


def least_multiple(model: czw.Model, h0: int, w0: int) -> int | None:
    """The least power of two that sizes must be multiples of, as the traced size is."""
    for i in model.inputs:
        i.multiple = 1
    powers = [1 << k for k in range(11) if h0 % (1 << k) == 0 and w0 % (1 << k) == 0]
    return next((m for m in powers if is_steady(model, m, h0, w0)), None)


def traced(source: onnx.ModelProto, side: int) -> Importer:
    trace = Importer(source, input_dims(source.graph, side)[0])
    fuse(trace.graph)
    trace.graph.metadata.update({"name": text(source.graph.name) or "onnx", "source": "onnx"})
    return trace


def alike(a: czw.Model, b: czw.Model) -> bool:
    """The same graph with the same constants."""
    first, second = ([(o.op, o.inputs, o.attributes) for o in m.operators] for m in (a, b))
    return (first == second and a.outputs == b.outputs and len(a.constants) == len(b.constants)
            and all(np.array_equal(p.data, q.data) for p, q in zip(a.constants, b.constants)))


def difference(source: onnx.ModelProto, model: czw.Model, side: int) -> str | None:
    """Why a trace at another size does not come to the same model."""
    try:
        other = traced(source, side)
        if not other.fixed and alike(model, other.graph.to_model("f32", 1)):
            return None
    except (ImportFailure, czw.FormatError) as e:
        return str(e)
    return f"at a size of {side} it is another graph"


def convert(source: onnx.ModelProto, dtype: str = "f32", free: bool = True, side: int = NOMINAL,
            reasons: list[str] | None = None) -> czw.Model:
    """The model. @param free leave height and width to run time, where the graph allows it. @param reasons takes what
    stood against that."""
    trace = traced(source, side)
    if not trace.graph.inputs:
        raise ImportFailure("the file has no inputs")
    why = trace.fixed if free else ["asked for"]
    if not why and input_dims(source.graph, side)[1]:  # what was computed from the size must be the same at another
        found = difference(source, trace.graph.to_model("f32", 1), side + 64)
        why = [] if found is None else [found]
    if not why:
        multiple = least_multiple(trace.graph.to_model("f32", 1), *trace.graph.inputs[0].shape[1:3])
        if multiple is not None:
            return trace.graph.to_model(dtype, multiple)
        why = ["no multiple was found of which all sizes work"]
    if reasons is not None:
        reasons += why
    return trace.graph.to_model(dtype)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("onnx", type=Path)
    parser.add_argument("czw", type=Path)
    parser.add_argument("--dtype", choices=sorted(czw.DTYPES), default="f32", help="of the weights")
    parser.add_argument("--fixed", action="store_true", help="only the input size that the file gives")
    parser.add_argument("--size", type=int, default=NOMINAL, help="side to trace at where the file leaves it open")
    args = parser.parse_args()
    reasons: list[str] = []
    try:
        model = convert(load(args.onnx), args.dtype, not args.fixed, args.size, reasons)
        model.write(args.czw)
    except (ImportFailure, czw.FormatError, ValueError, OSError) as e:
        print(f"onnx2czw: {e}", file=sys.stderr)
        return 1
    sizes = [f"{i.name} {'multiples of ' + str(i.multiple) if i.dims[1] == 0 else i.dims}" for i in model.inputs]
    print(f"{len(model.operators)} operators; input {', '.join(sizes)}")
    if reasons:
        print(f"the size is fixed: {reasons[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
