#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A .czw model that computes in integers as one that computes in f32, with the same weights.

    czw_float.py model.czw out.czw

conv2d_i8 becomes conv2d, its weights stay as they are stored, i8 with a scale for each output channel; quantize goes.
What is lost is the rounding of what lies between, and the cut at the ends of its range.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import czw


def in_floats(source: czw.Model) -> czw.Model:
    """Constants, inputs and names are those of `source`; it stays as it is."""
    model = czw.Model(inputs=list(source.inputs), constants=list(source.constants), metadata=dict(source.metadata))
    results: list[czw.Tensor] = []

    def renamed(t: czw.Tensor | None) -> czw.Tensor | None:
        return results[t.index] if t and t.kind == "operator" else t

    for op in source.operators:
        inputs, a = [renamed(t) for t in op.inputs], dict(op.attributes)
        if op.op.name == "quantize":
            assert inputs[0] is not None
            results.append(inputs[0])
            continue
        name = op.op.name
        if name == "conv2d_i8":
            name = "conv2d"
            for both in ("stride", "dilation"):
                a[both + "_h"] = a[both + "_w"] = a.pop(both)
            for rounding in ("x_scale", "x_zero", "out_scale", "out_zero"):
                del a[rounding]
        results.append(model.op(name, inputs, op.name, **a))
    for o in source.outputs:
        model.output(o.name, results[o.tensor.index])
    return model


def main() -> None:
    parser = argparse.ArgumentParser(prog="czw_float.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    in_floats(czw.read(args.model)).write(args.out)


if __name__ == "__main__":
    main()
