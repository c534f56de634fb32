# SPDX-License-Identifier: BSD-2-Clause
"""ONNX to .czw and back: small networks, exported by PyTorch, imported, run by the library and compared with PyTorch;
then sent back to ONNX and through the import once more. tests/python/test_onnx_nodes.py has what PyTorch does not
export."""
from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path
from typing import Any, Callable

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import czw  # noqa: E402
import czw2onnx  # noqa: E402
import onnx2czw  # noqa: E402
from colorizer import Graph  # noqa: E402

Tensor = torch.Tensor


class Of(nn.Module):
    """A module of a function and the modules it uses."""

    def __init__(self, f: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.f = f
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x, *self.parts)


def norm(channels: int) -> nn.BatchNorm2d:
    bn = nn.BatchNorm2d(channels)
    for p in (bn.weight, bn.bias, bn.running_mean):
        nn.init.normal_(p, 0.5, 0.5)  # type: ignore[arg-type]
    nn.init.uniform_(bn.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    return bn


def conv(cin: int, cout: int, k: int = 3, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, k, **{"padding": k // 2, **options})


def heads(x: Tensor, n: int) -> Tensor:
    b, t, c = x.shape
    return x.reshape(b, t, n, c // n).transpose(1, 2)


def attention(x: Tensor, q: nn.Module, k: nn.Module, v: nn.Module, out: nn.Module) -> Tensor:
    """Two heads over the places of an image."""
    b, c, h, w = x.shape
    tokens = x.flatten(2).transpose(1, 2)
    a, e, u = (heads(p(tokens), 2) for p in (q, k, v))
    share = torch.softmax(a @ e.transpose(-2, -1) * (c // 2) ** -0.5, -1)
    y = out((share @ u).transpose(1, 2).reshape(b, h * w, c))
    return x + y.transpose(1, 2).reshape(b, c, h, w)


def sagan(x: Tensor, q: nn.Module, k: nn.Module, v: nn.Module) -> Tensor:
    """The softmax over the first axis; the result before a factor and the residual."""
    share = torch.softmax(q(x).flatten(2).transpose(1, 2) @ k(x).flatten(2), 1)
    return 0.5 * (v(x).flatten(2) @ share).view(x.shape) + x


def manual_norm(x: Tensor, part: nn.LayerNorm) -> Tensor:
    """A layer norm over the channels of N, C, H, W, as ConvNeXt writes it."""
    mean = x.mean(1, keepdim=True)
    centred = x - mean
    y = centred / torch.sqrt(centred.pow(2).mean(1, keepdim=True) + 1e-6)
    return y * part.weight[:, None, None] + part.bias[:, None, None]


def norm_first(x: Tensor, part: nn.LayerNorm) -> Tensor:
    return part(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def windows(x: Tensor) -> Tensor:
    """The mean of every 4 x 4 window, by reshapes."""
    b, c, h, w = x.shape
    return x.reshape(b, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(1, h // 4 * (w // 4), 16, c)


def squeeze_excite(x: Tensor, down: nn.Module, up: nn.Module) -> Tensor:
    return x * torch.sigmoid(up(F.relu(down(x.mean((2, 3), keepdim=True)))))


def fastai_shuffle(x: Tensor, c: nn.Module) -> Tensor:
    return F.avg_pool2d(F.pad(F.relu(F.pixel_shuffle(c(x), 2)), (1, 0, 1, 0), mode="replicate"), 2, 1)


def layers(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(*parts)


C = 6
# name: network, and the names of the operators that the import must come to (None: not looked at)
CASES: dict[str, tuple[Callable[[], nn.Module], list[str] | None]] = {
    "conv": (lambda: conv(C, 5), ["conv2d"]),
    "conv stride": (lambda: conv(C, 5, 3, stride=2), ["conv2d"]),
    "conv dilated": (lambda: conv(C, 5, 3, dilation=2, padding=2), ["conv2d"]),
    "conv groups": (lambda: conv(C, 9, 3, groups=3, bias=False), ["conv2d"]),
    "conv depthwise": (lambda: conv(C, C, 7, groups=C), ["conv2d"]),
    "conv replicate": (lambda: conv(C, 5, padding_mode="replicate"), ["conv2d"]),
    "conv reflect": (lambda: conv(C, 5, padding_mode="reflect"), ["pad", "conv2d"]),
    "conv bn relu": (lambda: layers(conv(C, 8, bias=False), norm(8), nn.ReLU()), ["conv2d"]),
    "conv relu bn": (lambda: layers(conv(C, 8), nn.ReLU(), norm(8)), ["conv2d"]),
    "bn relu": (lambda: layers(norm(C), nn.ReLU()), ["conv2d"]),
    "transposed": (lambda: layers(nn.ConvTranspose2d(C, 5, 4, 2, 1), nn.LeakyReLU(0.2)), ["conv_transpose2d"]),
    "transposed groups": (lambda: nn.ConvTranspose2d(C, 4, 3, 2, 1, 1, groups=2), ["conv_transpose2d"]),
    "residual": (lambda: Of(lambda x, a, b: F.relu(x + b(F.relu(a(x)))), conv(C, 8), conv(8, C)), ["conv2d"] * 2),
    "residual last": (lambda: Of(lambda x, a: x + F.silu(a(x)), conv(C, C)), ["conv2d"]),
    "scaled end": (lambda: Of(lambda x, a: torch.tanh(a(x)) * 110, conv(C, 2, 1)), ["conv2d"]),
    "scale after resize": (lambda: Of(lambda x, a: F.interpolate(a(x), scale_factor=4.0, mode="bilinear") * 110,
                                      conv(C, 2, 1)), ["conv2d", "resize"]),
    "activations": (lambda: Of(lambda x: torch.cat([F.hardswish(x), F.silu(x), F.gelu(x), F.relu6(x), torch.tanh(x),
                                                   torch.sigmoid(x), F.leaky_relu(x, 0.1), F.hardtanh(x, -0.5, 2)],
                                                  1)), ["activation"] * 8 + ["concat"]),
    "gelu tanh": (lambda: Of(lambda x: 0.5 * x * (1 + torch.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))), None),
    "gelu fused": (lambda: layers(conv(C, 9), nn.GELU()), ["conv2d"]),
    "layer norm": (lambda: Of(norm_first, nn.LayerNorm(C)), ["layer_norm"]),
    "layer norm by hand": (lambda: Of(manual_norm, nn.LayerNorm(C)), ["layer_norm"]),
    "softmax": (lambda: Of(lambda x: torch.softmax(x, 1)), ["softmax"]),
    "max pool": (lambda: nn.MaxPool2d(3, 2, 1), ["pool2d"]),
    "average pool": (lambda: nn.AvgPool2d(3, 2, 1), ["pool2d"]),
    "average pool inside": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), ["pool2d"]),
    "global pool": (lambda: nn.AdaptiveAvgPool2d(1), ["global_pool"]),
    "squeeze excite": (lambda: Of(squeeze_excite, conv(C, 3, 1), conv(3, C, 1)), ["global_pool", "conv2d", "conv2d",
                                                                               "mul"]),
    "nearest": (lambda: nn.Upsample(scale_factor=2, mode="nearest"), ["resize"]),
    "bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), ["resize"]),
    "bilinear corners": (lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), ["resize"]),
    "bicubic": (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), ["resize"]),
    "half size": (lambda: Of(lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear")), ["resize"]),
    "resize to a skip": (lambda: Of(lambda x, a: F.interpolate(a(x), size=x.shape[2:], mode="bilinear") + x,
                                    conv(C, C, 3, stride=2)), ["conv2d", "resize", "add"]),
    "shuffle": (lambda: layers(conv(C, 12, 1), nn.PixelShuffle(2)), ["conv2d", "pixel_shuffle"]),
    "unshuffle": (lambda: nn.PixelUnshuffle(2), None),
    "blur": (lambda: Of(fastai_shuffle, conv(C, 12, 1)), ["conv2d", "pixel_shuffle", "conv2d"]),
    "relu after concat": (lambda: Of(lambda x, a, b: F.relu(torch.cat([F.relu(a(x)), b(x)], 1)), conv(C, 4), norm(C)),
                          ["conv2d", "conv2d", "concat"]),
    "sub and div": (lambda: Of(lambda x: (1 - x) / 3 - x * 0.25), None),
    "slices": (lambda: Of(lambda x: x[:, 1:4, ::2, ::2] + x[:, 3:, ::2, ::2]), ["slice"] * 6 + ["add"]),
    "chunks": (lambda: Of(lambda x: torch.cat(x.chunk(3, 1)[::-1], 1)), ["slice"] * 3 + ["concat"]),
    "channel constant": (lambda: Of(lambda x, p: x * p.weight.view(1, C, 1, 1), nn.LayerNorm(C)), ["mul"]),
    "attention": (lambda: Of(attention, *[nn.Linear(C, C) for _ in range(4)]),
                  ["linear"] * 3 + ["attention", "linear"]),
    "sagan": (lambda: Of(sagan, conv(C, 2, 1), conv(C, 2, 1), conv(C, C, 1)), ["conv2d"] * 3 + ["attention", "add"]),
    "tokens": (lambda: Of(lambda x, a: a(x.flatten(2).transpose(1, 2)), nn.Linear(C, 5)), ["linear"]),
    "mlp": (lambda: Of(lambda x, a, b: x + b(F.gelu(a(x.permute(0, 2, 3, 1)))).permute(0, 3, 1, 2), nn.Linear(C, 8),
                       nn.Linear(8, C)), ["linear", "linear"]),
    "windows": (lambda: Of(windows), None),
}
FIXED = {"windows"}  # the size is part of these graphs


def export(module: nn.Module, x: Tensor, opset: int, is_open: bool) -> onnx.ModelProto:
    file = io.BytesIO()
    axes = {"x": {2: "h", 3: "w"}} if is_open else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, x, file, opset_version=opset, input_names=["x"], output_names=["y"],
                          dynamic_axes=axes)
    return onnx.load_from_string(file.getvalue())


def run(model: czw.Model, x: Tensor, path: Path) -> np.ndarray:
    model.write(path)
    with Graph(path) as g:
        given = x.permute(0, 2, 3, 1).numpy()
        return g.run({next(iter(g.inputs())): given})["y"]


def assert_same(got: np.ndarray, want: Tensor) -> None:
    """An image N, C, H, W is N, H, W, C; of tokens the last axis is C and the others fill H and W."""
    expected = want.permute(0, 2, 3, 1).numpy() if want.dim() == 4 else want.numpy()
    assert got.size == expected.size and got.shape[-1] == expected.shape[-1]
    error = np.abs(got.reshape(expected.shape) - expected).max() / np.abs(expected).max()
    assert error < 2e-5, error


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("name", CASES)
def test_import(name: str, opset: int, tmp_path: Path) -> None:
    torch.manual_seed(1)
    make, operators = CASES[name]
    module = make().eval()
    x = torch.randn(1, C, 32, 32)
    for is_open in (False, True):
        model = onnx2czw.convert(export(module, x, opset, is_open), side=32)
        if operators is not None:
            assert [o.op.name for o in model.operators] == operators
        assert (model.inputs[0].dims[1] == 0) == (name not in FIXED)
        for size in [(32, 32)] + ([] if name in FIXED else [(48, 16)]):
            x = torch.randn(1, C, *size)
            with torch.no_grad():
                assert_same(run(model, x, tmp_path / "m.czw"), module(x))


@pytest.mark.parametrize("name", [n for n in CASES if n not in FIXED | {"tokens"}])
def test_round_trip(name: str, tmp_path: Path) -> None:
    """Import, export, import: what comes out computes the same, at other sizes too."""
    torch.manual_seed(2)
    module = CASES[name][0]().eval()
    first = onnx2czw.convert(export(module, torch.randn(1, C, 32, 32), 17, False))
    second = onnx2czw.convert(czw2onnx.convert(first), side=32)
    fixed = onnx2czw.convert(czw2onnx.convert(first, (32, 48)))
    for model in (second, fixed):
        assert model.inputs[0].dims[1] == 0
        assert len(model.operators) <= len(first.operators)
        x = torch.randn(1, C, 32, 48)
        with torch.no_grad():
            assert_same(run(model, x, tmp_path / "m.czw"), module(x))


def test_weights_of_less_precision(tmp_path: Path) -> None:
    torch.manual_seed(3)
    module = conv(C, 5).eval()
    x = torch.randn(1, C, 16, 16)
    model = onnx2czw.convert(export(module, x, 17, False), dtype="f16")
    assert {c.dtype for c in model.constants if c.data.size > 5} == {"f16"}
    with torch.no_grad():
        want = module(x).permute(0, 2, 3, 1).numpy()
    assert 0 < np.abs(run(model, x, tmp_path / "m.czw") - want).max() < 5e-3


def test_fixed_on_request() -> None:
    model = onnx2czw.convert(export(conv(C, 5), torch.randn(1, C, 8, 24), 17, False), free=False)
    assert model.inputs[0].dims == (1, 8, 24, C)


def test_multiple_is_found() -> None:
    """A U-Net of two levels adds only what fits."""
    def net(x: Tensor, down: nn.Module, lower: nn.Module, up: nn.Module) -> Tensor:
        y = down(x)
        z = F.interpolate(lower(y), scale_factor=2.0) + y
        return F.interpolate(up(z), scale_factor=2.0)

    module = Of(net, conv(C, 8, stride=2), conv(8, 8, stride=2), conv(8, 2))
    model = onnx2czw.convert(export(module, torch.randn(1, C, 64, 64), 17, False))
    assert (model.inputs[0].dims, model.inputs[0].multiple) == ((1, 0, 0, C), 4)
