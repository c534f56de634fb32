# SPDX-License-Identifier: BSD-2-Clause
"""Frechet distance between sets of pictures, over what an ImageNet network sees in them (Heusel, Ramsauer,
Unterthiner, Nessler, Hochreiter, "GANs Trained by a Two Time-Scale Update Rule", 2017, with another network).

The features are the 352 of EfficientNet-Lite2's last stage, averaged over the picture: fewer than the photographs of a
validation set, so that their covariance has full rank. Only distances over one network and one set compare.
"""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .perception import features, imagenet_encoder

LITE = 2


class Features:
    """RGB pictures [N, 3, H, W] in 0..1 -> [N, 352]."""

    def __init__(self) -> None:
        self.encoder = imagenet_encoder(LITE)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> np.ndarray:
        rows = [features(self.encoder, part)[-1].mean((2, 3)).double().numpy() for part in images.split(20)]
        return np.concatenate(rows)


def square_root(matrix: np.ndarray) -> np.ndarray:
    """Of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Squared distance of the means plus tr(A + B - 2 (A^1/2 B A^1/2)^1/2) of the covariances."""
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = square_root(a)
    cross = np.linalg.eigvalsh(root @ b @ root)
    gap = first.mean(0) - second.mean(0)
    return float(gap @ gap + np.trace(a) + np.trace(b) - 2 * np.sqrt(np.maximum(cross, 0)).sum())
