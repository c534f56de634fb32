# SPDX-License-Identifier: BSD-2-Clause
"""Rewrites a czw_graph.Graph so that it runs faster and means the same: what follows a convolution goes into its end,
constants are folded into weights, patterns of small operators become one.

Every rule looks at one node and changes the graph or returns False; they are tried until none finds anything.
Results move by rounding errors only.
"""
from __future__ import annotations

from typing import Callable

import numpy as np

from czw_graph import Array, Graph, Node, constant, node

CONVOLUTIONS = ("conv2d", "conv_transpose2d", "linear")
PADS = ("pad_top", "pad_left", "pad_bottom", "pad_right")
NAMES = {"relu": (2, 0.0), "sigmoid": (8, 0.0), "tanh": (7, 0.0)}


class Fuser:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.uses: dict[Node, int] = {}

    def run(self) -> None:
        """Applies every rule until none applies."""
        changed = True
        while changed:
            changed = False
            self.uses = self.graph.uses()
            for n in self.graph.nodes():
                if self.uses.get(n, 0) > 0 and any(rule(self, n) for rule in RULES):
                    changed = True
                    self.uses = self.graph.uses()

    def single(self, n: Node) -> bool:
        return self.uses.get(n, 0) == 1

    def substitute(self, old: Node, new: Node) -> bool:
        self.graph.replace(old, new)
        return True


# ---------------------------------------------------------------- looking


def number(n: Node | None) -> float | None:
    """The value of a constant of one element."""
    return float(n.value.ravel()[0]) if n is not None and n.value is not None and n.value.size == 1 else None


def is_about(n: Node | None, x: float) -> bool:
    value = number(n)
    return value is not None and abs(value - x) <= 1e-5 * abs(x)


def channel_constant(n: Node | None, channels: int) -> Array | None:
    """A constant that is one number, or one for each channel: as a vector of `channels`."""
    if n is None or n.value is None or n.shape[:3] != (1, 1, 1) or n.shape[3] not in (1, channels):
        return None
    return np.broadcast_to(n.value.ravel(), (channels,))


def plain(n: Node, op: str) -> bool:
    return n.op == op and n.is_plain()


def operands(n: Node) -> list[tuple[Node, Node]]:
    """Both orders of a commutative operator's inputs."""
    a, b = n.inputs[0], n.inputs[1]
    assert a is not None and b is not None
    return [(a, b), (b, a)]


def get(n: Node, i: int) -> Node | None:
    return n.inputs[i] if len(n.inputs) > i else None


def put(n: Node, i: int, value: Node | None) -> None:
    n.inputs += [None] * (i + 1 - len(n.inputs))
    n.inputs[i] = value


def vector(n: Node | None, channels: int, default: float) -> Array:
    return np.full(channels, default) if n is None or n.value is None else n.value.ravel()


# ---------------------------------------------------------------- the end of a convolution


def fold_affine(f: Fuser, n: Node) -> bool:
    """conv, then a product or sum with one constant a channel: into weights and bias, or, after an activation, into
    the affine."""
    if n.op not in ("mul", "add") or not n.is_plain():
        return False
    p, channels = n.x, n.shape[3]
    c = channel_constant(get(n, 1), channels)
    if c is None or p.op not in CONVOLUTIONS or not f.single(p) or p.attributes["residual"] != 0:
        return False
    bias, weight = vector(get(p, 2), channels, 0), p.inputs[1]
    assert weight is not None and weight.value is not None
    if p.is_plain() and n.op == "mul":
        put(p, 1, constant(weight.value * c[:, None, None, None], weight.name))
        if get(p, 2) is not None:
            put(p, 2, constant(bias * c))
    elif p.is_plain():
        put(p, 2, constant(bias + c))
    else:
        scale, shift = vector(get(p, 3), channels, 1), vector(get(p, 4), channels, 0)
        if n.op == "mul":
            scale, shift = scale * c, shift * c
        else:
            shift = shift + c
        put(p, 3, constant(scale))
        put(p, 4, constant(shift))
    return f.substitute(n, p)


