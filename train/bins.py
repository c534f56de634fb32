# SPDX-License-Identifier: BSD-2-Clause
"""Chroma bins: a grid over CIELAB ab, their shares of the training pixels, and soft encoding by table."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .color import srgb_to_lab
from .store import Store

STEP = 10
SIGMA = 5.0
NEIGHBOURS = 5
REACH = 120  # the table covers -REACH..REACH in both directions, one entry a unit


@dataclass
class Bins:
    centers: Tensor  # [Q, 2] float32
    log_weight: Tensor  # [Q] log of the class-rebalancing weight
    index: Tensor  # [n * n, NEIGHBOURS] int64: nearest bins of each ab unit
    amount: Tensor  # [n * n, NEIGHBOURS] float32: their Gaussian shares

    def to(self, device: torch.device) -> "Bins":
        return Bins(*(getattr(self, f).to(device) for f in ("centers", "log_weight", "index", "amount")))

    def encode(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """ab [..., 2] -> the nearest bins and their shares, each [..., NEIGHBOURS]."""
        cell = (ab + REACH).round().clamp(0, 2 * REACH).long()
        flat = cell[..., 0] * (2 * REACH + 1) + cell[..., 1]
        return self.index[flat], self.amount[flat]


def count_histogram(store: Store, photos: int, seed: int = 0) -> np.ndarray:
    """Counts of the photos' ab on a unit grid, from blocks of 4x4 pixels as the network predicts them."""
    n = 2 * REACH + 1
    counts = np.zeros((n, n))
    generator = torch.Generator().manual_seed(seed)
    for i in torch.randperm(len(store), generator=generator)[:photos].tolist():
        rgb = store.photo(i).permute(2, 0, 1).float() / 255
        ab = torch.nn.functional.avg_pool2d(srgb_to_lab(rgb)[1:][None], 4)[0]
        cell = (ab.flatten(1) + REACH).round().long().clamp(0, 2 * REACH)
        counts += torch.bincount(cell[0] * n + cell[1], minlength=n * n).view(n, n).numpy()
    return counts


def make_bins(counts: np.ndarray, lam: float, min_share: float, max_weight: float) -> Bins:
    n = 2 * REACH + 1
    grid = np.arange(-REACH + 10, REACH - 9, STEP, dtype=np.float64)
    axis = np.arange(-REACH, REACH + 1, dtype=np.float64)
    # Separable Gaussian from unit cells to grid points: the smoothed empirical distribution.
    kernel = np.exp(-0.5 * ((grid[:, None] - axis[None]) / SIGMA) ** 2)
    smooth = kernel @ (counts / counts.sum()) @ kernel.T
    smooth /= smooth.sum()
    # ab outside sRGB at every lightness never holds pixels, so the share test alone picks bins in gamut.
    kept = np.argwhere(smooth > min_share)
    centers = grid[kept]
    share = smooth[kept[:, 0], kept[:, 1]]
    share /= share.sum()
    weight = 1 / ((1 - lam) * share + lam / len(share))
    weight /= (weight * share).sum()
    weight = np.minimum(weight, max_weight)
    weight /= (weight * share).sum()
    return bins_around(centers, np.log(weight))


def bins_around(centers: np.ndarray, log_weight: np.ndarray) -> Bins:
    """Bins at those centers, with the table that encodes into them."""
    n = 2 * REACH + 1
    axis = np.arange(-REACH, REACH + 1, dtype=np.float64)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    index = np.empty((n * n, NEIGHBOURS), np.int64)
    amount = np.empty((n * n, NEIGHBOURS), np.float32)
    for start in range(0, n * n, 8192):
        part = points[start:start + 8192]
        d2 = ((part[:, None] - centers[None]) ** 2).sum(-1)
        near = np.argpartition(d2, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        d2 = np.take_along_axis(d2, near, 1)
        g = np.exp(-0.5 * (d2 - d2.min(1, keepdims=True)) / SIGMA**2)
        index[start:start + 8192] = near
        amount[start:start + 8192] = g / g.sum(1, keepdims=True)
    return Bins(torch.from_numpy(centers).float(), torch.from_numpy(log_weight).float(), torch.from_numpy(index),
                torch.from_numpy(amount))
