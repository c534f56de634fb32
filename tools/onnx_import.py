# SPDX-License-Identifier: BSD-2-Clause
"""An ONNX graph into a czw_graph.Graph: one function an operator. docs/onnx.md says what is supported."""
from __future__ import annotations

from typing import Callable, Sequence

from math import prod

import numpy as np
import onnx
from onnx import numpy_helper

from czw_graph import Array, ImportFailure, Node, node
from onnx_base import Attributes, Product, Thing, scalar
from onnx_fold import axes_of, fold
from onnx_images import Images
from onnx_matrices import Matrices
from onnx_values import Value, fresh, from_image

ACTIVATIONS = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "HardSwish": "hard_swish", "Gelu": "gelu"}
HELPERS = {"Erf": "erf", "Sqrt": "sqrt"}


def attributes_of(n: onnx.NodeProto) -> Attributes:
    values = {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}


def text(name: str | bytes) -> str:
    """A name; one that is not UTF-8 comes as bytes."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


class Importer(Images, Matrices):
    """Traces one ONNX graph at one input size."""

    def __init__(self, source: onnx.ModelProto, inputs: dict[str, tuple[int, ...]]) -> None:
        super().__init__()
        proto = source.graph
        self.opset = max((o.version for o in source.opset_import if o.domain in ("", "ai.onnx")), default=1)
        for i in proto.initializer:
            self.name = i.name
            self.env[i.name] = self.initializer(i)
        for name, dims in inputs.items():
            self.env[name] = self.input(text(name), dims)
        for n in proto.node:
            self.run(n)
        for o in proto.output:
            self.name = text(o.name)
            try:
                self.graph.outputs.append((self.name, self.value(self.known(o.name)).plain().node))
            except ImportFailure as e:
                raise ImportFailure(f"output '{self.name}': {e}") from None

    def initializer(self, tensor: onnx.TensorProto) -> Array:
        try:
            return np.asarray(numpy_helper.to_array(tensor))
        except Exception as e:  # whatever onnx thinks of a malformed one
            raise ImportFailure(f"initializer '{tensor.name}': {type(e).__name__}: {e}") from None

    def known(self, name: str) -> Thing:
        if name not in self.env:
            raise ImportFailure(f"'{name}' is not computed before it is used")
        return self.env[name]

    def input(self, name: str, dims: tuple[int, ...]) -> Value:
        if len(dims) not in (2, 3, 4) or dims[0] != 1:
            raise ImportFailure(f"input {name}: {dims} is neither an image [1, C, H, W] nor tokens [1, T, C]")
        if len(dims) == 4:
            _, c, h, w = dims
            n = Node("input", [], {}, (1, h, w, c), name)
            self.graph.inputs.append(n)
            return from_image(n, True, True, self.fix)
        self.fix("its input is not an image")
        t = dims[1] if len(dims) == 3 else 1
        n = Node("input", [], {}, (1, 1, t, dims[-1]), name)
        self.graph.inputs.append(n)
        axes = tuple(fresh(d) for d in dims)
        return Value(n, axes, ((), (), axes[1] if len(dims) == 3 else (), axes[-1]), self.fix)

    def run(self, n: onnx.NodeProto) -> None:
        self.name = text(n.name or (n.output[0] if n.output else ""))
        try:
            args = [self.known(i) if i else None for i in n.input]
            outputs = self.compute(n.op_type, attributes_of(n), args, n)
        except ImportFailure as e:
            raise ImportFailure(f"node '{self.name}' ({n.op_type}): {e}") from None
        except Exception as e:  # inputs and attributes that ONNX does not allow: how they fail is not foreseen
            raise ImportFailure(f"node '{self.name}' ({n.op_type}): malformed: {type(e).__name__}: {e}") from None
        for name, out in zip(n.output, outputs):
            self.env[name] = out

    def compute(self, op: str, a: Attributes, args: list[Thing | None], n: onnx.NodeProto) -> Sequence[Thing]:
        if all(x is None or isinstance(x, np.ndarray) for x in args):
            arrays = [x for x in args if x is None or isinstance(x, np.ndarray)]
            folded = fold(op, a, arrays)
            if folded is not None:
                return [folded]
        if n.domain not in ("", "ai.onnx"):
            raise ImportFailure(f"domain {n.domain} is not supported")
        if op == "Split":
            return self.split(a, args, len(n.output))
        if op in ACTIVATIONS:
            return [self.activation(a, op, args[0])]
        if op in HELPERS:
            return [self.unary(self.value(args[0]), HELPERS[op])]
        method: Callable[..., Thing] | None = getattr(self, "op_" + op, None)
        if method is None:
            raise ImportFailure("this operator is not supported")
        return [method(a, *args)]

    # ------------------------------------------------------------ element by element

    def activation(self, a: Attributes, op: str, x: Thing | None) -> Value:
        act = "gelu_tanh" if op == "Gelu" and a.get("approximate") == "tanh" else ACTIVATIONS[op]
        return self.unary(self.value(x), "activation", act=act)

    def unary(self, x: Thing, op: str, **attributes: float | str) -> Value:
        v = self.value(x)
        return self.emit(op, v, [v.node], **attributes)

    def op_LeakyRelu(self, a: Attributes, x: Thing) -> Value:
        return self.unary(x, "activation", act="leaky_relu", act_p0=a.get("alpha", 0.01))

    def op_PRelu(self, a: Attributes, x: Thing, slope: Thing) -> Value:
        value = scalar(slope)
        if value is not None:
            return self.unary(x, "activation", act="leaky_relu", act_p0=value)
        positive = self.unary(x, "activation", act="relu")  # a slope for each channel: relu(x) - slope relu(-x)
        negative = self.unary(self.op_Neg({}, x), "activation", act="relu")
        return self.binary("add", positive, self.with_constant("mul", negative, -self.array(slope, "the slope")))

    def op_Clip(self, a: Attributes, x: Thing, low: Thing | None = None, high: Thing | None = None) -> Value:
        p0 = a.get("min", -1e6) if low is None else scalar(low)
        p1 = a.get("max", 1e6) if high is None else scalar(high)
        if p0 is None or p1 is None:
            raise ImportFailure("a limit is not a constant")
        if p0 == 0 and p1 >= 1e6:
            return self.unary(x, "activation", act="relu")
        return self.unary(x, "activation", act="clamp", act_p0=max(p0, -1e6), act_p1=min(p1, 1e6))

    def op_HardSigmoid(self, a: Attributes, x: Thing) -> Value:
        """max(0, min(1, alpha x + beta)) as clip(x + beta / alpha, 0, 1 / alpha) alpha: hard swish is found in it."""
        alpha, beta = a.get("alpha", 0.2), a.get("beta", 0.5)
        if alpha <= 0:
            raise ImportFailure("alpha is not above 0")
        shifted = self.binary("add", x, np.array(beta / alpha))
        clipped = self.unary(shifted, "activation", act="clamp", act_p0=0.0, act_p1=1 / alpha)
        return self.with_constant("mul", clipped, np.array(alpha))

    def op_Identity(self, a: Attributes, x: Thing, *unused: Thing) -> Thing:
        return x

    op_Dropout = op_Identity

    def op_Cast(self, a: Attributes, x: Thing) -> Thing:
        if a["to"] not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE):
            raise ImportFailure("to integers")
        return x

    def op_BatchNormalization(self, a: Attributes, x: Thing, gamma: Thing, beta: Thing, mean: Thing,
                              variance: Thing) -> Value:
        g, b, m, v = (self.array(t, "a parameter").astype(np.float64) for t in (gamma, beta, mean, variance))
        if a.get("training_mode", 0):
            raise ImportFailure("training mode")
        scale = g / np.sqrt(v + a.get("epsilon", 1e-5))
        value = self.value(x)
        shape = (-1,) + (1,) * (len(value.axes) - 2)
        scaled = self.with_constant("mul", value, scale.reshape(shape))
        return self.with_constant("add", scaled, (b - m * scale).reshape(shape))

    def op_Add(self, a: Attributes, x: Thing, y: Thing) -> Thing:
        return self.binary("add", x, y)

    def op_Sub(self, a: Attributes, x: Thing, y: Thing) -> Thing:
        return self.binary("add", x, self.op_Neg({}, y))

    def op_Mul(self, a: Attributes, x: Thing, y: Thing) -> Thing:
        for product, factor in ((x, scalar(y)), (y, scalar(x))):
            if isinstance(product, Product) and factor is not None and not product.softmax:
                return Product(product.a, product.b, product.scale * factor)
        return self.binary("mul", x, y)

    def op_Div(self, a: Attributes, x: Thing, y: Thing) -> Thing:
        if isinstance(y, np.ndarray):
            return self.op_Mul(a, x, 1 / np.asarray(y, np.float64))
        v, w = self.matched(self.value(x), self.value(y))
        return self.emit("div", v, [v.node, w.node])

    def op_Neg(self, a: Attributes, x: Thing) -> Thing:
        return np.asarray(-x) if isinstance(x, np.ndarray) else self.op_Mul(a, x, np.array(-1.0))

    def op_Pow(self, a: Attributes, x: Thing, y: Thing) -> Value:
        v, power = self.value(x), scalar(y)
        if power == 0.5:
            return self.unary(v, "sqrt")
        if power not in (2, 3):
            raise ImportFailure("only powers of 2, 3 and 0.5")
        square = self.emit("mul", v, [v.node, v.node])
        return square if power == 2 else self.emit("mul", v, [square.node, v.node])

    def op_Softmax(self, a: Attributes, x: Thing) -> Thing:
        axis = a.get("axis", -1 if self.opset >= 13 else 1)
        if isinstance(x, Product) and not x.softmax:
            rank = len(x.a.axes)
            axis %= rank
            if axis == rank - 1 or (axis == rank - 2 and self.opset >= 13):
                if (axis == rank - 1) != x.swapped:
                    return Product(x.a, x.b, x.scale, True, x.swapped)
                return Product(x.b, x.a, x.scale, True, not x.swapped)  # over the rows: (b a^T)^T
        v = self.value(x)
        axis %= len(v.axes)
        if self.opset < 13 and any(v.axes[axis + 1:]):
            raise ImportFailure("over several axes")
        if not v.axes[axis]:
            raise ImportFailure("over an axis of 1")
        if v.axes[axis] not in v.placed:
            v = v.plain()
        return self.emit("softmax", v, [v.node], axis=v.place(axis))

    def op_LayerNormalization(self, a: Attributes, x: Thing, gamma: Thing, beta: Thing | None = None) -> Value:
        v = self.value(x)
        if a.get("axis", -1) % len(v.axes) != len(v.axes) - 1:
            raise ImportFailure("over more than the last axis")
        v = v.tokens()
        return self.emit("layer_norm", v, [v.node, self.vector(gamma, "the scale"), self.vector(beta, "the bias")],
                         eps=a.get("epsilon", 1e-5))

    # ------------------------------------------------------------ shapes

    def op_Shape(self, a: Attributes, x: Thing) -> Array:
        return np.array(self.value(x).dims, np.int64)[a.get("start", 0):a.get("end")]

    def op_Reshape(self, a: Attributes, x: Thing, shape: Thing) -> Value:
        v = self.value(x)
        dims = [int(d) for d in self.array(shape, "the shape")]
        if not a.get("allowzero", 0):
            dims = [v.dims[i] if d == 0 else d for i, d in enumerate(dims)]
        if -1 in dims:
            dims[dims.index(-1)] = prod(v.dims) // -prod(dims)
        return v.reshape(dims)

    def op_Flatten(self, a: Attributes, x: Thing) -> Value:
        v = self.value(x)
        axis = a.get("axis", 1)
        return v.reshape([prod(v.dims[:axis]), prod(v.dims[axis:])])

    def op_Squeeze(self, a: Attributes, x: Thing, axes: Thing | None = None) -> Value:
        v = self.value(x)
        given = axes_of(a, [None, None if axes is None else self.array(axes, "axes")], 1)
        gone = {i % len(v.axes) for i in given} if given else {i for i, g in enumerate(v.axes) if not g}
        return v.with_axes([g for i, g in enumerate(v.axes) if i not in gone])

    def op_Unsqueeze(self, a: Attributes, x: Thing, axes: Thing | None = None) -> Value:
        v = self.value(x)
        given = axes_of(a, [None, None if axes is None else self.array(axes, "axes")], 1) or []
        rank = len(v.axes) + len(given)
        rest = iter(v.axes)
        new = {i % rank for i in given}
        return v.with_axes([() if i in new else next(rest) for i in range(rank)])

    def op_Transpose(self, a: Attributes, x: Thing) -> Thing:
        if isinstance(x, Product):
            rank = len(x.a.axes)
            if list(a.get("perm", range(rank)[::-1])) == [*range(rank - 2), rank - 1, rank - 2]:
                return Product(x.a, x.b, x.scale, x.softmax, not x.swapped)
        v = self.value(x)
        return v.transpose(a.get("perm", range(len(v.axes))[::-1]))

    def op_Expand(self, a: Attributes, x: Thing, shape: Thing) -> Value:
        v = self.value(x)
        wanted = self.array(shape, "the shape").tolist()
        v = v.with_axes(((),) * (len(wanted) - len(v.axes)) + v.axes)
        if any(d not in (1, e) for d, e in zip(wanted[::-1], v.dims[::-1])):
            raise ImportFailure("repeats values")
        return v

    def op_Concat(self, a: Attributes, *parts: Thing) -> Value:
        values = [self.value(p) for p in parts]
        rank = len(values[0].axes)
        axis = a["axis"] % rank
        if rank == 4:
            values = [v.image() for v in values]
        else:
            values = [v.laid_out(((),) * (4 - rank) + v.axes) for v in values]
        place = (0, 3, 1, 2)[axis] if rank == 4 else axis + 4 - rank
        out = values[0].node
        for i in range(1, len(values), 7):  # an operator takes eight
            out = node("concat", [out, *(v.node for v in values[i:i + 7])], self.name, axis=place)
        free = any(f.free for v in values for f in v.axes[axis])
        if free and len(values) > 1:
            self.fix("joins along a height or width")
        made = fresh(sum(v.dims[axis] for v in values))
        first = values[0]
        axes = [made if i == axis else g for i, g in enumerate(first.axes)]
        placed = [made if i == place else g for i, g in enumerate(first.placed)]
        return Value(out, tuple(axes), tuple(placed), self.fix)

    def cut(self, v: Value, axis: int, begin: int, end: int, step: int) -> Value:
        """One slice of one axis, with 0 <= begin < end."""
        extent = v.dims[axis]
        if (begin, step) == (0, 1) and end >= extent:
            return v
        free = any(f.free for f in v.axes[axis])
        if v.axes[axis] not in v.placed:
            v = v.plain()
        if free and (end < extent or begin >= step):
            self.fix("a slice of the height or width")
        place = v.place(axis)
        out = node("slice", [v.node], self.name, axis=place, begin=begin, end=0x7FFFFFFF if end >= extent else end,
                   step=step)
        made = fresh(out.shape[place], free)
        axes = [made if i == axis else g for i, g in enumerate(v.axes)]
        placed = [made if i == place else g for i, g in enumerate(v.placed)]
        return Value(out, tuple(axes), tuple(placed), self.fix)

    def op_Slice(self, a: Attributes, x: Thing, *rest: Thing) -> Value:
        v = self.value(x)
        given = [None if r is None else self.array(r, "a limit").tolist() for r in rest] + [None] * 4
        starts, ends = given[0] or a["starts"], given[1] or a["ends"]
        axes = given[2] or a.get("axes")
        steps = given[3] or [1] * len(starts)
        for i, (b, e, s) in enumerate(zip(starts, ends, steps)):
            axis = (i if axes is None else axes[i]) % len(v.axes)
            begin, end, step = slice(b, e, s).indices(v.dims[axis])
            if step < 1 or begin >= end:
                raise ImportFailure("an empty or backward slice")
            v = self.cut(v, axis, begin, end, step)
        return v

    def split(self, a: Attributes, args: Sequence[Thing | None], count: int) -> list[Thing]:
        v = self.value(args[0])
        axis = a.get("axis", 0) % len(v.axes)
        extent = v.dims[axis]
        if len(args) > 1 and args[1] is not None:
            sizes = [int(s) for s in self.array(args[1], "the sizes")]
        else:
            sizes = list(a.get("split", [-(-extent // count)] * count))
        out: list[Thing] = []
        begin = 0
        for s in sizes:
            out.append(self.cut(v, axis, begin, min(begin + s, extent), 1))
            begin += s
        return out