def fold_order(f: Fuser, n: Node) -> bool:
    """A 1 x 1 convolution that only puts channels in another order goes into the one before."""
    p, weight = n.x if n.op == "conv2d" and n.is_plain() else None, get(n, 1)
    if p is None or weight is None or weight.value is None or p.op not in CONVOLUTIONS or not f.single(p):
        return False
    taps = weight.value[:, 0, 0, :]
    one_pixel = weight.shape[1:3] == (1, 1) and n.shape[1:3] == p.shape[1:3] and not any(n.attributes[k] for k in PADS)
    if not one_pixel or taps.shape[0] != taps.shape[1] or get(n, 2) is not None or p.attributes["residual"] or (
            p.attributes.get("groups", 1) != 1) or ((taps != 0) & (taps != 1)).any() or (taps.sum(1) != 1).any():
        return False
    order = taps.argmax(1)
    for i in range(1, 5):
        given = get(p, i)
        if given is not None and given.value is not None:
            put(p, i, constant(given.value[order] if i == 1 else given.value[..., order], given.name))
    return f.substitute(n, p)


def fuse_activation(f: Fuser, n: Node) -> bool:
    """The activation after a convolution (with a residual too, when that joins first), a sum or a product."""
    if n.op != "activation" or not f.single(n.x):
        return False
    p = n.x
    if p.op in CONVOLUTIONS:
        if p.attributes["act"] != 0 or get(p, 3) is not None or p.attributes["residual"] == 2:
            return False
    elif p.op not in ("add", "mul") or p.attributes["act"] != 0:
        return False
    for key in ("act", "act_p0", "act_p1"):
        p.attributes[key] = n.attributes[key]
    return f.substitute(n, p)


def fuse_residual(f: Fuser, n: Node) -> bool:
    """A sum with a convolution's result that nothing else reads."""
    if not plain(n, "add"):
        return False
    for p, other in operands(n):
        if (p.op in CONVOLUTIONS and f.single(p) and p.attributes["residual"] == 0 and p.shape == other.shape
                and other is not p):
            put(p, 5, other)
            p.attributes["residual"] = 1 if p.attributes["act"] == 0 and get(p, 3) is None else 2
            return f.substitute(n, p)
    return False


def affine_alone(f: Fuser, n: Node) -> bool:
    """x c + d with a constant for each channel, where it could not be folded: one depthwise 1 x 1 convolution."""
    if not plain(n, "add") or not plain(n.x, "mul") or not f.single(n.x) or n.shape[0] != 1:
        return False
    c, d = (channel_constant(get(m, 1), n.shape[3]) for m in (n.x, n))
    if c is None or d is None or n.x.x.shape != n.shape or n.shape[3] > 65536:
        return False
    return f.substitute(n, node("conv2d", [n.x.x, constant(c[:, None, None, None]), constant(d)], n.name,
                                groups=n.shape[3]))


def fuse_padding(f: Fuser, n: Node) -> bool:
    """Padding with zeros or the edge before a convolution."""
    p = n.x if n.op == "conv2d" else None
    if p is None or p.op != "pad" or not f.single(p):
        return False
    mode, keys = p.attributes["mode"], PADS
    padded = any(n.attributes[k] for k in keys)
    if mode == 2 or p.attributes["value"] != 0 or (padded and n.attributes["pad_mode"] != mode):
        return False
    for k in keys:
        n.attributes[k] += p.attributes[k]
    n.attributes["pad_mode"] = mode
    n.inputs[0] = p.x
    return True


