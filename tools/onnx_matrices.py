# SPDX-License-Identifier: BSD-2-Clause
"""The ONNX operators on matrices: linear layers and attention."""
from __future__ import annotations

import numpy as np

from czw_graph import Array, ImportFailure, constant, node
from onnx_base import Attributes, Base, Product, Thing
from onnx_values import Group, Value, flat, fresh, size


class Matrices(Base):
    """A mixin of Importer."""

    def op_Gemm(self, a: Attributes, x: Thing, y: Thing, bias: Thing | None = None) -> Thing:
        w = self.array(y, "the weight")
        if a.get("transA", 0) or w.ndim != 2:
            raise ImportFailure("transA is not supported")
        out = self.linear(self.value(x), -1, (w if a.get("transB", 0) else w.T) * a.get("alpha", 1.0))
        return out if bias is None else self.binary("add", out, self.array(bias, "the bias") * a.get("beta", 1.0))

    def linear(self, v: Value, axis: int, w: Array) -> Value:
        """The factors of one axis times w [out, in]."""
        v = v.tokens(axis)
        out = node("linear", [v.node, constant(w[:, None, None, :], self.name + ".weight")], self.name)
        made = fresh(w.shape[0])
        axes = [made if i == axis % len(v.axes) else g for i, g in enumerate(v.axes)]
        return Value(out, tuple(axes), (*v.placed[:3], made), self.fix)

    def op_MatMul(self, a: Attributes, x: Thing, y: Thing) -> Thing:
        if isinstance(y, np.ndarray) and y.ndim == 2:
            return self.linear(self.value(x), -1, y.T)
        if isinstance(x, np.ndarray) and x.ndim == 2:
            return self.linear(self.value(y), -2, x)
        if isinstance(y, Product) and y.softmax and y.swapped and not isinstance(x, Product):
            v = self.value(x)  # v' p^T is (p v)^T
            found = self.attention(Product(y.a, y.b, y.scale, softmax=True), self.exchanged(v))
            if found is not None:
                return self.exchanged(found)
        if isinstance(x, Product) and x.softmax and not x.swapped:
            found = self.attention(x, self.value(y))
            if found is not None:
                return found
        v, w = self.value(x), self.value(y)
        if len(v.axes) != len(w.axes) or len(v.axes) < 2:
            raise ImportFailure(f"shapes {v.dims} and {w.dims}")
        return Product(v, self.exchanged(w))

    def attention(self, p: Product, v: Value) -> Value | None:
        """softmax(scale q k^T) v, or None where the operator cannot do it. The axes before the last two are heads; they
        are moved where they do not lie so that the operator can take them."""
        q, k = self.peeled(p.a), self.peeled(p.b)
        scale = p.scale * q[1] * k[1]
        rank = len(v.axes)
        if scale <= 0 or any(t.dims[:-2] != v.dims[:-2] for t in (q[0], k[0])):
            return None

        def ready(t: Value) -> Value:
            heads = flat(t.axes[:-2])
            rows = t.axes[-2]
            if flat(t.placed[:3]) == list(rows) and not t.placed[0] and t.placed[3] == (*heads, *t.axes[-1]):
                return t
            h, w = (rows[:1], rows[1:]) if len(rows) > 1 else ((), rows)
            return t.laid_out(((), h, w, (*heads, *t.axes[-1])))

        a, b, c = ready(q[0]), ready(k[0]), ready(v)
        if b.node.shape[1:3] != c.node.shape[1:3]:
            b, c = (t.laid_out(((), (), t.axes[-2], t.placed[3])) for t in (b, c))
        heads = size(flat(a.axes[:-2]))
        out = node("attention", [a.node, b.node, c.node], self.name, heads=heads, scale=scale)
        last: Group = fresh(v.dims[-1])
        axes = (*a.axes[:-1], last)
        return Value(out, axes, (*a.placed[:3], (*flat(a.axes[:rank - 2]), *last)), self.fix)

    def peeled(self, v: Value) -> tuple[Value, float]:
        """A factor that was multiplied before the product."""
        n = v.node
        second = n.inputs[1] if n.op == "mul" and n.is_plain() else None
        if second is None or second.value is None or second.value.size != 1:
            return v, 1.0
        return v.with_node(n.x), float(second.value.ravel()[0])
