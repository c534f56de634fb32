# SPDX-License-Identifier: BSD-2-Clause
"""What the operators' functions of an ONNX import share: tensors in their layouts, and what joins two of them."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from czw_graph import Array, Graph, ImportFailure, Node, constant, node
from onnx_values import Factor, Value, flat, fresh, from_image, size

Attributes = dict[str, Any]


@dataclass(eq=False)
class Product:
    """a b of values, or softmax of it, not computed until it is known that it is no attention. `b` is given as b's
    transpose; `swapped`: the last two axes are then exchanged."""

    a: Value
    b: Value
    scale: float = 1.0
    softmax: bool = False
    swapped: bool = False
    forced: Value | None = None


Thing = Union[Value, Product, Array]


def scalar(x: object) -> float | None:
    return float(x.ravel()[0]) if isinstance(x, np.ndarray) and x.size == 1 else None


class Base:
    """The state of an import. `fixed` collects the reasons why the input's size cannot be left free."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.fixed: list[str] = []
        self.env: dict[str, Thing] = {}
        self.name = ""  # of the node in hand

    def fix(self, reason: str) -> None:
        self.fixed.append(f"{self.name}: {reason}")

    def value(self, x: Thing | None) -> Value:
        """A tensor: a product is computed now, a constant put where any other value can be."""
        if isinstance(x, Value):
            return x
        if isinstance(x, Product):
            return self.force(x)
        if x is None:
            raise ImportFailure("an input is not given")
        if x.ndim > 4:
            raise ImportFailure(f"a constant of {x.ndim} axes")
        dims = x.shape
        axes = tuple(fresh(d) for d in dims)
        placed = axes if len(dims) < 4 else (axes[0], axes[2], axes[3], axes[1])
        array = x if len(dims) < 4 else x.transpose(0, 2, 3, 1)
        return Value(constant(array), axes, ((),) * (4 - len(dims)) + placed, self.fix)

    def emit(self, op: str, like: Value, inputs: list[Node | None], **attributes: float | str) -> Value:
        return like.with_node(node(op, inputs, self.name, **attributes))

    def image_result(self, x: Value, n: Node) -> Value:
        return from_image(n, any(f.free for f in x.axes[2]), any(f.free for f in x.axes[3]), self.fix)

    def array(self, x: Thing | None, what: str) -> Array:
        if not isinstance(x, np.ndarray):
            raise ImportFailure(f"{what} is not a constant")
        return x

    def vector(self, x: Thing | None, what: str) -> Node | None:
        return None if x is None else constant(self.array(x, what).reshape(-1), "")

    def with_constant(self, op: str, v: Value, array: Array) -> Value:
        """v op array, the array broadcast to v's ONNX shape and put in its layout."""
        if array.ndim > len(v.axes):
            raise ImportFailure("a constant has more axes than the tensor")
        array = array.reshape((1,) * (len(v.axes) - array.ndim) + array.shape)
        for i, d in enumerate(array.shape):
            if d not in (1, v.dims[i]):
                raise ImportFailure(f"a constant of {array.shape} does not fit {v.dims}")
        given = {f: array.shape[i] != 1 for i, g in enumerate(v.axes) for f in g}
        if any(f.free and g for f, g in given.items()):
            self.fix("a constant has the input's height or width")
        array = array.reshape([f.size if given[f] else 1 for f in flat(v.axes)] or [1]).astype(np.float64)
        order = [flat(v.axes).index(f) for f in flat(v.placed)]
        array = array.transpose(order) if order else array
        partial = any(len({given[f] for f in g}) > 1 for g in v.placed)
        if partial:  # an axis of which the constant has one factor and not another
            wide = {f for g in v.placed if any(given[f] for f in g) for f in g}
            if any(f.free for f in wide):
                self.fix("a constant has a part of the input's height or width")
            array = np.broadcast_to(array, [f.size if f in wide else s for f, s in zip(flat(v.placed), array.shape)])
        dims = [size(g) if any(given[f] for f in g) else 1 for g in v.placed]
        return self.emit(op, v, [v.node, constant(array.reshape(dims))])

    def binary(self, op: str, x: Thing, y: Thing) -> Value:
        """add or mul, either of which may be a constant or smaller."""
        if isinstance(x, np.ndarray) or (not isinstance(y, np.ndarray) and self.smaller(x, y)):
            x, y = y, x
        v = self.value(x)
        if isinstance(y, np.ndarray):
            return self.with_constant(op, v, y)
        v, w = self.matched(v, self.value(y))
        return self.emit(op, v, [v.node, w.node])

    def smaller(self, x: Thing, y: Thing) -> bool:
        return int(np.prod(self.value(x).dims)) < int(np.prod(self.value(y).dims))

    def matched(self, v: Value, w: Value) -> tuple[Value, Value]:
        """Two values in one layout; w may have fewer elements, repeated along an axis."""
        rank = max(len(v.axes), len(w.axes))
        v, w = (t.with_axes(((),) * (rank - len(t.axes)) + t.axes) for t in (v, w))
        for i, (p, q) in enumerate(zip(v.dims, w.dims)):
            if q not in (1, p):
                raise ImportFailure(f"shapes {v.dims} and {w.dims}")
        for i, (g, h) in enumerate(zip(v.axes, w.axes)):  # the finer division of both
            if h and [f.size for f in g] != [f.size for f in h]:
                if len(g) == 1:
                    v = v.split(g[0], [f.size for f in h])
                elif len(h) == 1:
                    w = w.split(h[0], [f.size for f in g])
                else:
                    raise ImportFailure("axes are divided differently")

        def fits(p: Value, q: Value) -> bool:
            kept = {i for i, g in enumerate(q.axes) if g}
            return tuple(tuple(f for f in g if f[0] in kept) for g in p.signature()) == q.signature()

        if not fits(v, w):
            v, w = v.plain(), w.plain()
        if not fits(v, w):
            raise ImportFailure(f"shapes {v.dims} and {w.dims} lie differently")
        return v, w

    def exchanged(self, v: Value) -> Value:
        rank = len(v.axes)
        return v.transpose([*range(rank - 2), rank - 1, rank - 2])

    def force(self, p: Product) -> Value:
        """The product as a matrix, and its softmax."""
        if p.forced is None:
            rows, columns = p.a.axes[-2], p.b.axes[-2]
            batch = flat(p.a.axes[:-2])
            n, h = (tuple(batch[:1]), tuple(batch[1:])) if len(batch) > 1 else ((), tuple(batch))
            a = p.a.laid_out((n, h, rows, p.a.axes[-1]))
            other = flat(p.b.axes[:-2])
            n2, h2 = (tuple(other[:1]), tuple(other[1:])) if len(other) > 1 else ((), tuple(other))
            b = p.b.laid_out((n2, h2, columns, p.b.axes[-1]))
            out = node("matmul", [a.node, b.node], self.name, transpose_b=1, alpha=p.scale)
            made = tuple(Factor(f.size, f.free) for f in columns)
            value = Value(out, (*a.axes[:-1], made), (n, h, rows, made), self.fix)
            if p.softmax:
                value = self.emit("softmax", value, [value.node], axis=3)
            p.forced = self.exchanged(value) if p.swapped else value
        return p.forced
