# SPDX-License-Identifier: BSD-2-Clause
"""The shapes of a model's tensors and what they cost: the shape rules of docs/format.md once more, in Python."""
from __future__ import annotations

from math import prod
from typing import Callable

from czw import MAX_ELEMENTS, FormatError, Model, Operator, Tensor

Shape = tuple[int, int, int, int]
Attributes = dict[str, float]

MAX_TOTAL_ELEMENTS = 1 << 31
MAX_WEIGHT_ELEMENTS = 1 << 28
MAX_KERNEL = 1024
NOMINAL_SIDE = 256


def need(condition: bool, text: str) -> None:
    if not condition:
        raise FormatError("MODEL", text)


def ints(a: Attributes, *names: str) -> list[int]:
    return [int(a[name]) for name in names]


# Each rule takes the attributes and the inputs' shapes (None: absent) and gives the result's shape.
Rule = Callable[[Attributes, list["Shape | None"]], Shape]


def given(s: Shape | None) -> Shape:
    assert s is not None  # required inputs are there: the reader checked
    return s


def one_image(*shapes: Shape) -> None:
    for i, s in enumerate(shapes):
        need(s[0] == 1, f"input {i}: N is {s[0]}, not 1")


def check_activation(a: Attributes) -> None:
    act, p0, p1 = a["act"], a["act_p0"], a["act_p1"]
    need(act != 1 or p0 <= p1, "attribute act_p0: the clamp's lower limit is above the upper")
    need(act in (1, 2) or p0 == 0, "attribute act_p0: not 0, but not used")
    need(act == 1 or p1 == 0, "attribute act_p1: not 0, but not used")


def check_end(a: Attributes, shapes: list[Shape | None], out: Shape) -> Shape:
    """The common end of conv2d, conv_transpose2d and linear."""
    check_activation(a)
    bias, scale, shift, residual = shapes[2:6]
    for name, s in (("bias", bias), ("scale", scale), ("shift", shift)):
        need(s is None or s == (1, 1, 1, out[3]), f"input: the {name} is not [1,1,1,{out[3]}]")
    need((scale is None) == (shift is None), "input 3: scale and shift come together")
    need((residual is not None) == (a["residual"] != 0), "attribute residual: does not fit input 5")
    need(residual is None or residual == out, "input 5: the residual does not have the result's shape")
    return out


