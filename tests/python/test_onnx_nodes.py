# SPDX-License-Identifier: BSD-2-Clause
"""ONNX to .czw for what PyTorch does not export: nodes made by hand against PyTorch's functions, files that are refused
and how, and the commands."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import czw  # noqa: E402
import czw2onnx  # noqa: E402
import czw_float  # noqa: E402
import onnx2czw  # noqa: E402
from colorizer import Graph  # noqa: E402
from czw_graph import ImportFailure  # noqa: E402

Tensor = torch.Tensor
Array = np.ndarray[Any, np.dtype[Any]]
BUILT_IN = ROOT / "models" / "default.czw"
C = 8
rng = np.random.default_rng(5)


def random(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


WEIGHT, SLOPE, POINT = random(12, C, 3, 3), random(C, 1, 1), random(16, C, 1, 1)
EVEN, FC, GAMMA, BETA, NARROW = random(5, C, 4, 4), random(C, 5), random(C), random(C), random(2, C, 1, 1)


def node(op: str, inputs: str, output: str = "y", **attributes: Any) -> onnx.NodeProto:
    """A node of inputs with spaces between; "-" is one that is not given."""
    names = ["" if i == "-" else i for i in inputs.split()]
    return helper.make_node(op, names, output.split(), name=f"{op}.{output.split()[0]}", **attributes)


def graph(nodes: list[onnx.NodeProto], opset: int = 17, dims: tuple[Any, ...] = (1, C, 32, 32), outputs: str = "y",
          kind: int = TensorProto.FLOAT, **constants: Array) -> onnx.ModelProto:
    proto = helper.make_graph(
        nodes, "test", [helper.make_tensor_value_info("x", kind, dims)],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs.split()],
        [numpy_helper.from_array(v, name) for name, v in constants.items()])
    return helper.make_model(proto, opset_imports=[helper.make_opsetid("", opset)])


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


def floats(*values: float) -> Array:
    return np.array(values, np.float32)


def same(x: Tensor, upper: bool) -> Tensor:
    """A 4 x 4 convolution padded to its input's size."""
    a, b = (1, 2) if upper else (2, 1)
    return F.conv2d(F.pad(x, (a, b, a, b)), torch.from_numpy(EVEN))


