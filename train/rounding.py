# SPDX-License-Identifier: BSD-2-Clause
"""Rounding to few bits with the least harm: ranges of activations, and weights by what they do to the outputs."""
from __future__ import annotations

import torch
from torch import Tensor

LEVELS = 255  # of u8 tensors, from 0 on
MOST = 127  # of a weight, on either side of 0
PAIR = 128  # of the sum of two weights that the library multiplies side by side: then two products fit 16 bits
SHRINK = [1 - k / 40 for k in range(24)]  # of a range: what lies outside is cut
DAMPING = 0.01  # of the mean of H's diagonal
SAMPLES = 1 << 18


def activation_range(x: Tensor) -> tuple[float, int]:
    """Scale and zero point of a tensor's u8: of all cuts of its range the one of least squared error."""
    flat = x.flatten()
    flat = flat[torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))[:SAMPLES]]
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 1e-6)
    best = (float("inf"), 1.0, 0)
    for below in SHRINK if low < 0 else SHRINK[:1]:
        for above in SHRINK:
            scale = (high * above - low * below) / LEVELS
            zero = round(-low * below / scale)
            error = float((to_u8(flat, scale, zero).sub_(zero).mul_(scale) - flat).square_().mean())
            best = min(best, (error, scale, zero))
    return best[1], best[2]


def to_u8(x: Tensor, scale: float, zero: int) -> Tensor:
    """What quantize makes of x, as f32."""
    return (x / scale + zero).clamp_(0, LEVELS).round_()


def partners(count: int, run: int) -> Tensor:
    """Of `count` weights, for each the number of the one that it is multiplied side by side with, or its own: of every
    `run`, 0 and 1 are, 2 and 3, ..."""
    at = torch.arange(count)
    other = at - at % run + (at % run ^ 1)
    return torch.where((other // run == at // run) & (other < count), other, at)


def row_scales(w: Tensor, weight: Tensor, run: int = 1) -> Tensor:
    """The scale of each row of w: least squared error with columns, or elements, weighted."""
    other = partners(w.shape[1], run)
    pair = torch.where(other == torch.arange(len(other)), 0.0, (w + w[:, other]).abs())
    top = torch.maximum(w.abs().amax(1) / MOST, pair.amax(1) / PAIR).clamp(min=1e-12)[:, None]
    best, scales = torch.full_like(top, float("inf")), top
    for shrink in SHRINK:
        scale = top * shrink
        q = (w / scale).round().clamp(-MOST, MOST)
        over = torch.where(pair > 0, (q + q[:, other]).abs() - PAIR, 0.0).clamp(min=0) / 2
        error = ((q - over * q.sign()) * scale - w).square().mul(weight).sum(1, keepdim=True)
        scales = torch.where(error < best, scale, scales)
        best = torch.minimum(best, error)
    return scales[:, 0]


def inverse_root(h: Tensor) -> Tensor:
    """The upper Cholesky factor of the inverse of h, damped; h is [..., K, K]."""
    diagonal = h.diagonal(dim1=-2, dim2=-1)
    damping = DAMPING * diagonal.mean(-1, keepdim=True) + 1e-10
    damped = h + torch.diag_embed(damping.expand_as(diagonal))
    root: Tensor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped))).mT
    return root


def round_rows(w: Tensor, h: Tensor, run: int = 1) -> tuple[Tensor, Tensor]:
    """Samples and scales of rows of weights [Cout, K] for inputs of second moments h [K, K], or [Cout, K, K] where
    each row has inputs of its own; `run` is that of partners(). Column by column; each one's error is taken out of the
    columns that follow, as far as their inputs go together (Frantar et al., "GPTQ", 2023)."""
    diagonal = h.diagonal(dim1=-2, dim2=-1)
    scales, other = row_scales(w, diagonal.expand_as(w) + 1e-12, run), partners(w.shape[1], run)
    order = diagonal.reshape(-1, w.shape[1]).mean(0).argsort(descending=True)
    root = inverse_root(h[..., order, :][..., order])
    left, samples = w[:, order].clone(), torch.zeros_like(w)
    for k, column in enumerate(order.tolist()):
        beside = samples[:, other[column]]  # 0 where it comes later
        q = torch.minimum(torch.maximum((left[:, k] / scales).round(), (-PAIR - beside).clamp(min=-MOST)),
                          (PAIR - beside).clamp(max=MOST))
        error = (left[:, k] - q * scales) / root[..., k, k]
        left[:, k:] -= error[:, None] * root[..., k, k:]
        samples[:, column] = q
    return samples, scales
