# SPDX-License-Identifier: BSD-2-Clause
"""A trained network, or an f32 .czw of convolutions, to one that computes in integers.

    python -m train.quantize train/runs/default/weights.npz --vividness train/runs/default/vividness.json \\
        --data ../shared/data --out train/runs/default --name default

Convolutions named by --int8, as many as --limit bears, become conv2d_i8, with quantize before them where their input
is f32. Channels are brought to one size (equalize.py). Ranges, weights and biases are chosen one layer after the other
on photographs of the training set, each with the inputs that the layers before it, already rounded, give it. The rest
is f32, its weights f16.
"""
from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools import czw

from . import interpret
from .color import lab_to_srgb, srgb_to_lab
from .equalize import equalize
from .export import DEFAULT_VIVIDNESS, export_file
from .inference import chroma
from .metrics import delta_e2000
from .rounding import activation_range, round_rows, to_u8
from .store import center_crops, open_store

# Regular expressions of layers' names, those that gain most for what they cost first: time, for the square of the
# CIEDE2000 they add. From the last one on they are left in f32 until the colours are near enough.
DEFAULT_INT8 = (r"block([1-9]|1\d)\..*|attend.*|up.*|proj32|logits", r"refine4|residual", "merge4", "merge16",
                r"block0\.project", "merge8")
LIMIT = 0.27  # of the mean CIEDE2000 from the f32 network; 0.244 here was 0.442 through the library, over 600 photographs
HELD_OUT = 16  # photographs of the validation set that say so
ROWS = 12000  # of inputs that a weight is rounded for
EQUALIZED = 16  # images that say how large channels are
CHANNELS = 64  # of a depthwise convolution at a time


def is_int8(op: czw.Operator, pattern: re.Pattern[str]) -> bool:
    return op.op.name == "conv2d" and pattern.fullmatch(op.name) is not None


