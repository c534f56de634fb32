# SPDX-License-Identifier: BSD-2-Clause
"""ONNX operators on constants, computed at import."""
from __future__ import annotations

from math import prod
from typing import Any, Callable, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from czw import MAX_ELEMENTS
from czw_graph import Array, ImportFailure

Attributes = dict[str, Any]
Args = list["Array | None"]


def axes_of(attributes: Attributes, args: Args, at: int) -> list[int] | None:
    """Axes that older opsets give as an attribute and newer ones as an input."""
    if "axes" in attributes:
        return [int(a) for a in attributes["axes"]]
    given = args[at] if len(args) > at else None
    return None if given is None else [int(a) for a in np.asarray(given).ravel()]


def slice_(a: Attributes, args: Args) -> Array:
    x, starts, ends = (np.asarray(v) for v in args[:3])
    given = axes_of(a, args, 3)
    axes = list(range(len(starts))) if given is None else given
    steps = args[4] if len(args) > 4 and args[4] is not None else np.ones(len(starts), np.int64)
    where = [slice(None)] * x.ndim
    for axis, b, e, s in zip(axes, starts, ends, steps):
        where[axis] = slice(int(b), int(e), int(s))
    return np.asarray(x[tuple(where)])


def unsqueeze(a: Attributes, args: Args) -> Array:
    x = np.asarray(args[0])
    axes = axes_of(a, args, 1) or []
    return np.expand_dims(x, tuple(axes)) if axes else x


def squeeze(a: Attributes, args: Args) -> Array:
    axes = axes_of(a, args, 1)
    return np.squeeze(np.asarray(args[0]), None if axes is None else tuple(axes))


def reshape(a: Attributes, args: Args) -> Array:
    x, dims = np.asarray(args[0]), [int(d) for d in np.asarray(args[1])]
    if not a.get("allowzero", 0):
        dims = [x.shape[i] if d == 0 else d for i, d in enumerate(dims)]
    return x.reshape(dims)


def cast(a: Attributes, args: Args) -> Array:
    to_numpy = getattr(onnx.helper, "tensor_dtype_to_np_dtype", None)  # since 1.13
    kind = to_numpy(a["to"]) if to_numpy else onnx.mapping.TENSOR_TYPE_TO_NP_TYPE[a["to"]]
    return np.asarray(args[0]).astype(kind)


def divide(x: Array, y: Array) -> Array:
    if np.issubdtype(x.dtype, np.integer):
        return np.asarray(np.trunc(x / y)).astype(x.dtype)
    return np.asarray(x / y)


def constant(a: Attributes, args: Args) -> Array:
    if "value" in a:
        return np.asarray(numpy_helper.to_array(a["value"]))
    for kind, keys in ((np.float32, ("value_float", "value_floats")), (np.int64, ("value_int", "value_ints"))):
        for key in keys:
            if key in a:
                return np.asarray(a[key], kind)
    raise ImportFailure("neither a tensor nor numbers")


def capped(dims: Sequence[int]) -> Sequence[int]:
    """The dims, of no more elements than a constant can have."""
    if prod(dims) > MAX_ELEMENTS:
        raise ImportFailure(f"a constant of {tuple(dims)}")
    return dims


def constant_of_shape(a: Attributes, args: Args) -> Array:
    value = numpy_helper.to_array(a["value"]) if "value" in a else np.zeros(1, np.float32)
    return np.full(capped([int(d) for d in np.asarray(args[0])]), value[0], value.dtype)


def shape(a: Attributes, args: Args) -> Array:
    return np.array(np.shape(np.asarray(args[0])), np.int64)[a.get("start", 0):a.get("end")]


def expand(a: Attributes, args: Args) -> Array:
    x = np.asarray(args[0])
    dims = np.broadcast_shapes(x.shape, tuple(capped([int(d) for d in np.asarray(args[1])])))
    return np.broadcast_to(x, capped(dims))


def range_(a: Attributes, args: Args) -> Array:
    start, limit, delta = (np.asarray(x).item() for x in args[:3])
    capped([int((limit - start) / delta)])
    return np.arange(start, limit, delta)


def binary(f: Callable[[Any, Any], Any]) -> Callable[[Attributes, Args], Array]:
    return lambda a, args: np.asarray(f(np.asarray(args[0]), np.asarray(args[1])))


def unary(f: Callable[[Any], Any]) -> Callable[[Attributes, Args], Array]:
    return lambda a, args: np.asarray(f(np.asarray(args[0])))


FOLD: dict[str, Callable[[Attributes, Args], Array]] = {
    "Constant": constant, "ConstantOfShape": constant_of_shape, "Cast": cast, "Reshape": reshape, "Slice": slice_,
    "Unsqueeze": unsqueeze, "Squeeze": squeeze,
    "Identity": unary(lambda x: x), "Neg": unary(np.negative), "Sqrt": unary(np.sqrt), "Exp": unary(np.exp),
    "Floor": unary(np.floor), "Ceil": unary(np.ceil), "Abs": unary(np.abs), "Reciprocal": unary(lambda x: 1 / x),
    "Not": unary(np.logical_not), "Shape": shape,
    "Add": binary(np.add), "Sub": binary(np.subtract), "Mul": binary(np.multiply), "Div": binary(divide),
    "Pow": binary(np.power), "MatMul": binary(np.matmul), "Equal": binary(np.equal), "Less": binary(np.less),
    "Greater": binary(np.greater), "Min": binary(np.minimum), "Max": binary(np.maximum), "Mod": binary(np.mod),
    "Concat": lambda a, args: np.concatenate([np.asarray(x) for x in args], a["axis"]),
    "Gather": lambda a, args: np.take(np.asarray(args[0]), np.asarray(args[1]), a.get("axis", 0)),
    "Transpose": lambda a, args: np.transpose(np.asarray(args[0]), a.get("perm")),
    "Where": lambda a, args: np.asarray(np.where(np.asarray(args[0]), np.asarray(args[1]), np.asarray(args[2]))),
    "Expand": expand,
    "Range": range_,
}


def fold(op: str, attributes: Attributes, args: Sequence[Array | None]) -> Array | None:
    """The result, or None where this operator is not computed at import."""
    if op not in FOLD:
        return None
    with np.errstate(all="ignore"):
        return np.asarray(FOLD[op](attributes, list(args)))  # a scalar too
