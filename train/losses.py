# SPDX-License-Identifier: BSD-2-Clause
"""Training loss: rebalanced soft cross-entropy, the safe mean's distance, evenness of the vivid mean."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .bins import Bins
from .data import AB_SCALE, Batch


@dataclass(frozen=True)
class LossWeights:
    mean: float = 8.0
    even: float = 2.0
    hint: float = 4.0  # extra weight of cells that hold a hint


def color_loss(logits: Tensor, residual: Tensor, batch: Batch, bins: Bins, weights: LossWeights) -> dict[str, Tensor]:
    """logits [B,Q,h,w] and residual [B,2,h,w] at 1/4 against the batch's chroma. Returns 'loss' and its parts."""
    b, q, h, w = logits.shape
    truth = F.avg_pool2d(batch.ab, 4).permute(0, 2, 3, 1)
    hinted = F.max_pool2d(batch.hinted, 4).permute(0, 2, 3, 1)
    flat = logits.float().permute(0, 2, 3, 1).reshape(-1, q)
    extra = residual.float().permute(0, 2, 3, 1)
    emphasis = 1 + weights.hint * hinted.reshape(-1)

    index, amount = bins.encode(truth.reshape(-1, 2))
    log_p = flat.log_softmax(1)
    rare = (bins.log_weight.exp()[index] * amount).sum(1)
    entropy = -(log_p.gather(1, index) * amount).sum(1)
    scale = rare * emphasis
    cross = (entropy * scale).sum() / scale.sum()

    # Dividing the class weights out restores the data's own distribution, whose mean is the safest guess.
    unbiased = (flat - bins.log_weight).softmax(1)
    mean = (unbiased @ bins.centers / AB_SCALE).view(b, h, w, 2) + extra
    apart = F.smooth_l1_loss(mean, truth / AB_SCALE, beta=0.1, reduction="none").sum(3).reshape(-1)
    distance = (apart * emphasis).sum() / emphasis.sum()

    vivid = (log_p.exp() @ bins.centers / AB_SCALE).view(b, h, w, 2) + extra
    error = vivid - truth / AB_SCALE
    even = (error[:, 1:] - error[:, :-1]).abs().mean() + (error[:, :, 1:] - error[:, :, :-1]).abs().mean()
    loss = cross + weights.mean * distance + weights.even * even
    return {"loss": loss, "cross": cross.detach(), "mean": distance.detach(), "even": even.detach()}
