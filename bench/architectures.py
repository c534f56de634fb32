# SPDX-License-Identifier: BSD-2-Clause
"""Colorization networks to compare engines on, with random weights: for speed and parity, not for colour.

eccv16      Zhang, Isola, Efros, "Colorful Image Colorization", 2016
siggraph17  Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors", 2017; hints at the input
deoldify    in the manner of DeOldify's "artistic" model (Antic, 2019): ResNet-34 encoder, wide decoder of 3 x 3 pairs
            with pixel shuffles, self-attention at 1/8
convnext    a small U-Net of ConvNeXt blocks (Liu et al., "A ConvNet for the 2020s", 2022)
"""
from __future__ import annotations

import math
from typing import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Sequential = nn.Sequential


def conv(cin: int, cout: int, kernel: int = 3, **options: int | bool) -> nn.Conv2d:
    padding = int(options.pop("padding", int(options.get("dilation", 1)) * (kernel - 1) // 2))
    return nn.Conv2d(cin, cout, kernel, padding=padding, **options)  # type: ignore[arg-type]


class Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def upsample(factor: int) -> nn.Upsample:
    return nn.Upsample(scale_factor=float(factor), mode="bilinear", align_corners=False)


def stage(cin: int, *widths: int, dilation: int = 1, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolutions with ReLU, the last with the stride, and a batch norm."""
    layers: list[nn.Module] = []
    for i, width in enumerate(widths):
        layers += [conv(cin, width, dilation=dilation, stride=stride if i == len(widths) - 1 else 1), nn.ReLU()]
        cin = width
    return Sequential(*layers, nn.BatchNorm2d(cin))


def eccv16() -> nn.Module:
    return Sequential(
        stage(1, 64, 64, stride=2), stage(64, 128, 128, stride=2), stage(128, 256, 256, 256, stride=2),
        stage(256, 512, 512, 512), stage(512, 512, 512, 512, dilation=2), stage(512, 512, 512, 512, dilation=2),
        stage(512, 512, 512, 512), nn.ConvTranspose2d(512, 256, 4, 2, 1), nn.ReLU(), conv(256, 256), nn.ReLU(),
        conv(256, 256), nn.ReLU(), conv(256, 313, 1), nn.Softmax(1), conv(313, 2, 1, bias=False), upsample(4), Scale(110))


def every_second(x: Tensor) -> Tensor:
    """x[:, :, ::2, ::2], in words that ncnn's converter knows."""
    return F.max_pool2d(x, 1, 2)


class Siggraph17(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = stage(4, 64, 64), stage(64, 128, 128)
        self.down3, self.down4 = stage(128, 256, 256, 256), stage(256, 512, 512, 512)
        self.middle = Sequential(stage(512, 512, 512, 512, dilation=2), stage(512, 512, 512, 512, dilation=2),
                                 stage(512, 512, 512, 512))
        self.up8, self.skip8 = nn.ConvTranspose2d(512, 256, 4, 2, 1), conv(256, 256)
        self.stage8 = Sequential(nn.ReLU(), stage(256, 256, 256))
        self.up9, self.skip9 = nn.ConvTranspose2d(256, 128, 4, 2, 1), conv(128, 128)
        self.stage9 = Sequential(nn.ReLU(), stage(128, 128))
        self.up10, self.skip10 = nn.ConvTranspose2d(128, 128, 4, 2, 1), conv(64, 128)
        self.end = Sequential(nn.ReLU(), conv(128, 128), nn.LeakyReLU(0.2), conv(128, 2, 1), nn.Tanh(), Scale(110))

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.down1(x)
        x2 = self.down2(every_second(x1))
        x3 = self.down3(every_second(x2))
        x = self.middle(self.down4(every_second(x3)))
        x = self.stage8(self.up8(x) + self.skip8(x3))
        x = self.stage9(self.up9(x) + self.skip9(x2))
        return self.end(self.up10(x) + self.skip10(x1))


class Residual(nn.Module):
    """ResNet's basic block."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.body = Sequential(conv(cin, cout, stride=stride, bias=False), nn.BatchNorm2d(cout), nn.ReLU(),
                               conv(cout, cout, bias=False), nn.BatchNorm2d(cout))
        same = cin == cout and stride == 1
        self.short = nn.Identity() if same else Sequential(conv(cin, cout, 1, stride=stride, bias=False),
                                                           nn.BatchNorm2d(cout))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.short(x))


def residuals(cin: int, cout: int, count: int, stride: int) -> nn.Sequential:
    return Sequential(Residual(cin, cout, stride), *[Residual(cout, cout, 1) for _ in range(count - 1)])


class SelfAttention(nn.Module):
    """Of SAGAN, the softmax over the places that look."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query, self.key = (conv(channels, channels // 8, 1, bias=False) for _ in range(2))
        self.value = conv(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        share = torch.softmax(self.query(x).flatten(2).transpose(1, 2) @ self.key(x).flatten(2), 1)
        return 0.5 * (self.value(x).flatten(2) @ share).view(x.shape) + x


class Shuffle(nn.Module):
    """1 x 1 convolution and pixel shuffle, averaged over 2 x 2 to hide the pattern."""

    def __init__(self, cin: int, cout: int, blur: bool = True) -> None:
        super().__init__()
        self.body = Sequential(conv(cin, 4 * cout, 1, bias=False), nn.BatchNorm2d(4 * cout), nn.ReLU(),
                               nn.PixelShuffle(2))
        self.blur = blur

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return F.avg_pool2d(F.pad(y, (1, 0, 1, 0), mode="replicate"), 2, 1) if self.blur else y


def wide(cin: int, cout: int) -> nn.Sequential:
    return Sequential(conv(cin, cout, bias=False), nn.ReLU(), nn.BatchNorm2d(cout))


class Deoldify(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = Sequential(conv(3, 64, 7, stride=2, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        self.layer1, self.layer2 = residuals(64, 64, 3, 1), residuals(64, 128, 4, 2)
        self.layer3, self.layer4 = residuals(128, 256, 6, 2), residuals(256, 512, 3, 2)
        self.middle = Sequential(nn.BatchNorm2d(512), nn.ReLU(), wide(512, 1024), wide(1024, 512))
        self.ups, self.norms, self.decoders = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        width = 512
        for i, skip in enumerate((256, 128, 64, 64)):
            self.ups.append(Shuffle(width, width // 2))
            self.norms.append(nn.BatchNorm2d(skip))
            joined = width // 2 + skip
            width = int((joined if i < 3 else joined // 2) * 1.5)
            self.decoders.append(Sequential(wide(joined, width), wide(width, width),
                                            *([SelfAttention(width)] if i == 1 else [])))
        self.last = Shuffle(width, width, blur=False)
        full = width + 3
        self.cross = Sequential(conv(full, full), nn.ReLU(), conv(full, full), nn.ReLU())
        self.end = Sequential(conv(full, 3, 1), nn.Sigmoid())

    def forward(self, image: Tensor) -> Tensor:
        skips = [self.stem(image)]
        x = F.max_pool2d(skips[0], 3, 2, 1)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            skips.append(x)
        x = self.middle(x)
        for up, norm, decoder, skip in zip(self.ups, self.norms, self.decoders, skips[3::-1]):
            x = decoder(F.relu(torch.cat([up(x), norm(skip)], 1)))
        x = torch.cat([self.last(x), image], 1)
        return self.end(x + self.cross(x))


class Norm(nn.Module):
    """Layer norm over the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """ConvNeXt's."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.body = Sequential(conv(c, c, 7, groups=c), Norm(c), conv(c, 4 * c, 1), nn.GELU(), conv(4 * c, c, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def blocks(channels: int, count: int) -> nn.Sequential:
    return Sequential(*[Block(channels) for _ in range(count)])


class ConvNext(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = Sequential(conv(1, 32, 3, stride=2), nn.ReLU())
        self.down1 = Sequential(conv(32, 64, 2, stride=2, padding=0), blocks(64, 2))
        self.down2 = Sequential(Norm(64), conv(64, 128, 2, stride=2, padding=0), blocks(128, 4))
        self.down3 = Sequential(Norm(128), conv(128, 256, 2, stride=2, padding=0), blocks(256, 6))
        self.up2, self.up1, self.up0 = (Sequential(conv(2 * c, c, 1), upsample(2)) for c in (128, 64, 32))
        self.mix2, self.mix1 = blocks(128, 2), blocks(64, 1)
        self.end = Sequential(conv(32, 32), nn.ReLU(), conv(32, 16), nn.ReLU(), upsample(2), conv(16, 2), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        x0 = self.stem(x)
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        x = self.mix2(self.up2(self.down3(x2)) + x2)
        x = self.mix1(self.up1(x) + x1)
        return self.end(self.up0(x) + x0)  # type: ignore[no-any-return]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {  # and the input's channels
    "eccv16": (eccv16, 1), "siggraph17": (Siggraph17, 4), "deoldify": (Deoldify, 3), "convnext": (ConvNext, 1)}


def make(name: str) -> nn.Module:
    """The network in evaluation mode, its weights random but such that values stay near 1 throughout."""
    torch.manual_seed(1)
    module = NETWORKS[name][0]().eval()
    with torch.no_grad():
        for m in module.modules():
            if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
                stride = m.stride[0] if isinstance(m, nn.ConvTranspose2d) else 1
                fan = m.in_channels // m.groups * m.kernel_size[0] * m.kernel_size[1] / stride**2
                nn.init.normal_(m.weight, std=math.sqrt(2 / fan))
                if m.bias is not None:
                    nn.init.normal_(m.bias, std=0.05)
            elif isinstance(m, nn.BatchNorm2d):
                assert m.running_mean is not None and m.running_var is not None
                nn.init.normal_(m.weight, 1, 0.1)
                nn.init.normal_(m.bias, 0, 0.1)
                nn.init.normal_(m.running_mean, 0.3, 0.1)
                nn.init.uniform_(m.running_var, 0.6, 1.2)
        for m in module.modules():  # what is added to a sum that goes on must be small, or the sum grows
            if isinstance(m, Residual):
                m.body[4].weight.mul_(0.3)
            elif isinstance(m, Block):
                m.body[4].weight.mul_(0.2)
    return module