def padded_average(f: Fuser, n: Node) -> bool:
    """The mean of a window after padding: with zeros the pool's own; with the edge (a blur) a depthwise convolution
    that pads for itself."""
    a = n.attributes
    if n.op != "pool2d" or a["kind"] != 1 or n.x.op != "pad" or n.x.attributes["mode"] == 2 or not f.single(n.x):
        return False
    border = {k: n.x.attributes[k] for k in PADS}
    if a["ceil_mode"] or any(a[k] for k in PADS) or n.x.attributes["value"] != 0:
        return False
    if n.x.attributes["mode"] == 0:
        if max(border["pad_top"], border["pad_bottom"]) >= a["kernel_h"] or (
                max(border["pad_left"], border["pad_right"]) >= a["kernel_w"]):
            return False
        a.update(border, count_pad=1)
        n.inputs[0] = n.x.x
        return True
    kh, kw, channels = int(a["kernel_h"]), int(a["kernel_w"]), n.shape[3]
    if max(a["stride_h"], a["stride_w"]) > 64:
        return False
    weight = np.full((channels, kh, kw, 1), 1 / (kh * kw))
    return f.substitute(n, node("conv2d", [n.x, constant(weight)], n.name, groups=channels, stride_h=a["stride_h"],
                                stride_w=a["stride_w"]))


def raise_scale(f: Fuser, n: Node) -> bool:
    """x c after a resize or shuffle goes before it, where there is less to do and a convolution to take it up."""
    if not plain(n, "mul") or n.x.op not in ("resize", "pixel_shuffle") or not f.single(n.x):
        return False
    p = n.x
    c = channel_constant(get(n, 1), n.shape[3])
    if c is None or (p.op == "pixel_shuffle" and number(get(n, 1)) is None) or p.x.shape == n.shape:
        return False
    p.inputs[0] = node("mul", [p.x, constant(c[:1] if number(get(n, 1)) is not None else c)], n.name)
    return f.substitute(n, p)


def raise_activation(f: Fuser, n: Node) -> bool:
    """An activation after values were only moved or repeated goes before that, where a convolution can take it up."""
    p = n.x if n.op == "activation" else None
    if p is None or not f.single(p) or p.op not in ("pixel_shuffle", "reshape", "transpose", "resize"):
        return False
    if (p.op == "resize" and (p.attributes["mode"] != 0 or len(p.inputs) > 1)) or not f.single(p.x):
        return False
    if p.x.op in CONVOLUTIONS:
        p.inputs[0] = node("activation", [p.x], n.name, **n.attributes)
        return f.substitute(n, p)
    return False


def drop_padding(f: Fuser, n: Node) -> bool:
    """Padding by nothing."""
    return n.op == "pad" and not any(n.attributes[k] for k in PADS) and f.substitute(n, n.x)


def scale_values(f: Fuser, n: Node) -> bool:
    """attention(q, k, v) c is attention(q, k, v c)."""
    p, c = n.x if plain(n, "mul") else None, number(get(n, 1))
    if p is None or p.op != "attention" or c is None or not f.single(p):
        return False
    p.inputs[2] = node("mul", [p.inputs[2], constant(c)], n.name)
    return f.substitute(n, p)


def drop_transposes(f: Fuser, n: Node) -> bool:
    """Two transposes or reshapes in a row, or one that changes nothing."""
    if n.op not in ("transpose", "reshape") or n.x.op != n.op:
        return n.op == "transpose" and [n.attributes[f"axis{i}"] for i in range(4)] == [0, 1, 2, 3] and (
            f.substitute(n, n.x))
    if n.op == "transpose":
        axes = [n.x.attributes[f"axis{int(n.attributes[f'axis{i}'])}"] for i in range(4)]
        return f.substitute(n, node("transpose", [n.x.x], n.name, **{f"axis{i}": a for i, a in enumerate(axes)}))
    if 0 in (n.attributes[k] for k in "nhwc"):
        return False
    return f.substitute(n, node("reshape", [n.x.x], n.name, **{k: n.attributes[k] for k in "nhwc"}))


# ---------------------------------------------------------------- patterns of small operators


def is_activation(n: Node, name: str) -> bool:
    act, p0 = NAMES[name]
    return n.op == "activation" and n.attributes["act"] == act and n.attributes["act_p0"] == p0


