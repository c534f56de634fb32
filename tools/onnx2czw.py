#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turns an ONNX file into a .czw model; docs/onnx.md says what is supported.

    onnx2czw.py network.onnx network.czw
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import onnx

import czw
import czw_shapes
from czw_fuse import fuse
from czw_graph import ImportFailure
from onnx_import import Importer

NOMINAL = 256  # of a height or width that the ONNX file leaves open


def input_dims(proto: onnx.GraphProto, side: int) -> tuple[dict[str, tuple[int, ...]], bool]:
    """The shapes to trace at, and whether the file leaves a height or width open."""
    constants = {i.name for i in proto.initializer}
    dims: dict[str, tuple[int, ...]] = {}
    is_open = False
    for i in proto.input:
        if i.name in constants:
            continue
        shape = [d.dim_value for d in i.type.tensor_type.shape.dim]
        is_open = is_open or any(d <= 0 for d in shape[1:])
        dims[i.name] = tuple(1 if k == 0 else d if d > 0 else side for k, d in enumerate(shape))
    return dims, is_open


def outcome(model: czw.Model, h: int, w: int) -> list[czw_shapes.Shape] | None:
    """The outputs' shapes at a size, or None where the graph does not work out."""
    try:
        shapes = czw_shapes.infer(model, (h, w))
    except czw.FormatError:
        return None
    return [shapes[o.tensor] for o in model.outputs]


def least_multiple(model: czw.Model, traced: tuple[int, int]) -> int | None:
    """The least power of two of which every height and width (eight of each are tried) gives outputs whose size is in
    the same proportion to the input's as at the traced size, or does not depend on it."""
    for m in (1 << power for power in range(11)):
        for i in model.inputs:
            i.multiple = 1
        known = outcome(model, *traced)
        for i in model.inputs:
            i.multiple = m
        for k in range(1, 9):
            h, w = k * m, (9 - k) * m
            found = outcome(model, h, w)
            if known is None or (found is None and min(k, 9 - k) > 2):
                break
            if found is not None and any(
                    (s[1] * traced[0], s[2] * traced[1]) != (t[1] * h, t[2] * w) and s[1:3] != t[1:3]
                    for s, t in zip(found, known)):
                break
        else:
            return m
    return None


def convert(source: onnx.ModelProto, dtype: str = "f32", free: bool = True, side: int = NOMINAL) -> czw.Model:
    """The model. @param free leave height and width to run time, where the graph allows it."""
    dims, is_open = input_dims(source.graph, side)
    trace = Importer(source, dims)
    fuse(trace.graph)
    trace.graph.metadata.update({"name": source.graph.name or "onnx", "source": "onnx"})
    fixed = trace.graph.to_model(dtype)
    if not free or trace.fixed:
        return fixed
    model = trace.graph.to_model(dtype, 1)
    if is_open:  # what was computed from the size must come out the same at another
        other = Importer(source, input_dims(source.graph, side + 64)[0])
        fuse(other.graph)
        other.graph.metadata.update(trace.graph.metadata)
        if other.fixed or czw.encode(other.graph.to_model(dtype, 1)) != czw.encode(model):
            return fixed
    _, h, w, _ = trace.graph.inputs[0].shape
    multiple = least_multiple(model, (h, w))
    if multiple is None:
        return fixed
    for i in model.inputs:
        i.multiple = multiple
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("onnx", type=Path)
    parser.add_argument("czw", type=Path)
    parser.add_argument("--dtype", choices=sorted(czw.DTYPES), default="f32", help="of the weights")
    parser.add_argument("--fixed", action="store_true", help="only the input size that the file gives")
    parser.add_argument("--size", type=int, default=NOMINAL, help="side to trace at where the file leaves it open")
    args = parser.parse_args()
    try:
        model = convert(onnx.load(str(args.onnx)), args.dtype, not args.fixed, args.size)
        model.write(args.czw)
    except (ImportFailure, czw.FormatError, ValueError, OSError) as e:
        print(f"onnx2czw: {e}", file=sys.stderr)
        return 1
    sizes = [f"{i.name} {'multiples of ' + str(i.multiple) if i.dims[1] == 0 else i.dims}" for i in model.inputs]
    print(f"{len(model.operators)} operators; input {', '.join(sizes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
