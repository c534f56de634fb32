# SPDX-License-Identifier: BSD-2-Clause
"""Training loss: rebalanced soft cross-entropy, the safe mean's distance, evenness of the vivid mean; on request the
pictures of the safe and the default read-out, judged as the evaluation judges them."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .bins import Bins
from .color import lab_to_srgb
from .data import AB_SCALE, Batch
from .metrics import colorfulness

# The read-out (s, T) that the default vividness has come out near to; train.vividness still chooses it.
DEFAULT_READOUT = (0.15, 0.65)
# Mean square error of sRGB below which a picture gains nothing: what chroma at 1/4 size cannot have anyway.
ERROR_FLOOR = 3e-4


@dataclass(frozen=True)
class LossWeights:
    mean: float = 8.0
    even: float = 2.0
    hint: float = 4.0  # extra weight of cells that hold a hint
    safe: float = 0.0  # log error (its PSNR, that is) of each picture at the safe read-out
    default: float = 0.0  # the same at the default read-out,
    color: float = 1.0  # with so much for what its pictures lack of the truth's colourfulness


class ExpectedColor(torch.autograd.Function):
    """(logits [N, Q], basis [Q, K]) -> exp(logits - max) @ basis [N, K] and the logits' max [N, 1].

    Every softmax expectation of the loss is a quotient of such sums, so the exponential, by far the largest array of a
    training step, is made once, and its gradient in place. The max takes no gradient: it cancels in each quotient."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        top = logits.amax(1, keepdim=True)
        e = (logits - top).exp_()
        ctx.save_for_backward(e, basis)
        ctx.mark_non_differentiable(top)
        return e @ basis, top

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        e, basis = ctx.saved_tensors
        return (grad @ basis.t()).mul_(e), None


def picture_loss(scaled: Tensor, truth: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Chroma [B,h,w,2], over AB_SCALE, as pictures at 1/4 size: the mean log of their square errors, and what they lack of
    the truth's colourfulness, over that colourfulness. More colour than the truth has earns nothing: the logarithm would
    forgive it where the error is large already."""
    light = F.avg_pool2d(batch.light, 4)
    mine = lab_to_srgb(torch.cat([light, AB_SCALE * scaled.permute(0, 3, 1, 2)], 1))
    theirs = lab_to_srgb(torch.cat([light, truth.permute(0, 3, 1, 2)], 1))
    error = ((mine - theirs).square().mean((1, 2, 3)) + ERROR_FLOOR).log().mean()
    wanted = colorfulness(theirs)
    return error, (wanted - colorfulness(mine)).relu().sum() / wanted.sum().clamp(min=1e-3)


def color_loss(logits: Tensor, residual: Tensor, batch: Batch, bins: Bins, weights: LossWeights) -> dict[str, Tensor]:
    """logits [B,Q,h,w] and residual [B,2,h,w] at 1/4 against the batch's chroma. Returns 'loss' and its parts."""
    b, q, h, w = logits.shape
    truth = F.avg_pool2d(batch.ab, 4).permute(0, 2, 3, 1)
    hinted = F.max_pool2d(batch.hinted, 4).permute(0, 2, 3, 1)
    flat = logits.float().permute(0, 2, 3, 1).reshape(-1, q)
    extra = residual.float().permute(0, 2, 3, 1)
    emphasis = 1 + weights.hint * hinted.reshape(-1)
    rebalance = bins.log_weight.exp()

    # Columns: the vivid distribution's mean and sum, then those of the data's own distribution, which dividing the
    # class weights out restores.
    ones = torch.ones(q, 1, device=flat.device)
    vivid_basis = torch.cat([bins.centers / AB_SCALE, ones], 1)
    sums, top = ExpectedColor.apply(flat, torch.cat([vivid_basis, vivid_basis / rebalance[:, None]], 1))

    index, amount = bins.encode(truth.reshape(-1, 2))
    rare = (rebalance[index] * amount).sum(1)
    entropy = top[:, 0] + sums[:, 2].log() - (flat.gather(1, index) * amount).sum(1)
    scale = rare * emphasis
    cross = (entropy * scale).sum() / scale.sum()

    mean = (sums[:, 3:5] / sums[:, 5:6]).view(b, h, w, 2) + extra
    apart = F.smooth_l1_loss(mean, truth / AB_SCALE, beta=0.1, reduction="none").sum(3).reshape(-1)
    distance = (apart * emphasis).sum() / emphasis.sum()

    vivid = (sums[:, :2] / sums[:, 2:3]).view(b, h, w, 2) + extra
    error = vivid - truth / AB_SCALE
    even = (error[:, 1:] - error[:, :-1]).abs().mean() + (error[:, :, 1:] - error[:, :, :-1]).abs().mean()
    loss = cross + weights.mean * distance + weights.even * even
    parts = {"cross": cross.detach(), "mean": distance.detach(), "even": even.detach()}
    if weights.safe:
        parts["safe"], _ = picture_loss(mean, truth, batch)
        loss = loss + weights.safe * parts["safe"]
    if weights.default:
        s, t = DEFAULT_READOUT
        sums, _ = ExpectedColor.apply((flat - s * bins.log_weight) / t, vivid_basis)
        usual = (sums[:, :2] / sums[:, 2:3]).view(b, h, w, 2) + extra
        parts["default"], parts["pale"] = picture_loss(usual, truth, batch)
        loss = loss + weights.default * (parts["default"] + weights.color * parts["pale"])
    return {"loss": loss, **{k: v.detach() for k, v in parts.items()}}