def factors(n: Node) -> tuple[list[Node], float]:
    """What a tree of plain products multiplies: the tensors, and the product of the numbers."""
    todo, found, scale = [n], [], 1.0
    while todo and len(todo) <= 16:  # a longer one is none that is looked for
        top = todo.pop()
        if plain(top, "mul"):
            todo += [i for i in top.inputs if i is not None]
        elif number(top) is not None:
            scale *= number(top) or 0.0
        else:
            found.append(top)
    return found, scale


def gelu(f: Fuser, n: Node) -> bool:
    """x (1 + erf(x / sqrt 2)) / 2, its products in any order."""
    if not plain(n, "mul"):
        return False
    found, scale = factors(n)
    if len(found) != 2 or abs(scale - 0.5) > 1e-5:
        return False
    for x, e in (found, found[::-1]):
        if plain(e, "add") and is_about(get(e, 1), 1) and e.x.op == "erf":
            inside, inner = factors(e.x.x)
            if inside == [x] and abs(inner - 0.5 ** 0.5) < 1e-5:
                return f.substitute(n, node("activation", [x], n.name, act="gelu"))
        if plain(e, "add") and is_about(get(e, 1), 1) and is_activation(e.x, "tanh") and gelu_cubic(e.x.x, x):
            return f.substitute(n, node("activation", [x], n.name, act="gelu_tanh"))
    return False


def gelu_cubic(n: Node, x: Node) -> bool:
    """sqrt(2 / pi) (x + 0.044715 x^3)."""
    found, scale = factors(n)
    if len(found) != 1 or abs(scale - (2 / np.pi) ** 0.5) > 1e-4 or not plain(found[0], "add"):
        return False
    for first, cube in operands(found[0]):
        inside, inner = factors(cube)
        if first is x and inside == [x, x, x] and abs(inner - 0.044715) < 1e-6:
            return True
    return False


def gated(f: Fuser, n: Node) -> bool:
    """x sigmoid(x) is silu; x clip(x + 3, 0, 6) / 6 is hard swish."""
    if not plain(n, "mul") or get(n, 1) is None:
        return False
    for x, g in operands(n):
        if is_activation(g, "sigmoid") and g.x is x:
            return f.substitute(n, node("activation", [x], n.name, act="silu"))
    found, scale = factors(n)
    for x, g in (found, found[::-1]) if len(found) == 2 and abs(scale - 1 / 6) < 1e-6 else ():
        limits = tuple(g.attributes.get(k, 0) for k in ("act", "act_p0", "act_p1"))
        if limits != (1, 0, 6):
            continue
        inner = g.x if g.op == "activation" else g  # the clip may have joined the sum
        if inner.op == "add" and inner.x is x and is_about(get(inner, 1), 3):
            return f.substitute(n, node("activation", [x], n.name, act="hard_swish"))
    return False


def layer_norm(f: Fuser, n: Node) -> bool:
    """(x - mean) / sqrt(mean((x - mean)^2) + eps)."""
    if n.op != "div" or n.inputs[1] is None or n.inputs[1].op != "sqrt" or not plain(n.x, "add"):
        return False
    centred, variance = n.x, n.inputs[1].x
    eps = number(get(variance, 1))
    minus = get(centred, 1)
    if not plain(variance, "add") or eps is None or variance.x.op != "mean" or minus is None or not plain(minus, "mul"):
        return False
    x, squares = centred.x, variance.x.x
    if not plain(squares, "mul") or squares.inputs != [centred, centred]:
        return False
    if minus.x.op != "mean" or minus.x.x is not x or not is_about(get(minus, 1), -1):
        return False
    return f.substitute(n, node("layer_norm", [x], n.name, eps=eps))


def layer_norm_affine(f: Fuser, n: Node) -> bool:
    """gamma and beta of a layer norm."""
    if n.op not in ("mul", "add") or not n.is_plain() or n.x.op != "layer_norm" or not f.single(n.x):
        return False
    p, c = n.x, channel_constant(get(n, 1), n.shape[3])
    i = 1 if n.op == "mul" else 2
    if c is None or get(p, i) is not None or (i == 1 and get(p, 2) is not None):
        return False
    put(p, i, constant(c))
    return f.substitute(n, p)