class Quantizer:
    """Writes `model` anew; keeps for every live tensor what the f32 network and the rounded one have in it."""

    def __init__(self, source: czw.Model, images: Tensor, pattern: re.Pattern[str], held_out: int = 0) -> None:
        """Learns nothing from the last `held_out` images."""
        self.source, self.pattern, self.seen = source, pattern, slice(len(images) - held_out)
        self.model = czw.Model(inputs=list(source.inputs), metadata=dict(source.metadata))
        self.constants = [torch.from_numpy(np.ascontiguousarray(c.values())) for c in source.constants]
        self.copied: dict[int, czw.Tensor] = {}
        self.tensors: dict[czw.Tensor, czw.Tensor] = {}  # of the source: the new one, f32 or u8
        self.exact: dict[czw.Tensor, Tensor] = {}
        self.rounded: dict[czw.Tensor, Tensor] = {}  # what a u8 tensor stands for, where it is one
        self.bytes: dict[czw.Tensor, tuple[czw.Tensor, float, int]] = {}  # of the source: its u8 tensor
        for i in range(len(source.inputs)):
            t = czw.Tensor("input", i)
            self.tensors[t], self.exact[t], self.rounded[t] = t, images, images

    def run(self) -> czw.Model:
        last: dict[czw.Tensor, int] = {t: i for i, op in enumerate(self.source.operators) for t in op.inputs if t}
        for i, op in enumerate(self.source.operators):
            t = czw.Tensor("operator", i)
            self.exact[t] = self.compute(op, self.exact)
            if is_int8(op, self.pattern):
                self.convolution(op, t)
            else:
                dtype = "f16" if op.op.packed else None
                inputs = [None if x is None else self.operand(x, dtype if k == 1 else None)
                          for k, x in enumerate(op.inputs)]
                self.tensors[t] = self.model.op(op.op.name, inputs, op.name, **op.attributes)
                self.rounded[t] = self.compute(op, self.rounded)
            for x in op.inputs:
                if x is not None and last[x] == i:
                    for live in (self.exact, self.rounded):
                        live.pop(x, None)
        for o in self.source.outputs:
            self.model.output(o.name, self.tensors[o.tensor])
        for i, c in enumerate(self.source.constants):
            if i not in self.copied and c.name.startswith("color."):
                self.operand(czw.Tensor("constant", i), None)
        return self.model

    def value(self, t: czw.Tensor, live: dict[czw.Tensor, Tensor]) -> Tensor:
        return self.constants[t.index] if t.kind == "constant" else live[t]

    def compute(self, op: czw.Operator, live: dict[czw.Tensor, Tensor], **changed: Tensor) -> Tensor:
        """Image by image, as interpret has operators."""
        inputs = [None if t is None else self.value(t, live) for t in op.inputs]
        count = max(len(x) for x, t in zip(inputs, op.inputs) if x is not None and t and t.kind != "constant")
        results = []
        for i in range(count):
            each = [x if x is None or t is None or t.kind == "constant" else x[i:i + 1]
                    for x, t in zip(inputs, op.inputs)]
            results.append(interpret.RUN[op.op.name](each, op.attributes))
        return torch.cat(results)

    def operand(self, t: czw.Tensor, dtype: str | None) -> czw.Tensor:
        """A tensor of the source in the new model; constants are copied when first used."""
        if t.kind != "constant":
            return self.tensors[t]
        if t.index not in self.copied:
            c = self.source.constants[t.index]
            self.copied[t.index] = self.model.constant(c.name, c.values(), dtype or "f32")
        return self.copied[t.index]

    def as_u8(self, t: czw.Tensor) -> tuple[czw.Tensor, float, int]:
        if t not in self.bytes:
            scale, zero = activation_range(self.rounded[t][self.seen])
            new = self.model.op("quantize", [self.tensors[t]], scale=scale, zero=zero)
            self.bytes[t] = (new, *self.stored(new, "scale", "zero"))
        return self.bytes[t]

    def stored(self, t: czw.Tensor, scale: str, zero: str) -> tuple[float, int]:
        a = self.model.operators[t.index].attributes
        return a[scale], int(a[zero])

    def all_int8(self, t: czw.Tensor) -> bool:
        """Whether a tensor is read as u8 only."""
        readers = [op for op in self.source.operators for k, x in enumerate(op.inputs) if x == t]
        inside = all(is_int8(op, self.pattern) and op.inputs[0] == t and t not in op.inputs[1:] for op in readers)
        return inside and bool(readers) and all(o.tensor != t for o in self.source.outputs)

    def convolution(self, op: czw.Operator, t: czw.Tensor) -> None:
        a = op.attributes
        source, weight = op.inputs[0], op.inputs[1]
        assert source is not None and weight is not None
        if a["stride_h"] != a["stride_w"] or a["dilation_h"] != a["dilation_w"] or a["pad_mode"]:
            raise SystemExit(f"{op.name}: conv2d_i8 has no such geometry")
        x, scale, zero = self.as_u8(source)
        steps = to_u8(self.rounded[source], scale, zero).sub_(zero) * scale
        w = self.constants[weight.index]
        samples, scales = round_weight(w, steps[self.seen], a)
        sample = self.model.steps(self.source.constants[weight.index].name, samples.numpy(), scales.numpy())
        bias = torch.zeros(len(w)) if len(op.inputs) < 3 or op.inputs[2] is None else \
            self.constants[op.inputs[2].index].flatten()
        plain = czw.Operator(op.op, op.inputs[:1] + [weight], {**a, "act": 0, "residual": 0})
        residual = op.inputs[5] if len(op.inputs) > 5 else None
        exact = self.compute(plain, self.exact)
        mine = self.mixed(plain, steps, samples * scales[:, None, None, None])
        if a["residual"] == 1 and residual is not None:
            exact, mine = exact + self.value(residual, self.exact), mine + self.value(residual, self.rounded)
        shift = (exact - mine)[self.seen].mean((0, 1, 2))  # of the output's mean: the bias takes it back
        y = interpret.activate(mine + bias + shift, a)
        if a["residual"] == 2 and residual is not None:
            y = y + self.value(residual, self.rounded)
        keep = ("pad_top", "pad_left", "pad_bottom", "pad_right", "groups", "act", "act_p0", "act_p1", "residual")
        attributes: dict[str, float] = {k: a[k] for k in keep}
        attributes.update(stride=a["stride_h"], dilation=a["dilation_h"], x_scale=scale, x_zero=zero)
        if self.all_int8(t):
            attributes["out_scale"], attributes["out_zero"] = activation_range(y[self.seen])
        name = self.source.constants[op.inputs[2].index].name if len(op.inputs) > 2 and op.inputs[2] else ""
        inputs = [x, sample, self.model.constant(name, (bias + shift).numpy()), None, None,
                  None if residual is None else self.operand(residual, None)]
        new = self.model.op("conv2d_i8", inputs, op.name, **attributes)
        self.tensors[t] = new
        if "out_scale" in attributes:
            self.bytes[t] = (new, *self.stored(new, "out_scale", "out_zero"))
            y = to_u8(y, self.bytes[t][1], self.bytes[t][2]).sub_(self.bytes[t][2]) * self.bytes[t][1]
        self.rounded[t] = y

    def mixed(self, op: czw.Operator, x: Tensor, w: Tensor) -> Tensor:
        return torch.cat([interpret.RUN["conv2d"]([x[i:i + 1], w], op.attributes) for i in range(len(x))])


