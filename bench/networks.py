# SPDX-License-Identifier: BSD-2-Clause
"""Folders that bench/engines.py runs: a network in every engine's form.

net.json (inputs with shapes, output or outputs), in0.f32 ... and out.f32 (N C H W, the first output), model.onnx,
model.czw, torch.pt, ncnn.param and ncnn.bin where they can be had."""
from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import warnings
from math import prod
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools"), str(ROOT / "bench")]

import architectures  # noqa: E402
import czw  # noqa: E402
import czw2onnx  # noqa: E402
import czw_float  # noqa: E402
import czw_shapes  # noqa: E402
from engines import INTEGERS_FILE  # noqa: E402
from onnx2czw import convert  # noqa: E402
from parity import OPERATORS  # noqa: E402
from train import interpret  # noqa: E402


class Described(nn.Module):
    """net.json and weights.bin as a module."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.net = json.loads((folder / "net.json").read_text())
        flat = np.fromfile(folder / "weights.bin", np.float32)
        for i, op in enumerate(self.net["ops"]):
            for k, v in op["w"].items():
                values = flat[v["off"]:v["off"] + int(np.prod(v["shape"]))].reshape(v["shape"])
                self.register_buffer(f"w{i}_{k}", torch.from_numpy(values.copy()))

    def forward(self, *inputs: Tensor) -> Tensor:
        values = {row["name"]: x for row, x in zip(self.net["inputs"], inputs)}
        for i, op in enumerate(self.net["ops"]):
            w = {k: getattr(self, f"w{i}_{k}") for k in op["w"]}
            values[op["out"]] = OPERATORS[op["op"]]([values[n] for n in op["ins"]], op["attrs"], w)
        return values[self.net["output"]]


class Recorded(nn.Module):
    """A .czw model as a module on N C H W."""

    def __init__(self, model: czw.Model) -> None:
        super().__init__()
        self.model = model
        self.constants = nn.ParameterList(
            nn.Parameter(torch.from_numpy(np.array(c.values(), np.float32)), False) for c in model.constants)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        results = interpret.evaluate(self.model, list(self.constants), x.permute(0, 2, 3, 1))
        return tuple(results[o.name].permute(0, 3, 1, 2) for o in self.model.outputs)


def trace(module: nn.Module, folder: Path) -> None:
    net = json.loads((folder / "net.json").read_text())
    given = [torch.from_numpy(np.fromfile(folder / (i["name"] + ".f32"), np.float32).reshape(i["shape"]))
             for i in net["inputs"]]
    with torch.no_grad():
        torch.jit.save(torch.jit.trace(module.eval(), given, check_trace=False), str(folder / "torch.pt"))


def prepare(folder: Path) -> None:
    """Completes a folder that has net.json, weights.bin, model.onnx and the values."""
    if not (folder / "model.czw").exists():
        convert(onnx.load(str(folder / "model.onnx"))).write(folder / "model.czw")
    if not (folder / "torch.pt").exists():
        trace(Described(folder), folder)


def prepare_named(name: str, folder: Path, size: int = 256) -> None:
    """Makes the folder of one of architectures.py."""
    if (folder / "out.f32").exists():  # the last that is written
        return
    folder.mkdir(parents=True, exist_ok=True)
    module = architectures.make(name)
    x = torch.randn(1, architectures.NETWORKS[name][1], size, size, generator=torch.Generator().manual_seed(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, x, str(folder / "model.onnx"), opset_version=17, input_names=["x"],
                          output_names=["y"])
    model = convert(onnx.load(str(folder / "model.onnx")))
    model.write(folder / "model.czw")
    x.numpy().tofile(folder / "x.f32")
    describe(folder, model, "x", tuple(x.shape), ["y"], size)
    make_ncnn(folder, "x", ["y"])
    trace(module, folder)
    with torch.no_grad():
        module.double()(x.double()).float().numpy().tofile(folder / "out.f32")


def describe(folder: Path, model: czw.Model, name: str, shape: tuple[int, ...], outputs: list[str], size: int) -> None:
    (folder / "net.json").write_text(json.dumps({"inputs": [{"name": name, "shape": shape}], "outputs": outputs,
                                                 "output": outputs[0], "flops": flops(model, size)}))


def prepare_czw(source: Path, folder: Path, size: int = 256) -> None:
    """Makes the folder of a .czw model with one input. Engines get it in f32; where it computes in integers, it lies beside."""
    folder.mkdir(parents=True, exist_ok=True)
    given = czw.read(source)
    model = czw_float.in_floats(given)
    (folder / INTEGERS_FILE).unlink(missing_ok=True)
    if any(op.op.name == "conv2d_i8" for op in given.operators):
        shutil.copyfile(source, folder / INTEGERS_FILE)
    proto = czw2onnx.convert(model, (size, size))
    onnx.save(proto, str(folder / "model.onnx"))
    model.write(folder / "model.czw")
    name, shape = model.inputs[0].name, (1, model.inputs[0].dims[3], size, size)
    outputs = [o.name for o in model.outputs]
    describe(folder, model, name, shape, outputs, size)
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    x.tofile(folder / f"{name}.f32")
    module = Recorded(model)
    with torch.no_grad():
        module.double()(torch.from_numpy(x).double())[0].float().numpy().tofile(folder / "out.f32")
    trace(module.float(), folder)
    make_ncnn(folder, name, outputs)


def make_ncnn(folder: Path, name: str, outputs: list[str]) -> None:
    """ncnn's own converter, where it is installed; it renames inputs and outputs, which is undone here."""
    tool = Path(sys.executable).parent / "pnnx"
    if not tool.exists():
        return
    subprocess.run([str(tool), "model.onnx", "fp16=0", "ncnnparam=ncnn.param", "ncnnbin=ncnn.bin"], cwd=folder,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for left in folder.glob("model?pnnx*"):
        left.unlink()
    (folder / "model_ncnn.py").unlink(missing_ok=True)
    text = (folder / "ncnn.param").read_text()
    for old, new in [("in0", name), *((f"out{i}", n) for i, n in enumerate(outputs))]:
        text = re.sub(rf"\b{old}\b", new, text)
    (folder / "ncnn.param").write_text(text)


def flops(model: czw.Model, size: int) -> float:
    """Two for each multiply-add of convolutions, linear layers, matrix products and attention, done directly."""
    shapes = czw_shapes.infer(model, (size, size))
    total = 0.0
    for i, op in enumerate(model.operators):
        out = shapes[czw.Tensor("operator", i)]
        read = [None if t is None else shapes[t] for t in op.inputs]
        if op.op.name in ("conv2d", "linear") and read[1] is not None:
            total += 2.0 * prod(out) * prod(read[1][1:])
        elif op.op.name == "conv_transpose2d" and read[0] is not None and read[1] is not None:
            total += 2.0 * prod(read[0][:3]) * prod(read[1])
        elif op.op.name == "matmul" and read[0] is not None:
            total += 2.0 * prod(out) * read[0][3]
        elif op.op.name == "attention" and read[0] is not None and read[1] is not None:
            total += 4.0 * prod(out[1:]) * read[1][1] * read[1][2]
    return total
