# SPDX-License-Identifier: BSD-2-Clause
"""Training loss: rebalanced soft cross-entropy, the safe mean's distance, evenness of the vivid mean; on request the
pictures of the safe and the default read-out, judged as the evaluation judges them and by what an ImageNet network sees
in them."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .bins import Bins
from .color import lab_to_srgb
from .critic import Critic, doubt
from .data import AB_SCALE, Batch
from .inference import depart
from .metrics import colorfulness
from .perception import Perception

# Mean square error of sRGB below which a picture gains nothing: what chroma at 1/4 size cannot have anyway.
ERROR_FLOOR = 3e-4


@dataclass(frozen=True)
class LossWeights:
    mean: float = 8.0
    even: float = 2.0
    hint: float = 4.0  # extra weight of cells that hold a hint
    safe: float = 0.0  # log error (its PSNR, that is) of each picture at the safe read-out
    default: float = 0.0  # the same at the default read-out,
    color: float = 1.0  # with so much for what its pictures lack of the truth's colourfulness,
    smooth: float = 0.0  # for the error of its differences between neighbouring cells,
    seen: float = 0.0  # for how far they are from the truth in the eyes of an ImageNet network,
    real: float = 0.0  # and for how well a critic tells them from the truth by what that network sees


Pair = tuple[list[Tensor], list[Tensor]]


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


def differences(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]


def painted(scaled: Tensor, light: Tensor, size: int) -> Tensor:
    """sRGB at 1/size of the crop, from chroma [B,h,w,2] at 1/4 over AB_SCALE."""
    ab = AB_SCALE * scaled.permute(0, 3, 1, 2)
    if size < 4:
        ab = F.interpolate(ab, scale_factor=4 / size, mode="bilinear", align_corners=False)
    return lab_to_srgb(torch.cat([F.avg_pool2d(light, size), ab], 1))


def picture_loss(scaled: Tensor, truth: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Chroma and its truth [B,h,w,2], over AB_SCALE, as pictures at 1/4 size: the mean log of their square errors, and what
    they lack of the truth's colourfulness, over that colourfulness. More colour than the truth has earns nothing: the
    logarithm would forgive it where the error is large already."""
    mine, theirs = painted(scaled, batch.light, 4), painted(truth, batch.light, 4)
    error = ((mine - theirs).square().mean((1, 2, 3)) + ERROR_FLOOR).log().mean()
    wanted = colorfulness(theirs)
    return error, (wanted - colorfulness(mine)).relu().sum() / wanted.sum().clamp(min=1e-3)


def color_loss(logits: Tensor, residual: Tensor, batch: Batch, bins: Bins, weights: LossWeights,
               perception: Perception | None = None, critic: Critic | None = None) -> tuple[dict[str, Tensor], Pair]:
    """logits [B,Q,h,w] and residual [B,5,h,w] at 1/4 against the batch's chroma. Returns 'loss' and its parts, and what
    the ImageNet network saw in the pictures and in the photographs, for a critic to learn from."""
    pair: Pair = ([], [])
    b, q, h, w = logits.shape
    truth = F.avg_pool2d(batch.ab, 4).permute(0, 2, 3, 1) / AB_SCALE
    hinted = F.max_pool2d(batch.hinted, 4).permute(0, 2, 3, 1)
    flat = logits.float().permute(0, 2, 3, 1).reshape(-1, q)
    departure = residual.float().permute(0, 2, 3, 1)
    extra = departure[..., :2]
    emphasis = 1 + weights.hint * hinted.reshape(-1)
    rebalance = bins.log_weight.exp()

    # Columns: mean and sum of the rebalanced distribution, then of the data's own, which dividing the class weights out
    # restores.
    ones = torch.ones(q, 1, device=flat.device)
    scaled = bins.centers / AB_SCALE
    own = torch.cat([scaled, ones], 1) / rebalance[:, None]
    sums, top = ExpectedColor.apply(flat, torch.cat([scaled, ones, own], 1))

    index, amount = bins.encode(AB_SCALE * truth.reshape(-1, 2))
    rare = (rebalance[index] * amount).sum(1)
    entropy = top[:, 0] + sums[:, 2].log() - (flat.gather(1, index) * amount).sum(1)
    scale = rare * emphasis
    cross = (entropy * scale).sum() / scale.sum()

    center = (sums[:, 3:5] / sums[:, 5:6]).view(b, h, w, 2)
    mean = center + extra
    apart = F.smooth_l1_loss(mean, truth, beta=0.1, reduction="none").sum(3).reshape(-1)
    distance = (apart * emphasis).sum() / emphasis.sum()
    loss = cross + weights.mean * distance
    parts = {"cross": cross, "mean": distance}

    if weights.even:
        vivid = (sums[:, :2] / sums[:, 2:3]).view(b, h, w, 2) + extra
        down, across = differences(vivid - truth)
        parts["even"] = down.abs().mean() + across.abs().mean()
        loss = loss + weights.even * parts["even"]
    if weights.safe:
        parts["safe"], _ = picture_loss(mean, truth, batch)
        loss = loss + weights.safe * parts["safe"]
    if weights.default:
        usual = depart(center, departure, 1.0)
        parts["default"], parts["pale"] = picture_loss(usual, truth, batch)
        down, across = differences(usual - truth)
        parts["smooth"] = down.abs().mean() + across.abs().mean()
        part = parts["default"] + weights.color * parts["pale"] + weights.smooth * parts["smooth"]
        if perception is not None:
            found, wanted = perception.features(painted(usual, batch.light, 2), painted(truth, batch.light, 2))
            parts["seen"] = perception(found, wanted)
            part = part + weights.seen * parts["seen"]
            if critic is not None:
                parts["real"] = doubt(critic, found, wanted)
                part = part + weights.real * parts["real"]
            pair = [f.detach() for f in found], wanted
        loss = loss + weights.default * part
    return {"loss": loss, **{k: v.detach() for k, v in parts.items()}}, pair