def depth_to_space(x: Tensor) -> Tensor:
    """DCR: channel (i r + j) C' + c goes to row i, column j of channel c."""
    y = F.conv2d(x, torch.from_numpy(POINT))
    b, c, h, w = y.shape
    return y.reshape(b, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2).reshape(b, c // 4, 2 * h, 2 * w)


def space_to_depth(x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    return x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(b, 4 * c, h // 2, w // 2)


def shared_keys(x: Tensor) -> Tensor:
    """Attention with a negative scale, which the operator does not do."""
    q = F.conv2d(x, torch.from_numpy(NARROW)).flatten(2)
    return (torch.softmax(q.transpose(1, 2) @ q * -0.5, -1) @ x.flatten(2).transpose(1, 2)).transpose(1, 2)


NEGATIVE = [node("Conv", "x w", "q0"), node("Reshape", "q0 flat", "q"), node("Transpose", "q", "qt", perm=[0, 2, 1]),
            node("MatMul", "qt q", "p0"), node("Mul", "p0 half", "p1"), node("Softmax", "p1", "p", axis=-1),
            node("Reshape", "x flat", "v"), node("Transpose", "v", "vt", perm=[0, 2, 1]), node("MatMul", "p vt", "o"),
            node("Transpose", "o", "y", perm=[0, 2, 1])]
Case = tuple[onnx.ModelProto, Callable[[Tensor], Tensor], "list[str] | None"]
# name: the file, what it computes, and the operators it comes to (None: not looked at)
CASES: dict[str, Case] = {
    "same upper": (graph([node("Conv", "x w", auto_pad="SAME_UPPER")], w=EVEN), lambda x: same(x, True), ["conv2d"]),
    "same lower": (graph([node("Conv", "x w", auto_pad="SAME_LOWER")], w=EVEN), lambda x: same(x, False), ["conv2d"]),
    "same stride": (graph([node("Conv", "x w", auto_pad="SAME_UPPER", strides=[2, 2])], w=WEIGHT),
                    lambda x: F.conv2d(F.pad(x, (0, 1, 0, 1)), torch.from_numpy(WEIGHT), stride=2), ["conv2d"]),
    "valid pool": (graph([node("MaxPool", "x", auto_pad="VALID", kernel_shape=[2, 2], strides=[2, 2])]),
                   lambda x: F.max_pool2d(x, 2), ["pool2d"]),
    "hard sigmoid": (graph([node("HardSigmoid", "x")]), lambda x: torch.clamp(0.2 * x + 0.5, 0, 1), None),
    "hard swish": (graph([node("HardSigmoid", "x", "s", alpha=1 / 6), node("Mul", "x s")], 11), F.hardswish,
                   ["activation"]),
    "prelu": (graph([node("PRelu", "x s")], s=SLOPE), lambda x: F.prelu(x, torch.from_numpy(SLOPE.ravel())), None),
    "prelu of one": (graph([node("PRelu", "x s")], s=floats(0.3)), lambda x: F.leaky_relu(x, 0.3), ["activation"]),
    "clip attributes": (graph([node("Clip", "x", min=-0.5, max=0.25)], 6), lambda x: torch.clamp(x, -0.5, 0.25),
                        ["activation"]),
    "clip below": (graph([node("Clip", "x low")], low=np.array(0, np.float32)), F.relu, ["activation"]),
    "depth to space": (graph([node("Conv", "x w", "c"), node("DepthToSpace", "c", blocksize=2)], w=POINT),
                       depth_to_space, ["conv2d", "pixel_shuffle"]),
    "space to depth": (graph([node("SpaceToDepth", "x", blocksize=2)]), space_to_depth, ["conv2d"]),
    "upsample": (graph([node("Upsample", "x s", mode="nearest")], 9, s=floats(1, 1, 2, 3)),
                 lambda x: F.interpolate(x, scale_factor=(2, 3)), ["resize"]),
    "upsample attribute": (graph([node("Upsample", "x", scales=[1.0, 1.0, 2.0, 2.0])], 7),
                           lambda x: F.interpolate(x, scale_factor=2), ["resize"]),
    "resize 10": (graph([node("Resize", "x s", mode="nearest")], 10, s=floats(1, 1, 0.5, 0.5)),
                  lambda x: x[:, :, ::2, ::2], ["resize"]),
    "resize sizes": (graph([node("Resize", "x - - s", mode="linear")], s=ints(1, C, 64, 64)),
                     lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), ["resize"]),
    "nearest corners": (graph([node("Resize", "x - s", mode="nearest", nearest_mode="round_prefer_ceil",
                                    coordinate_transformation_mode="half_pixel")], s=floats(1, 1, 3, 3)),
                        lambda x: F.interpolate(x, scale_factor=3), ["resize"]),
    "gemm": (graph([node("GlobalAveragePool", "x", "p"), node("Flatten", "p", "f"),
                    node("Gemm", "f w b", alpha=0.5, beta=2.0)], w=FC, b=BETA[:5]),
             lambda x: 0.5 * x.mean((2, 3)) @ torch.from_numpy(FC) + 2 * torch.from_numpy(BETA[:5]), None),
    "mean without its axes": (graph([node("ReduceMean", "x", "m", axes=[2, 3], keepdims=0),
                                     node("MatMul", "m w")], w=FC),
                              lambda x: x.mean((2, 3)) @ torch.from_numpy(FC), ["global_pool", "linear"]),
    "global maximum": (graph([node("GlobalMaxPool", "x")]), lambda x: x.amax((2, 3), keepdim=True), ["global_pool"]),
    "layer normalization": (graph([node("Transpose", "x", "t", perm=[0, 2, 3, 1]),
                                   node("LayerNormalization", "t g b", "n", epsilon=1e-6),
                                   node("Transpose", "n", perm=[0, 3, 1, 2])], g=GAMMA, b=BETA),
                            lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (C,), torch.from_numpy(GAMMA),
                                                   torch.from_numpy(BETA), 1e-6).permute(0, 3, 1, 2), ["layer_norm"]),
    "gelu": (graph([node("Gelu", "x", approximate="tanh")], 20),
             lambda x: F.gelu(x, approximate="tanh"), ["activation"]),
    "cube": (graph([node("Pow", "x three")], three=floats(3)), lambda x: x**3, ["mul", "mul"]),
    "pad some axes": (graph([node("Pad", "x p v a")], 18, p=ints(1, 2, 0, 3), v=floats(0.5), a=ints(3, -2)),
                      lambda x: F.pad(x, (1, 0, 2, 3), value=0.5), ["pad"]),
    "pad before a convolution": (graph([node("Pad", "x p", "q"), node("Conv", "q w")], p=ints(0, 0, 1, 0, 0, 0, 1, 2),
                                       w=WEIGHT),
                                 lambda x: F.conv2d(F.pad(x, (0, 2, 1, 1)), torch.from_numpy(WEIGHT)), ["conv2d"]),
    "split by sizes": (graph([node("Split", "x s", "a b", axis=1), node("Concat", "b a", axis=1)], s=ints(3, 5)),
                       lambda x: torch.cat([x[:, 3:], x[:, :3]], 1), ["slice", "slice", "concat"]),
    "nine parts": (graph([node("Concat", "x " * 9, axis=1)]), lambda x: torch.cat([x] * 9, 1), ["concat", "concat"]),
    "part of a shape": (graph([node("Shape", "x", "s", start=1, end=2), node("Concat", "one s rest", "d", axis=0),
                               node("Reshape", "x d", "f"), node("Transpose", "f", "t", perm=[0, 2, 1]),
                               node("MatMul", "t w")], one=ints(1), rest=ints(-1), w=FC),
                        lambda x: x.flatten(2).transpose(1, 2) @ torch.from_numpy(FC), ["linear"]),
    "constants folded": (graph([node("Sqrt", "g2", "g"), node("Expand", "g d", "e"), node("Mul", "e x")],
                               g2=np.abs(SLOPE), d=ints(1, C, 1, 1)),
                         lambda x: x * torch.from_numpy(np.sqrt(np.abs(SLOPE))), ["mul"]),
    "attention by matrices": (graph(NEGATIVE, dims=(1, C, 8, 8), w=NARROW, flat=ints(0, 0, -1), half=floats(-0.5)),
                              shared_keys, None),
    "three identities": (graph([node("Identity", "x", "a"), node("Dropout", "a", "b"), node("Cast", "b", "c", to=1),
                                node("Relu", "c")]), F.relu, ["activation"]),
}
FIXED = {"attention by matrices"}


def run(model: czw.Model, x: Tensor, path: Path) -> list[Array]:
    model.write(path)
    with Graph(path) as g:
        return list(g.run({"x": x.permute(0, 2, 3, 1).numpy()}).values())


def assert_same(got: Array, want: Tensor) -> None:
    """An image N, C, H, W is N, H, W, C; of fewer axes the last is C."""
    expected = want.permute(0, 2, 3, 1).numpy() if want.dim() == 4 else want.numpy()
    assert got.size == expected.size and got.shape[-1] == expected.shape[-1]
    assert np.abs(got.reshape(expected.shape) - expected).max() < 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", CASES)
def test_node(name: str, tmp_path: Path) -> None:
    proto, reference, operators = CASES[name]
    model = onnx2czw.convert(proto)
    if operators is not None:
        assert [o.op.name for o in model.operators] == operators
    assert (model.inputs[0].dims[1] == 0) == (name not in FIXED)
    height, width = (8, 8) if name in FIXED else (24, 40)
    x = torch.from_numpy(random(1, C, height, width))
    assert_same(run(model, x, tmp_path / "m.czw")[0], reference(x))


def test_two_outputs(tmp_path: Path) -> None:
    proto = graph([node("Relu", "x", "a"), node("Tanh", "a", "b")], dims=(1, C, "h", "w"), outputs="b a")
    x = torch.from_numpy(random(1, C, 5, 7))
    b, a = run(onnx2czw.convert(proto), x, tmp_path / "m.czw")
    assert_same(a, F.relu(x))
    assert_same(b, torch.tanh(F.relu(x)))


def test_a_size_in_the_graph_is_kept() -> None:
    """A constant of the input's size cannot be stretched; a size computed from an open one neither."""
    reasons: list[str] = []
    model = onnx2czw.convert(graph([node("Add", "x p")], p=random(1, 1, 32, 32)), reasons=reasons)
    assert model.inputs[0].dims == (1, 32, 32, C) and "Add.y" in reasons[0]
    scaled = [node("Shape", "x", "s"), node("Cast", "s", "f", to=1), node("ReduceMean", "x", "m", axes=[2, 3]),
              node("Gather", "f three", "w"), node("Mul", "m w")]
    model = onnx2czw.convert(graph(scaled, dims=(1, C, "h", "w"), three=np.array(3, np.int64)), side=64)
    assert model.inputs[0].dims == (1, 64, 64, C)


# ---------------------------------------------------------------- what is refused


def named_in_bytes() -> onnx.ModelProto:
    """A node whose name begins with the byte 255."""
    proto = graph([helper.make_node("Sin", ["x"], ["y"], name="NAME")])
    return onnx.load_from_string(proto.SerializeToString().replace(b"NAME", b"\xffAME"))


REFUSED: dict[str, tuple[onnx.ModelProto, str]] = {
    "operator": (graph([node("Sin", "x")]), r"node 'Sin\.y' \(Sin\): this operator is not supported"),
    "domain": (graph([helper.make_node("Relu", ["x"], ["y"], name="R", domain="com.example")]),
               "node 'R' .*com.example"),
    "half a pattern": (graph([node("Erf", "x")]), "Erf.y: 'erf' is only understood"),
    "weights at run time": (graph([node("Conv", "x x")]), "node 'Conv.y' .*the weight is not a constant"),
    "batch": (graph([node("Relu", "x")], dims=(2, C, 8, 8)), "input x"),
    "integers": (graph([node("Relu", "x")], kind=TensorProto.INT64), "input x: not a tensor of floating"),
    "channels left open": (graph([node("Relu", "x")], dims=(1, "c", 8, 8)), "input x: the number of channels"),
    "unknown name": (graph([node("Add", "x z")]), "node 'Add.y' .*'z' is not computed"),
    "output of nothing": (graph([node("Relu", "x", "z")]), "output 'y': 'y' is not computed"),
    "output of no axes": (graph([node("ReduceMean", "x", "m", axes=[2, 3]), node("Slice", "m b e one", "s"),
                                 node("Squeeze", "s")], b=ints(0), e=ints(1), one=ints(1)),
                          "output 'y': a tensor of no axes"),
    "backward": (graph([node("Relu", "z"), node("Relu", "x", "z")]), "'z' is not computed"),
    "attribute missing": (graph([node("MaxPool", "x")]), "node 'MaxPool.y' .*malformed: KeyError: 'kernel_shape'"),
    "attribute of another type": (graph([node("Concat", "x x", axis="C")]), "node 'Concat.y' .*malformed"),
    "too many inputs": (graph([node("Relu", "x"), node("LeakyRelu", "x x x", "z")]), "LeakyRelu.z.*malformed"),
    "weights of other channels": (graph([node("Conv", "x w")], w=random(3, C + 1, 1, 1)), "Conv.y.*channels"),
    "a reshape of more elements": (graph([node("Reshape", "x d")], d=ints(1, C, 999)), "Reshape.y.*a reshape of"),
    "a reshape to nothing": (graph([node("Reshape", "x d")], d=ints(1, 0, -3)), "Reshape.y.*a reshape of"),
    "a huge constant": (graph([node("ConstantOfShape", "d", "c"), node("Add", "x c")], d=ints(1 << 20, 1 << 20)),
                        "ConstantOfShape.c.*a constant of"),
    "softmax over several axes": (graph([node("Softmax", "x", axis=1)], 11), "Softmax.y.*over several axes"),
    "asymmetric linear": (graph([node("Resize", "x - s", mode="linear", coordinate_transformation_mode="asymmetric")],
                                s=floats(1, 1, 2, 2)), "Resize.y.*asymmetric"),
    "nearest by floor": (graph([node("Resize", "x - s", nearest_mode="floor")], s=floats(1, 1, 2, 2)),
                         "Resize.y.*nearest with half_pixel"),
    "no rows": (graph([node("ConvTranspose", "x w", pads=[20, 0, 20, 0])], w=random(C, 2, 3, 3)), "ConvTranspose.y"),
    "a name that is no UTF-8": (named_in_bytes(), "node '\ufffdAME' .*not supported"),
    "not finite": (graph([node("Mul", "x c")], c=floats(float("nan"))), "not finite"),
    "nothing at all": (onnx.ModelProto(), "the file has no inputs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    proto, words = REFUSED[name]
    with pytest.raises((ImportFailure, czw.FormatError, ValueError), match=words):
        onnx2czw.convert(proto).to_bytes()


def test_products_of_products_end() -> None:
    """Looking for patterns in x^(2^64) by repeated squares takes no more than a moment."""
    nodes = [node("Mul", f"a{i} a{i}", f"a{i + 1}") for i in range(64)]
    model = onnx2czw.convert(graph([node("Relu", "x", "a0"), *nodes, node("Identity", "a64")]))
    assert len(model.operators) == 65


def test_weights_in_another_file(tmp_path: Path) -> None:
    proto = graph([node("Conv", "x w")], w=WEIGHT)
    want = czw.encode(onnx2czw.convert(proto))
    path = tmp_path / "net.onnx"
    onnx.save(proto, str(path), save_as_external_data=True, location="net.data", size_threshold=0)
    assert czw.encode(onnx2czw.convert(onnx2czw.load(path))) == want
    stored = onnx.load(str(path), load_external_data=False)
    stored.graph.initializer[0].external_data[0].value = "../net.data"
    path.write_bytes(stored.SerializeToString())
    with pytest.raises(ImportFailure, match="'../net.data' is not a file beside"):
        onnx2czw.load(path)


# ---------------------------------------------------------------- the built-in model


@pytest.mark.parametrize("size", [None, (64, 96)])
def test_built_in_model_and_back(size: tuple[int, int] | None, tmp_path: Path) -> None:
    """In f32, exported, imported again: as many operators, and the same results."""
    source = czw_float.in_floats(czw.read(BUILT_IN))
    source.write(tmp_path / "source.czw")
    proto = czw2onnx.convert(source, size)
    if size is not None:
        assert not {"Shape", "Slice", "Gather"} & {n.op_type for n in proto.graph.node if n.input[0] != "image"}
    back = onnx2czw.convert(proto)
    assert len(back.operators) <= len(source.operators)
    assert (back.inputs[0].dims, back.inputs[0].multiple) == ((1, 0, 0, 4), 32)
    back.write(tmp_path / "back.czw")
    x = random(1, 64, 96, 4)
    with Graph(tmp_path / "source.czw") as a, Graph(tmp_path / "back.czw") as b:
        wanted, got = a.run({"image": x}), b.run({"image": x})
    assert list(got) == list(wanted) == ["logits", "residual"]
    for name, want in wanted.items():
        assert np.abs(got[name] - want).max() < 2e-5 * np.abs(want).max()


# ---------------------------------------------------------------- the commands


def command(tool: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(ROOT / "tools" / tool), *map(str, arguments)], text=True,
                          capture_output=True)


def test_commands(tmp_path: Path) -> None:
    there, back, again = tmp_path / "there.czw", tmp_path / "back.onnx", tmp_path / "again.czw"
    onnx.save(CASES["hard swish"][0], str(tmp_path / "net.onnx"))
    done = command("onnx2czw.py", tmp_path / "net.onnx", there)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "1 operators; input x multiples of 1\n")
    done = command("czw2onnx.py", there, back, "--size", "8x24")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    shape = onnx.load(str(back)).graph.input[0].type.tensor_type.shape
    assert [d.dim_value for d in shape.dim] == [1, C, 8, 24]
    done = command("onnx2czw.py", back, again, "--fixed", "--dtype", "f16")
    assert (done.returncode, done.stderr) == (0, "") and czw.read(again).inputs[0].dims == (1, 8, 24, C)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.czw", "back.onnx", "net.onnx", "there.czw"]


def failed(tool: Any, arguments: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> str:
    """The message of a command that fails, here in this process."""
    monkeypatch.setattr(sys, "argv", [tool.__name__, *map(str, arguments)])
    assert tool.main() == 1
    message = str(capsys.readouterr().err)
    assert message.startswith(tool.__name__ + ": ") and message.count("\n") == 1
    return message


def test_commands_fail_with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """One line, exit code 1, and what was at the target stays."""
    source, target = tmp_path / "in", tmp_path / "out"
    target.write_bytes(b"before")
    valid = CASES["same upper"][0].SerializeToString()
    for data, words in ((b"\xff" * 99, "not an ONNX file"), (b"", "the file has no inputs"),
                        (valid[:-40], "not an ONNX file"), (REFUSED["operator"][0].SerializeToString(), "'Sin.y'")):
        source.write_bytes(data)
        assert words in failed(onnx2czw, [source, target], monkeypatch, capsys)
    assert "No such file" in failed(onnx2czw, [tmp_path / "none", target], monkeypatch, capsys)
    assert "No such file" in failed(czw2onnx, [tmp_path / "none", target], monkeypatch, capsys)
    assert "format" in failed(czw2onnx, [source, target], monkeypatch, capsys)
    assert "multiple of 32" in failed(czw2onnx, [BUILT_IN, target, "--size", "40x64"], monkeypatch, capsys)
    assert target.read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]
    monkeypatch.setattr(sys, "argv", ["czw2onnx", str(BUILT_IN), str(target), "--size", "wide"])
    with pytest.raises(SystemExit, match="2"):
        czw2onnx.main()
