# SPDX-License-Identifier: BSD-2-Clause
"""How a tensor of ONNX, of any rank and in channels-first order, lies in a tensor of .czw, which is N H W C.

Both shapes are products of the same factors. An ONNX axis is a list of factors, and so is each of the four axes of the
.czw tensor that holds the values. A transpose then only permutes the ONNX axes, a reshape only regroups (and where it
must, splits) factors; nothing is computed until an operator needs the values in a certain place: `Value.laid_out`.
So N C H W -> N C (H W) -> N (H W) C, heads split off the channels, windows put back: all of it is names.
"""
from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Callable, Sequence

import numpy as np

from czw_graph import ImportFailure, Node, constant, node


@dataclass(eq=False)
class Factor:
    size: int
    free: bool = False  # a height or width that is chosen at run time
    part: bool = False  # of such a height or width: which part depends on it is not known


Group = tuple[Factor, ...]
Groups = tuple[Group, ...]


def size(group: Sequence[Factor]) -> int:
    return prod(f.size for f in group)


def flat(groups: Sequence[Group]) -> list[Factor]:
    return [f for g in groups for f in g]


def fresh(extent: int, free: bool = False) -> Group:
    """A group of one new factor; an extent of 1 has none."""
    return (Factor(extent, free),) if extent != 1 else ()


Fix = Callable[[str], None]  # told why the input size cannot be left free