def round_weight(w: Tensor, x: Tensor, a: dict[str, float]) -> tuple[Tensor, Tensor]:
    """Samples [Cout, kh, kw, Cin / groups] and scales for inputs x [B, H, W, Cin]."""
    cout, kh, kw, _ = w.shape
    left, right, top, bottom = (int(a["pad_" + side]) for side in ("left", "right", "top", "bottom"))
    step, far = int(a["stride_h"]), int(a["dilation_h"])
    out = ((x.shape[1] + top + bottom - (kh - 1) * far - 1) // step + 1) * \
        ((x.shape[2] + left + right - (kw - 1) * far - 1) // step + 1)
    each = max(1, min(out, ROWS // len(x)))
    generator = torch.Generator().manual_seed(0)

    def patches(part: Tensor) -> Tensor:
        """[rows, channels, kh kw] at random places of every image."""
        found = []
        for image in part:
            cut = F.unfold(F.pad(image.permute(2, 0, 1)[None], (left, right, top, bottom)), (kh, kw), far, 0, step)[0]
            cut = cut[:, torch.randperm(out, generator=generator)[:each]]
            found.append(cut.T.reshape(each, part.shape[3], kh * kw))
        return torch.cat(found)

    if a["groups"] == 1:
        rows = patches(x).transpose(1, 2).reshape(-1, kh * kw * x.shape[3])
        samples, scales = round_rows(w.reshape(cout, -1), rows.T @ rows / len(rows),
                                     x.shape[3] * (kw if far == 1 else 1))
        return samples.reshape(w.shape), scales
    parts = []
    for c in range(0, cout, CHANNELS):
        rows = patches(x[..., c:c + CHANNELS])
        parts.append(round_rows(w[c:c + CHANNELS].reshape(-1, kh * kw), torch.einsum("nci,ncj->cij", rows, rows) /
                                len(rows)))
    return torch.cat([p[0] for p in parts]).reshape(w.shape), torch.cat([p[1] for p in parts])


def calibration_images(data: Path, name: str, cache: Path, count: int) -> Tensor:
    """[N, 256, 256, 4]: every third with hints."""
    from .vividness import random_hints

    store = open_store(data, name, cache)
    lab = srgb_to_lab(center_crops(store, count))
    hints = torch.zeros(len(lab), 3, *lab.shape[2:])
    hints[::3] = random_hints(lab[::3, 1:], 8)
    return torch.cat([lab[:, :1] / 50 - 1, hints], 1).permute(0, 2, 3, 1).contiguous()


def departure(q: Quantizer, images: Tensor) -> float:
    """Mean CIEDE2000 between the pictures that the two networks of a finished run make of its last images."""
    constants = {c.name: torch.from_numpy(c.values()) for c in q.source.constants}
    outputs = {o.name: o.tensor for o in q.source.outputs}
    table = constants["color.vividness"].reshape(-1, 2).numpy()
    gain = float(np.interp(DEFAULT_VIVIDNESS, table[:, 0], table[:, 1]))
    light = (images[..., :1] + 1).mul(50).permute(0, 3, 1, 2)
    labs = []
    for live in (q.exact, q.rounded):
        logits, residual = (live[outputs[name]][-len(images):] for name in ("logits", "residual"))
        mean = (logits - constants["color.log_weight"]).softmax(3) @ constants["color.bins"].reshape(-1, 2)
        ab = F.interpolate(chroma(mean, residual.permute(0, 3, 1, 2), gain), light.shape[2:], mode="bilinear")
        labs.append(srgb_to_lab(lab_to_srgb(torch.cat([light, ab], 1))[..., ::4, ::4]).permute(0, 2, 3, 1).numpy())
    return float(delta_e2000(labs[0], labs[1]).mean())


@torch.no_grad()
def run(source: czw.Model, images: Tensor, pattern: str, held_out: int = 0) -> Quantizer:
    """Leaves `source` as it is."""
    chosen = re.compile(pattern)
    source = equalize(czw.decode(source.to_bytes()), images[:EQUALIZED], lambda op: is_int8(op, chosen))
    q = Quantizer(source, images, chosen, held_out)
    q.run()
    return q


def quantize(source: czw.Model, images: Tensor, pattern: str) -> czw.Model:
    return run(source, images, pattern).model


def choose(source: czw.Model, images: Tensor, held_out: Tensor, patterns: Sequence[str], limit: float) -> czw.Model:
    """With as many of the patterns as keep the departure on photographs held out within the limit; with the first in
    any case."""
    for count in range(len(patterns), 0, -1):
        q = run(source, torch.cat([images, held_out]), "|".join(patterns[:count]), len(held_out))
        gap = departure(q, held_out)
        print(f"CIEDE2000 {gap:.3f} from f32 with " + ", ".join(patterns[:count]), flush=True)
        if gap <= limit:
            break
    return q.model


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m train.quantize", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="weights.npz, or an f32 .czw")
    parser.add_argument("--vividness", type=Path, help="vividness.json, for its table")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--name", default="default")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--set", default="train256")
    parser.add_argument("--cache", type=Path, default=Path("train/runs/cache"))
    parser.add_argument("--photos", type=int, default=48)
    parser.add_argument("--int8", nargs="+", default=DEFAULT_INT8, help="regular expressions of layers' names")
    parser.add_argument("--limit", type=float, default=LIMIT,
                        help="of CIEDE2000: expressions are left out from the last on until it holds")
    args = parser.parse_args()
    if args.weights.suffix == ".czw":
        source = czw.read(args.weights)
    else:
        source = export_file(args.weights, args.vividness, args.name, "f32")
    images, held_out = (calibration_images(args.data, name, args.cache, count)
                        for name, count in ((args.set, args.photos), ("val", HELD_OUT)))
    held_out[..., 1:] = 0  # no hints, which would make every colour surer
    model = choose(source, images, held_out, args.int8, args.limit)
    path = args.out / f"{args.name}-int8.czw"
    model.write(path)
    count = sum(op.op.name == "conv2d_i8" for op in model.operators)
    print(f"{path}: {path.stat().st_size} bytes, {count} of {len(model.operators)} operators in integers")


if __name__ == "__main__":
    main()