def acts_last(n: Node) -> bool:
    """Whether nothing follows the node's activation."""
    return n.op in ("add", "mul", "activation") or (
        n.op in CONVOLUTIONS and get(n, 3) is None and n.attributes["residual"] != 2)


def not_negative(n: Node, depth: int = 5) -> bool:
    """No value of this tensor is below zero."""
    act, p0 = n.attributes.get("act"), n.attributes.get("act_p0", 0)
    if acts_last(n) and ((act == 2 and p0 == 0) or (act == 1 and p0 >= 0) or act == 8) or n.op == "softmax":
        return True
    if depth == 0:
        return False
    if n.op in ("pixel_shuffle", "reshape", "transpose", "slice", "pool2d", "global_pool", "concat") or (
            n.op == "resize" and n.attributes["mode"] < 2) or (n.op == "pad" and n.attributes["value"] >= 0):
        return all(not_negative(i, depth - 1) for i in n.inputs if i is not None)
    if n.op == "conv2d" and n.is_plain() and get(n, 2) is None:
        weight = n.inputs[1]
        return (weight is not None and weight.value is not None and bool((weight.value >= 0).all())
                and not_negative(n.x, depth - 1))
    return False


def drop_relu(f: Fuser, n: Node) -> bool:
    """relu of what is not negative."""
    return is_activation(n, "relu") and not_negative(n.x) and f.substitute(n, n.x)


def clamp_of_relu(f: Fuser, n: Node) -> bool:
    """min(relu(x), c), as some write relu6."""
    if n.op != "activation" or (n.attributes["act"], n.attributes["act_p0"]) != (1, 0):
        return False
    p = n.x
    if (p.attributes.get("act"), p.attributes.get("act_p0")) != (2, 0) or not acts_last(p) or not f.single(p):
        return False
    p.attributes = {**p.attributes, **n.attributes}
    return f.substitute(n, p)


def negated(n: Node) -> bool:
    return n.op == "mul" and n.is_plain() and number(get(n, 1)) == -1


def least_of_window(f: Fuser, n: Node) -> bool:
    """-max(-x) over windows, as ONNX has to say it: their minimum."""
    if not negated(n) or n.x.op != "pool2d":
        return False
    p = n.x
    if p.attributes["kind"] != 0 or not f.single(p) or not negated(p.x):
        return False
    p.attributes["kind"] = 2
    p.inputs[0] = p.x.x
    return f.substitute(n, p)


def relu_before_concat(f: Fuser, n: Node) -> bool:
    """relu after joining channels: of each part before, where that costs nothing for all parts but those that can take
    it up."""
    if not is_activation(n, "relu") or n.x.op != "concat" or not f.single(n.x):
        return False
    parts = [i for i in n.x.inputs if i is not None]

    def free(p: Node) -> bool:
        ends = p.op in (*CONVOLUTIONS, "add", "mul") and p.attributes["act"] == 0 and f.single(p)
        return not_negative(p) or (ends and (p.op in ("add", "mul") or (
            get(p, 3) is None and p.attributes["residual"] != 2)))

    if not all(free(p) for p in parts):
        return False
    n.x.inputs = [p if not_negative(p) else node("activation", [p], n.name, act="relu") for p in parts]
    return f.substitute(n, n.x)


Rule = Callable[[Fuser, Node], bool]
RULES: list[Rule] = [gelu, gated, layer_norm, layer_norm_affine, drop_transposes, drop_padding, fold_affine,
                     fold_order, padded_average, fuse_padding, raise_scale, raise_activation, scale_values,
                     fuse_residual, affine_alone, drop_relu, clamp_of_relu, least_of_window, relu_before_concat,
                     fuse_activation]


def fuse(graph: Graph) -> None:
    Fuser(graph).run()