@dataclass(frozen=True, eq=False)
class Value:
    """`axes`: the factors of each ONNX axis; `placed`: of N, H, W, C of `node`."""

    node: Node
    axes: Groups
    placed: Groups
    fix: Fix

    @property
    def dims(self) -> tuple[int, ...]:
        return tuple(size(g) for g in self.axes)

    def with_node(self, n: Node) -> "Value":
        """The same layout of another tensor of the same shape."""
        return Value(n, self.axes, self.placed, self.fix)

    def with_axes(self, axes: Sequence[Group]) -> "Value":
        return Value(self.node, tuple(axes), self.placed, self.fix)

    def split(self, factor: Factor, sizes: Sequence[int]) -> "Value":
        """One factor as a product of others."""
        parts = tuple(Factor(s, factor.free and i == 0, factor.free or factor.part) for i, s in enumerate(sizes))

        def swap(groups: Groups) -> Groups:
            return tuple(tuple(p for f in g for p in (parts if f is factor else (f,))) for g in groups)

        return Value(self.node, swap(self.axes), swap(self.placed), self.fix)

    def reshape(self, dims: Sequence[int]) -> "Value":
        """The factors regrouped to ONNX axes of these sizes."""
        if prod(dims) != prod(self.dims) or min(dims, default=1) < 1:
            raise ImportFailure(f"a reshape of {self.dims} to {tuple(dims)}")
        value = self
        at = 0
        groups: list[Group] = []
        for d in dims:
            group: list[Factor] = []
            while size(group) != d:
                f = flat(value.axes)[at]
                wanted = d // size(group)
                if d % size(group) or (f.size > wanted and f.size % wanted) or (f.size < wanted and wanted % f.size):
                    raise ImportFailure(f"a reshape of {self.dims} to {tuple(dims)}, which mixes axes")
                if f.size > wanted:
                    value = value.split(f, (wanted, f.size // wanted))
                    continue
                group.append(f)
                at += 1
            groups.append(tuple(group))
        return value.with_axes(groups)

    def transpose(self, order: Sequence[int]) -> "Value":
        return self.with_axes([self.axes[i] for i in order])

    # ------------------------------------------------------------ moving values

    def laid_out(self, groups: Sequence[Group]) -> "Value":
        """The same values with these factors on N, H, W, C."""
        want = tuple(groups)
        if want == self.placed:
            return self
        if flat(want) == flat(self.placed):
            return Value(reshaped(self.node, self.placed, want, self.fix), self.axes, want, self.fix)
        n, h, w, c = want
        if len(h) == len(w) == 2 and h[1].size == w[1].size and self.placed == (n, h[:1], w[:1], (*c, h[1], w[1])):
            shuffled = node("pixel_shuffle", [self.node], self.node.name + ".shuffle", factor=h[1].size)
            return Value(shuffled, self.axes, want, self.fix)
        unshuffled = self.unshuffled(want)
        if unshuffled is not None:
            return unshuffled
        runs = common_runs(flat(self.placed), flat(want))
        if len(runs) > 4:
            return self.one_run_moved(runs, flat(want)).laid_out(want)
        before = tuple(runs) + ((),) * (4 - len(runs))
        target = flat(want)
        order = sorted(range(len(runs)), key=lambda i: target.index(runs[i][0])) + list(range(len(runs), 4))
        first = reshaped(self.node, self.placed, before, self.fix)
        moved = node("transpose", [first], self.node.name + ".transpose",
                     **{f"axis{i}": axis for i, axis in enumerate(order)})
        last = reshaped(moved, tuple(before[i] for i in order), want, self.fix)
        return Value(last, self.axes, want, self.fix)

    def unshuffled(self, want: Groups) -> "Value | None":
        """N, (H r), (W r), C to N, H, W, (C, r, r), the last three in any order: a convolution whose weights are 0 and
        1, which leaves height and width free."""
        n, h, w, c = want
        inner = (*(self.placed[i][1:] for i in (1, 2)), self.placed[3])
        if self.placed[:3] != (n, h + inner[0], w + inner[1]) or not len(h) == len(w) == len(inner[0]) == len(inner[1]):
            return None
        if len(h) != 1 or sorted(map(id, c)) != sorted(map(id, flat(inner))) or size(c) > 1024:
            return None
        source = [f.size for f in flat(inner)]
        order = [flat(inner).index(f) for f in c]
        taps = np.eye(size(c)).reshape(*source, *source)
        taps = taps.transpose(*order, *range(len(source), 2 * len(source)))
        kh, kw = inner[0][0].size, inner[1][0].size
        weight = constant(taps.reshape(size(c), kh, kw, size(inner[2])))
        out = node("conv2d", [self.node, weight], self.node.name + ".unshuffle", stride_h=kh, stride_w=kw)
        whole = {id(f): Factor(f.size, f.free) for f in flat(want)}  # what a part is has been settled

        def settled(groups: Groups) -> Groups:
            return tuple(tuple(whole[id(f)] for f in g) for g in groups)

        return Value(out, settled(self.axes), settled(want), self.fix)

    def one_run_moved(self, runs: list[Group], target: list[Factor]) -> "Value":
        """The first run that is not where it must be is put there: a step of a transpose of more than four axes."""
        wanted = sorted(runs, key=lambda r: target.index(r[0]))
        done = next(i for i, (a, b) in enumerate(zip(runs, wanted)) if a is not b)
        at = runs.index(wanted[done])
        rest = (flat(runs[:done]), flat(wanted[done:done + 1]), flat(runs[done:at]), flat(runs[at + 1:]))
        return self.laid_out(tuple(tuple(g) for g in rest))

    def image(self) -> "Value":
        """N, C, H, W as N, H, W, C."""
        if len(self.axes) != 4:
            raise ImportFailure(f"needs an image N, C, H, W, not {len(self.axes)} axes")
        n, c, h, w = self.axes
        return self.laid_out((n, h, w, c))

    def tokens(self, last: int = -1) -> "Value":
        """The factors of axis `last` on C, all others on N, H, W; where they are so already, nothing moves."""
        if not self.axes:
            raise ImportFailure("a tensor of no axes")
        last %= len(self.axes)
        if self.placed[3] == self.axes[last]:
            return self
        rest = [f for i, g in enumerate(self.axes) for f in g if i != last]
        h, w = (rest[:1], rest[1:]) if len(rest) > 1 else ([], rest)
        return self.laid_out(((), tuple(h), tuple(w), self.axes[last]))

    def plain(self) -> "Value":
        """The layout that values of different layouts are brought to before they meet."""
        return self.image() if len(self.axes) == 4 else self.tokens()

    def place(self, axis: int) -> int:
        """Which of N, H, W, C holds exactly this ONNX axis."""
        group = self.axes[axis % len(self.axes)]
        for i, p in enumerate(self.placed):
            if p == group and p:
                return i
        raise ImportFailure(f"axis {axis} of {self.dims} does not lie alone in the tensor")

    def signature(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """What two values must share to be worked on element by element: where each factor comes from."""
        origin = {f: (i, k, f.size) for i, g in enumerate(self.axes) for k, f in enumerate(g)}
        return tuple(tuple(origin[f] for f in g) for g in self.placed)


def common_runs(source: list[Factor], target: list[Factor]) -> list[Group]:
    """The source's factors in order, those together that follow each other in the target too."""
    runs: list[list[Factor]] = []
    for f in source:
        if runs and target.index(f) == target.index(runs[-1][-1]) + 1:
            runs[-1].append(f)
        else:
            runs.append([f])
    return [tuple(r) for r in runs]


def reshaped(x: Node, old: Groups, new: Groups, fix: Fix) -> Node:
    """A reshape that gives dimensions by number only where they do not depend on the input's size."""
    if old == new:
        return x
    given: list[int] = []
    for i, group in enumerate(new):
        if group == old[i]:
            given.append(0)
            continue
        if any(f.part for f in group):
            fix("a reshape splits a height or width")
        if any(f.free for f in group):
            if -1 in given:
                fix("a reshape has two dimensions that depend on the input's size")
                given.append(size(group))
            else:
                given.append(-1)
        else:
            given.append(size(group))
    n, h, w, c = given
    return node("reshape", [x], x.name + ".reshape", n=n, h=h, w=w, c=c)


def from_image(n: Node, free_h: bool, free_w: bool, fix: Fix) -> Value:
    """The ONNX view N, C, H, W of an image."""
    _, h, w, c = n.shape
    gh, gw, gc = fresh(h, free_h), fresh(w, free_w), fresh(c)
    return Value(n, ((), gc, gh, gw), ((), gh, gw, gc), fix)
