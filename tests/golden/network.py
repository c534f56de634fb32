# SPDX-License-Identifier: BSD-2-Clause
"""A small colour network of the default model's kind; every layer is an output."""
from __future__ import annotations

import torch

from graph import Case, Value


class Network:
    """Keeps every layer: the i-th, made by part p, is output "i.p"."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.count = 0

    def keep(self, part: str, v: Value) -> Value:
        self.case.output(v, f"{self.count:02}.{part}")
        self.count += 1
        return v

    def block(self, x: Value, cout: int, kernel: int, stride: int, expand: int) -> Value:
        """EfficientNet's inverted residual block without squeeze-excite."""
        before = (kernel - stride) // 2 if stride > 1 else kernel // 2
        after = kernel - stride - before if stride > 1 else kernel // 2
        y = self.keep("expand", self.case.conv(x, x.shape[3] * expand, act="relu6")) if expand > 1 else x
        y = self.keep("depthwise", self.case.conv(y, y.shape[3], kernel, stride=(stride, stride), groups=y.shape[3],
                                                  pads=(before, before, after, after), act="relu6"))
        skip = {"residual": x} if stride == 1 and x.shape[3] == cout else {}
        return self.keep("project", self.case.conv(y, cout, **skip))

    def transformer(self, x: Value, head: int) -> Value:
        """Pre-norm attention and MLP."""
        c = self.case
        channels = x.shape[3]
        y = self.keep("norm1", c.layer_norm(x))
        q, k, v = (self.keep(n, c.conv(y, channels)) for n in ("query", "key", "value"))
        y = self.keep("attention", c.attention(q, k, v, channels // head, head ** -0.5))
        x = self.keep("mix", c.conv(y, channels, residual=x))
        y = self.keep("norm2", c.layer_norm(x))
        y = self.keep("up", c.linear(y, 2 * channels, act="gelu"))
        return self.keep("down", c.linear(y, channels, residual=x))

    def decode(self, x: Value, skip: Value, channels: int) -> Value:
        c = self.case
        y = self.keep("enlarge", c.resize(x, "bilinear"))
        y = self.keep("join", c.same("concat", [y, skip], torch.cat([y.value, skip.value], 3), axis=3))
        return self.keep("merge", c.conv(y, channels, 3, affine=True, act="relu"))


def mini_unet() -> Case:
    """Inputs as in the colorizer profile: lightness, hint a, hint b, hint mask. Each layer starts from the errors of
    those before it, so the tolerance is twice that of one operator."""
    case = Case("network_mini_unet", 2e-6)
    n = Network(case)
    x = case.input(1, 64, 96, 4, scale=0.5, name="image")
    x = n.keep("stem", case.conv(x, 16, 3, stride=(2, 2), pads=(0, 0, 1, 1), act="relu6"))
    e2 = n.block(x, 12, 3, 1, 1)
    e4 = n.block(n.block(e2, 20, 3, 2, 4), 20, 3, 1, 4)
    e8 = n.block(e4, 28, 5, 2, 4)
    e16 = n.block(n.block(e8, 40, 3, 2, 4), 40, 5, 1, 4)
    t = n.transformer(n.keep("bottleneck", case.conv(e16, 48)), 16)
    d8 = n.decode(t, e8, 40)
    d4 = n.decode(d8, e4, 32)
    shuffled = n.keep("head", case.conv(d4, 64, 3, act="silu"))
    n.keep("logits", case.conv(shuffled, 37))
    residual = n.keep("residual", case.conv(shuffled, 2, 3, act="tanh"))
    n.keep("chroma", case.resize(residual, "bicubic", (4, 1, 4, 1)))
    return case
