# SPDX-License-Identifier: BSD-2-Clause
"""A network as nodes that point at each other: easier to rewrite than the lists of a czw.Model, which it is turned
into at the end. An operator is one of ops.def, or one of HELPERS, which rewriting (czw_fuse) must remove."""
from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Iterator

import numpy as np
import numpy.typing as npt

import czw
import czw_shapes

Array = npt.NDArray[Any]
Shape = tuple[int, int, int, int]

# Element by element, or over the last axis; they exist only until a pattern (GELU, layer norm) takes them up.
HELPERS = {"erf", "sqrt", "mean", "div"}


class ImportFailure(Exception):
    """What cannot be imported, with the node's name."""


@dataclass(eq=False)
class Node:
    op: str  # of ops.def, of HELPERS, "input" or "constant"
    inputs: list["Node | None"]
    attributes: dict[str, float]
    shape: Shape  # at the size that is traced
    name: str = ""
    value: Array | None = None  # of a constant

    @property
    def x(self) -> "Node":
        first = self.inputs[0]
        assert first is not None
        return first

    def is_plain(self) -> bool:
        """No activation, affine or residual at its end yet."""
        a = self.attributes
        return a.get("act", 0) == 0 and a.get("residual", 0) == 0 and (len(self.inputs) < 4 or self.inputs[3] is None)


def constant(values: npt.ArrayLike, name: str = "") -> Node:
    """A constant of at most 4 dimensions; fewer are put last."""
    array = np.asarray(values, np.float64)
    array = array.reshape((1,) * (4 - array.ndim) + array.shape)
    n, h, w, c = array.shape
    return Node("constant", [], {}, (n, h, w, c), name, array)


def node(op: str, inputs: list[Node | None], name: str = "", **attributes: Any) -> Node:
    """An operator's node: attributes filled up as czw.Model.op does, the shape inferred."""
    if op in HELPERS:
        first = inputs[0]
        assert first is not None
        shape = first.shape if op != "mean" else (*first.shape[:3], 1)
        return Node(op, inputs, {}, shape, name)
    scratch = czw.Model()
    handles = [None if i is None else czw.Tensor("operator", 0) for i in inputs]
    scratch.op(op, handles, **attributes)
    values = scratch.operators[0].attributes
    shapes: list[czw_shapes.Shape | None] = [None if i is None else i.shape for i in inputs]
    try:
        out = czw_shapes.RULES[op](values, shapes + [None] * (8 - len(shapes)))
        czw_shapes.check_dims(out)
    except czw.FormatError as e:
        raise ImportFailure(f"{name}: as {op}: {e}") from None
    return Node(op, list(inputs), values, out, name)


@dataclass
class Graph:
    inputs: list[Node] = field(default_factory=list)
    outputs: list[tuple[str, Node]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def nodes(self) -> list[Node]:
        """Every node that an output needs, each after its inputs, in the order they were made as far as can be."""
        done: dict[Node, None] = {}
        for _, root in self.outputs:
            stack: list[tuple[Node, Iterator[Node | None]]] = [(root, iter(root.inputs))]
            while stack:
                top, rest = stack[-1]
                for child in rest:
                    if child is not None and child not in done:
                        stack.append((child, iter(child.inputs)))
                        break
                else:
                    done[top] = None
                    stack.pop()
        return list(done)

    def uses(self) -> dict[Node, int]:
        """How often each node is an input or an output."""
        count: dict[Node, int] = {}
        for n in self.nodes():
            for i in n.inputs:
                if i is not None:
                    count[i] = count.get(i, 0) + 1
        for _, n in self.outputs:
            count[n] = count.get(n, 0) + 1
        return count

    def replace(self, old: Node, new: Node) -> None:
        """Lets everything that reads `old` read `new`."""
        for n in self.nodes():
            if n is not new:
                n.inputs = [new if i is old else i for i in n.inputs]
        self.outputs = [(name, new if n is old else n) for name, n in self.outputs]

    def to_model(self, dtype: str = "f32", multiple: int | None = None) -> czw.Model:
        """The model. @param multiple of the inputs' run-time height and width; None: the sizes are as traced."""
        model = czw.Model(metadata=dict(self.metadata))
        tensors: dict[Node, czw.Tensor] = {}
        for row in self.inputs:
            _, h, w, c = row.shape
            tensors[row] = model.input(row.name, (1, h, w, c) if multiple is None else (1, 0, 0, c), multiple or 1)
        known: dict[tuple[Shape, bytes], czw.Tensor] = {}  # by what they hold: shared weights are stored once
        names: set[str] = set()
        for n in self.nodes():
            if n.op == "input":
                continue
            if n.op in HELPERS:
                raise ImportFailure(f"{n.name}: '{n.op}' is only understood as part of a GELU or layer norm")
            if n.op == "constant":
                assert n.value is not None
                key = (n.shape, sha256(n.value.astype(np.float32).tobytes()).digest())
                if key not in known:
                    name = n.name if n.name not in names and len(n.name.encode()) <= 255 else ""
                    names.add(name)
                    wide = dtype != "f32" and n.value.size > max(n.shape)  # vectors stay f32
                    known[key] = model.constant(name, n.value, dtype if wide else "f32")
                tensors[n] = known[key]
            else:
                inputs = [None if i is None else tensors[i] for i in n.inputs]
                tensors[n] = model.op(n.op, inputs, n.name if len(n.name.encode()) <= 255 else "", **n.attributes)
        for name, n in self.outputs:
            if n.op == "constant":
                raise ImportFailure(f"output '{name}': is not computed from the inputs")
            model.output(name, model.op("activation", [tensors[n]]) if n.op == "input" else tensors[n])
        return model