def check_weight(x: Shape, w: Shape, groups: int) -> None:
    need(max(w[1], w[2]) <= MAX_KERNEL, f"input 1: a kernel of {w[1]} by {w[2]} is above {MAX_KERNEL}")
    need(x[3] % groups == 0 and w[0] % groups == 0, "attribute groups: does not divide the channels")
    need(w[3] == x[3] // groups, f"input 1: the weight has {w[3]} channels, not {x[3] // groups}")


def conv2d(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x, w = given(shapes[0]), given(shapes[1])
    one_image(x)
    check_weight(x, w, int(a["groups"]))
    size = []
    for i, (stride, dilation, before, after) in enumerate((
            ints(a, "stride_h", "dilation_h", "pad_top", "pad_bottom"),
            ints(a, "stride_w", "dilation_w", "pad_left", "pad_right")), 1):
        room = x[i] + before + after - ((w[i] - 1) * dilation + 1)
        need(room >= 0, "input 0: smaller than the kernel")
        size.append(room // stride + 1)
    return check_end(a, shapes, (1, size[0], size[1], w[0]))


def quantize(a: Attributes, shapes: list[Shape | None]) -> Shape:
    return given(shapes[0])


def conv2d_of_i8(a: Attributes) -> Attributes:
    """The attributes of a conv2d of the same geometry and end."""
    both = {name + side: a[name] for name in ("stride", "dilation") for side in ("_h", "_w")}
    return {**a, **both, "pad_mode": 0}


def conv2d_i8(a: Attributes, shapes: list[Shape | None]) -> Shape:
    out = conv2d(conv2d_of_i8(a), shapes)
    w, groups = given(shapes[1]), int(a["groups"])
    need(groups == 1 or (groups == w[0] and w[3] == 1), "attribute groups: neither 1 nor the number of channels")
    need(shapes[3] is None and shapes[4] is None, "input 3: conv2d_i8 takes no scale and shift")
    most = (1 << 31) - 1 if groups == 1 else 1 << 24
    need(prod(w[1:]) * 255 * 128 <= most, f"input 1: the sum of {prod(w[1:])} terms may not be exact")
    need(a["out_scale"] == 0 or a["out_scale"] >= 1e-30, "attribute out_scale: neither 0 nor at least 1e-30")
    need(a["out_scale"] != 0 or a["out_zero"] == 0, "attribute out_zero: not 0, but not used")
    return out


def conv_transpose2d(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x, w = given(shapes[0]), given(shapes[1])
    one_image(x)
    check_weight(x, w, int(a["groups"]))
    size = []
    for i, (stride, dilation, before, after) in enumerate((
            ints(a, "stride_h", "dilation_h", "pad_top", "pad_bottom"),
            ints(a, "stride_w", "dilation_w", "pad_left", "pad_right")), 1):
        size.append((x[i] - 1) * stride + (w[i] - 1) * dilation + 1 - before - after)
    return check_end(a, shapes, (1, size[0], size[1], w[0]))


def linear(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x, w = given(shapes[0]), given(shapes[1])
    need(w[1:] == (1, 1, x[3]), f"input 1: the weight is not [Cout,1,1,{x[3]}]")
    return check_end(a, shapes, (*x[:3], w[0]))


def matmul(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x, y = given(shapes[0]), given(shapes[1])
    need(y[0] in (1, x[0]) and y[1] in (1, x[1]), "input 1: a leading dimension is neither the same nor 1")
    k, n = (y[3], y[2]) if a["transpose_b"] else (y[2], y[3])
    need(k == x[3], f"input 1: K is {k}, not {x[3]}")
    return (*x[:3], n)


def attention(a: Attributes, shapes: list[Shape | None]) -> Shape:
    q, k, v = given(shapes[0]), given(shapes[1]), given(shapes[2])
    one_image(q, k, v)
    heads = int(a["heads"])
    need(q[3] == k[3], "input 1: k and q differ in channels")
    need(k[1:3] == v[1:3], "input 2: v and k differ in tokens")
    need(q[3] % heads == 0 and v[3] % heads == 0, "attribute heads: does not divide the channels")
    return (1, q[1], q[2], v[3])


def layer_norm(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x = given(shapes[0])
    for s in shapes[1:3]:
        need(s is None or s == (1, 1, 1, x[3]), f"input: not [1,1,1,{x[3]}]")
    return x


def softmax(a: Attributes, shapes: list[Shape | None]) -> Shape:
    return given(shapes[0])


def activation(a: Attributes, shapes: list[Shape | None]) -> Shape:
    check_activation(a)
    return given(shapes[0])


def pool2d(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x = given(shapes[0])
    one_image(x)
    need(a["kind"] == 1 or a["count_pad"] == 0, "attribute count_pad: not 0, but no average")
    size = []
    for i, (kernel, stride, before, after) in enumerate((
            ints(a, "kernel_h", "stride_h", "pad_top", "pad_bottom"),
            ints(a, "kernel_w", "stride_w", "pad_left", "pad_right")), 1):
        need(before < kernel and after < kernel, "attribute pad_*: a padding is not smaller than the kernel")
        room = x[i] + before + after - kernel
        need(room >= 0, "input 0: smaller than the kernel")
        windows = (room + (stride - 1 if a["ceil_mode"] else 0)) // stride + 1
        if a["ceil_mode"] and (windows - 1) * stride >= x[i] + before:
            windows -= 1
        size.append(windows)
    return (1, size[0], size[1], x[3])


def global_pool(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x = given(shapes[0])
    return (x[0], 1, 1, x[3])


def resize(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x, like = given(shapes[0]), shapes[1]
    one_image(x)
    num_h, den_h, num_w, den_w = ints(a, "num_h", "den_h", "num_w", "den_w")
    if like is None:
        return (1, x[1] * num_h // den_h, x[2] * num_w // den_w, x[3])
    need((num_h, den_h, num_w, den_w) == (1, 1, 1, 1), "attribute num_*, den_*: not 1 where input 1 gives the size")
    return (1, like[1], like[2], x[3])


def pixel_shuffle(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x, r = given(shapes[0]), int(a["factor"])
    need(x[3] % (r * r) == 0, f"attribute factor: {r} squared does not divide {x[3]} channels")
    return (x[0], x[1] * r, x[2] * r, x[3] // (r * r))


def concat(a: Attributes, shapes: list[Shape | None]) -> Shape:
    axis = int(a["axis"])
    parts = [s for s in shapes if s is not None]
    need(None not in shapes[:len(parts)], "input: absent before one that is given")
    for s in parts:
        need(all(k == axis or s[k] == parts[0][k] for k in range(4)), "input: a dimension differs")
    out = list(parts[0])
    out[axis] = sum(s[axis] for s in parts)
    return (out[0], out[1], out[2], out[3])


def broadcast(a: Attributes, shapes: list[Shape | None]) -> Shape:
    check_activation(a)
    x, y = given(shapes[0]), given(shapes[1])
    need(all(q in (1, p) for p, q in zip(x, y)), "input 1: a dimension is neither the same nor 1")
    return x


def slice_(a: Attributes, shapes: list[Shape | None]) -> Shape:
    out = list(given(shapes[0]))
    axis, begin, end, step = ints(a, "axis", "begin", "end", "step")
    need(end > begin, "attribute end: not above begin")
    end = min(end, out[axis])
    need(begin < end, "attribute begin: past the end of the axis")
    out[axis] = -((begin - end) // step)
    return (out[0], out[1], out[2], out[3])


def pad(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x = given(shapes[0])
    top, left, bottom, right, mode = ints(a, "pad_top", "pad_left", "pad_bottom", "pad_right", "mode")
    need(mode == 0 or a["value"] == 0, "attribute value: not 0, but not used")
    need(mode != 2 or (max(top, bottom) < x[1] and max(left, right) < x[2]),
         "attribute pad_*: a mirrored padding is not below the size")
    return (x[0], x[1] + top + bottom, x[2] + left + right, x[3])


def reshape(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x = given(shapes[0])
    dims = [x[i] if d == 0 else d for i, d in enumerate(ints(a, "n", "h", "w", "c"))]
    need(dims.count(-1) <= 1, "attribute n, h, w, c: more than one is -1")
    if -1 in dims:
        known = -prod(dims)
        need(prod(x) % known == 0, "attribute n, h, w, c: do not give the input's elements")
        dims[dims.index(-1)] = prod(x) // known
    need(prod(dims) == prod(x), "attribute n, h, w, c: do not give the input's elements")
    return (dims[0], dims[1], dims[2], dims[3])


def transpose(a: Attributes, shapes: list[Shape | None]) -> Shape:
    x = given(shapes[0])
    axes = ints(a, "axis0", "axis1", "axis2", "axis3")
    need(sorted(axes) == [0, 1, 2, 3], "attribute axis0..3: not a permutation")
    return (x[axes[0]], x[axes[1]], x[axes[2]], x[axes[3]])


RULES: dict[str, Rule] = {
    "conv2d": conv2d, "conv_transpose2d": conv_transpose2d, "linear": linear, "matmul": matmul, "attention": attention,
    "layer_norm": layer_norm, "softmax": softmax, "activation": activation, "pool2d": pool2d,
    "global_pool": global_pool, "resize": resize, "pixel_shuffle": pixel_shuffle, "concat": concat, "add": broadcast,
    "mul": broadcast, "slice": slice_, "pad": pad, "reshape": reshape, "transpose": transpose,
    "quantize": quantize, "conv2d_i8": conv2d_i8,
}


def multiply_adds(op: Operator, shapes: list[Shape | None], out: Shape) -> int:
    """Multiply-adds of the operators that are made of them; 0 for the others."""
    x = given(shapes[0])
    if op.op.name in ("conv2d", "conv2d_i8"):
        return prod(given(shapes[1])) * out[1] * out[2]
    if op.op.name == "conv_transpose2d":
        return prod(given(shapes[1])) * x[1] * x[2]
    if op.op.name in ("linear", "matmul"):
        return prod(out) * x[3]
    if op.op.name == "attention":
        return x[1] * x[2] * prod(given(shapes[1])[1:3]) * (x[3] + out[3])
    return 0


def packed_elements(op: Operator, w: Shape) -> int:
    """Elements of a packed weight: each group's output channels, or a depthwise convolution's, fill vectors of 16."""
    groups = int(op.attributes.get("groups", 1))
    parts = 1 if op.op.name != "conv_transpose2d" and groups == w[0] and w[3] == 1 else groups
    channels = -(-w[0] // parts)
    return parts * ((channels + 15) // 16 * 16) * prod(w[1:])


def is_u8(model: Model, t: Tensor) -> bool:
    """Whether a tensor is u8; inputs and constants are f32."""
    if t.kind != "operator":
        return False
    op = model.operators[t.index]
    return op.op.name == "quantize" or (op.op.name == "conv2d_i8" and op.attributes["out_scale"] != 0)


def weight_dtype(model: Model, op: Operator) -> str:
    weight = op.inputs[1]
    assert weight is not None and weight.kind == "constant"  # the reader checked
    return model.constants[weight.index].dtype


def check_types(model: Model) -> None:
    """Every input has the type that its operator reads; outputs are f32; the weight of conv2d_i8 is i8."""
    for i, op in enumerate(model.operators):
        for k, t in enumerate(op.inputs):
            must = op.op.name == "conv2d_i8" and k == 0
            need(t is None or is_u8(model, t) == must, f"operator {i}: input {k}: is not {'u8' if must else 'f32'}")
        need(op.op.name != "conv2d_i8" or weight_dtype(model, op) == "i8",
             f"operator {i}: input 1: the weight is not i8")
    for o in model.outputs:
        need(not is_u8(model, o.tensor), f"output {o.name}: is u8, not f32")


def check_dims(out: Shape) -> None:
    need(min(out) >= 1, f"the result's shape is {list(out)}")
    need(prod(out) <= MAX_ELEMENTS, "the result has too many elements")


def infer(model: Model, size: tuple[int, int] | None = None) -> dict[Tensor, Shape]:
    """The shape of every tensor for a height and width of the run-time inputs; None: the size checked at opening."""
    shapes: dict[Tensor, Shape] = {}
    check_types(model)
    for i, row in enumerate(model.inputs):
        n, h, w, c = row.dims
        if h == 0:
            side = -(-NOMINAL_SIDE // row.multiple) * row.multiple
            h, w = size or (side, side)
            need(h > 0 and w > 0 and h % row.multiple == 0 and w % row.multiple == 0,
                 f"input {i}: {h}x{w} is not a multiple of {row.multiple}")
        check_dims((n, h, w, c))
        shapes[Tensor("input", i)] = (n, h, w, c)
    for i, constant in enumerate(model.constants):
        n, h, w, c = constant.data.shape
        shapes[Tensor("constant", i)] = (n, h, w, c)
    weights = sum(packed_elements(op, given(shapes[op.inputs[1]])) for op in model.operators
                  if op.op.packed and op.inputs[1] is not None)
    need(weights <= MAX_WEIGHT_ELEMENTS, "the model's weights are more than the limit")
    total = sum(prod(shapes[Tensor("input", i)]) for i in range(len(model.inputs)))
    for i, op in enumerate(model.operators):
        try:
            out = RULES[op.op.name](op.attributes, input_shapes(op, shapes))
            check_dims(out)
        except FormatError as e:
            raise FormatError("MODEL", f"operator {i} ({op.op.name} '{op.name}'): {e}") from None
        shapes[Tensor("operator", i)] = out
        total += prod(out)
        need(total <= MAX_TOTAL_ELEMENTS, f"operator {i}: the tensors have more elements than the limit")
    return shapes


def input_shapes(op: Operator, shapes: dict[Tensor, Shape]) -> list[Shape | None]:
    """The shapes of an operator's inputs, as many as it can have."""
    known = [None if t is None else shapes[t] for t in op.inputs]
    return known + [None] * (8 - len(known))
