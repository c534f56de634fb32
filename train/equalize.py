# SPDX-License-Identifier: BSD-2-Clause
"""A network's channels brought to sizes that one scale for all of a tensor serves, before it is rounded.

What a layer multiplies a channel by, its readers can divide by: f32 results stay, as far as nothing but convolutions,
pooling, resizing, joining, addition and what is linear in a channel lies between (Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", 2019). A relu6 bears it for channels that stay below 6.
"""
from __future__ import annotations

from typing import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tools import czw

from . import interpret

MARGIN = 1.2  # over the largest value seen of a channel that a clamp must not reach
MOST = 16.0  # of a channel's factor, or one over it
Floats = npt.NDArray[np.float64]


class Ties:
    """Sets of numbers, to be united."""

    def __init__(self, count: int) -> None:
        self.parent = np.arange(count)

    def root(self, n: int) -> int:
        while self.parent[n] != n:
            self.parent[n] = self.parent[self.parent[n]]
            n = int(self.parent[n])
        return n

    def unite(self, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> None:
        for x, y in zip(a.tolist(), b.tolist()):
            self.parent[self.root(x)] = self.root(y)

    def roots(self) -> npt.NDArray[np.int64]:
        return np.array([self.root(n) for n in range(len(self.parent))])


@torch.no_grad()
def reaches(model: czw.Model, images: Tensor) -> dict[czw.Tensor, tuple[Floats, Floats]]:
    """Of every channel of every tensor the largest magnitude: in an image, on average, and in all of them."""
    constants = [torch.from_numpy(np.ascontiguousarray(c.values())) for c in model.constants]
    found: dict[czw.Tensor, list[Floats]] = {}
    for image in images:
        live = {czw.Tensor("input", i): image[None] for i in range(len(model.inputs))}
        for i, op in enumerate(model.operators):
            inputs = [None if t is None else constants[t.index] if t.kind == "constant" else live[t] for t in op.inputs]
            live[czw.Tensor("operator", i)] = interpret.RUN[op.op.name](inputs, op.attributes)
        for t, x in live.items():
            found.setdefault(t, []).append(x.abs().amax((0, 1, 2)).double().numpy())
    return {t: (np.mean(rows, 0), np.max(rows, 0)) for t, rows in found.items()}


class Equalizer:
    """Numbers all channels of a model's tensors; those that must have one factor are tied."""

    def __init__(self, model: czw.Model, images: Tensor, is_int8: Callable[[czw.Operator], bool]) -> None:
        self.model, self.is_int8 = model, is_int8
        self.reach = reaches(model, images)
        ends = np.cumsum([0] + [len(r[0]) for r in self.reach.values()])
        self.numbers = {t: np.arange(a, b) for t, a, b in zip(self.reach, ends[:-1], ends[1:])}
        count = int(ends[-1])
        self.ties = Ties(count)
        self.limit = np.full(count, np.inf)
        self.fixed = np.zeros(count, bool)
        self.size = np.zeros(count)  # where it is read to be rounded
        self.weight = np.zeros(count)  # what dense convolutions that round it make of it
        self.rounded: list[czw.Tensor] = []

    def fix(self, *tensors: czw.Tensor | None) -> None:
        for t in tensors:
            if t in self.numbers:
                self.fixed[self.numbers[t]] = True

    def values(self, t: czw.Tensor) -> npt.NDArray[np.float32]:
        return self.model.constants[t.index].values()

    def convolution(self, op: czw.Operator, out: czw.Tensor) -> None:
        a, (x, weight), others = op.attributes, op.inputs[:2], op.inputs[2:] + [None] * 4
        assert x is not None and weight is not None
        w = self.values(weight)
        depthwise = a["groups"] > 1
        if others[1] or others[2] or (depthwise and (w.shape[3] != 1 or len(w) != a["groups"])):
            return self.fix(x, out)
        if others[3]:
            self.ties.unite(self.numbers[out], self.numbers[others[3]])
        if a["act"] == 1 and a["act_p0"] == 0 and a["residual"] != 2:
            top = MARGIN * self.reach[out][1]
            self.limit[self.numbers[out]] = a["act_p1"] / np.maximum(top, 1e-9)
            self.fixed[self.numbers[out]] |= top >= a["act_p1"]
        elif a["act"] != 0:
            self.fix(out)
        if self.is_int8(op):
            at = self.numbers[x]
            self.size[at] = np.maximum(self.size[at], self.reach[x][0])
            self.rounded.append(x)
            if not depthwise:
                rows = np.square(w, dtype=np.float64).sum((1, 2))
                self.weight[at] += (rows / rows.mean(1, keepdims=True).clip(1e-30)).mean(0)

    def connect(self, op: czw.Operator, out: czw.Tensor) -> None:
        name, inputs = op.op.name, [t for t in op.inputs if t in self.numbers]
        if name == "conv2d":
            self.convolution(op, out)
        elif name == "pool2d" or (name == "resize" and len(inputs) == 1):
            self.ties.unite(self.numbers[out], self.numbers[inputs[0]])
        elif name == "concat" and op.attributes["axis"] == 3 and len(inputs) == sum(t is not None for t in op.inputs):
            self.ties.unite(self.numbers[out], np.concatenate([self.numbers[t] for t in inputs]))
        elif name == "attention":
            self.fix(*inputs[:2])
            self.ties.unite(self.numbers[out], self.numbers[inputs[2]])
        elif name == "layer_norm" and all(op.inputs[1:3]) and len(op.inputs) == 3:
            self.fix(inputs[0])
        else:
            self.fix(out, *inputs)

    def factors(self) -> Floats:
        """For every channel."""
        for i, op in enumerate(self.model.operators):
            self.connect(op, czw.Tensor("operator", i))
        self.fix(*(o.tensor for o in self.model.outputs), *(t for t in self.numbers if t.kind == "input"))
        root = self.ties.roots()
        for t in self.rounded:  # these have one level, too
            at = self.numbers[t]
            self.ties.unite(root[at][1:], root[at][:-1])
        level = self.ties.roots()
        fixed, limit, size, weight = (np.zeros(len(root)), np.full(len(root), np.inf), np.zeros(len(root)),
                                      np.zeros(len(root)))
        np.maximum.at(fixed, root, self.fixed)
        np.minimum.at(limit, root, self.limit)
        np.maximum.at(size, root, self.size)
        np.add.at(weight, root, self.weight)
        wish = np.where(weight > 0, np.sqrt(np.sqrt(weight) / size.clip(1e-6)), 1 / size.clip(1e-6))
        factor = np.ones(len(root))
        for n in np.unique(level[root[size[root] > 0]]):
            members = np.unique(root[(level == n) & (size[root] > 0)])
            held = members[fixed[members] > 0]
            free = members[fixed[members] == 0]
            if len(held):
                unit = np.exp(np.log(wish[held]).mean())
            elif np.isfinite(limit[free]).any():
                unit = (wish[free] / limit[free]).max()
            else:
                unit = np.exp(np.log(wish[free]).mean())
            factor[free] = np.minimum((wish[free] / unit).clip(1 / MOST, MOST), limit[free])
        return factor[root]


def equalize(model: czw.Model, images: Tensor, is_int8: Callable[[czw.Operator], bool]) -> czw.Model:
    """Changes the constants of `model`, which no two operators may share; `is_int8` says what will be rounded."""
    e = Equalizer(model, images, is_int8)
    factors = e.factors()

    def scale(t: czw.Tensor | None, by: Floats) -> None:
        if t is not None:
            c = model.constants[t.index]
            c.data, c.dtype, c.scale = (c.values() * by).astype(np.float32), "f32", None

    for i, op in enumerate(model.operators):
        out = factors[e.numbers[czw.Tensor("operator", i)]]
        if op.op.name == "layer_norm":
            scale(op.inputs[1], out)
            scale(op.inputs[2], out)
        elif op.op.name == "conv2d" and op.inputs[0]:
            before = factors[e.numbers[op.inputs[0]]]
            dense = op.attributes["groups"] == 1
            scale(op.inputs[1], out[:, None, None, None] / (before if dense else before[:, None, None, None]))
            scale(op.inputs[2] if len(op.inputs) > 2 else None, out)
    return model
