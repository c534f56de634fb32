# SPDX-License-Identifier: BSD-2-Clause
"""Batches made on the device: random crops out of a store, old-film degradation of the input, colour hints."""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .color import LUMA, lightness, linear_to_lab, srgb_to_linear
from .store import Store

AB_SCALE = 110.0
HINT_MAX = 30  # patches a photo
HINT_SIDE = 9  # pixels


@dataclass
class Batch:
    input: Tensor  # [B, 4, S, S]
    light: Tensor  # [B, 1, S, S] the clean crop's L
    ab: Tensor  # [B, 2, S, S] its chroma
    hinted: Tensor  # [B, 1, S, S] 1 where a hint lies


class Sampler:
    """Draws batches from a store that lies on the device."""

    def __init__(self, store: Store, device: torch.device, seed: int) -> None:
        self.store = store
        self.device = device
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.order = torch.empty(0, dtype=torch.long, device=device)

    def rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator, device=self.device)

    def randn(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device)

    def uniform(self, lo: float, hi: float, *shape: int) -> Tensor:
        return lo + (hi - lo) * self.rand(*shape)

    def chance(self, p: float, batch: int) -> Tensor:
        """A 0/1 switch a photo, broadcast over an image."""
        return (self.rand(batch, 1, 1, 1) < p).float()

    def draw(self, batch: int) -> Tensor:
        """Photo numbers, every photo once before any comes again."""
        while self.order.numel() < batch:
            fresh = torch.randperm(len(self.store), generator=self.generator, device=self.device)
            self.order = torch.cat([self.order, fresh])
        chosen, self.order = self.order[:batch], self.order[batch:]
        return chosen

    def crops(self, photos: Tensor, size: int, zoom: float) -> Tensor:
        """Random crops as linear-interpolated sRGB in 0..1, [B, 3, size, size]. A crop covers between 1/zoom of the
        short side and all of it; its aspect is stretched by up to 12 %, and half are mirrored."""
        b = photos.numel()
        width, height = self.store.width[photos].float(), self.store.height[photos].float()
        short = torch.minimum(width, height)
        side = short * self.uniform(1 / zoom, 1.0, b)
        aspect = torch.exp(self.uniform(-0.12, 0.12, b))
        crop_w, crop_h = torch.minimum(side * aspect, width), torch.minimum(side / aspect, height)
        x0, y0 = self.rand(b) * (width - crop_w), self.rand(b) * (height - crop_h)
        step = (torch.arange(size, device=self.device) + 0.5) / size
        across = torch.where(self.rand(b, 1) < 0.5, step[None], 1 - step[None])
        xs = x0[:, None] + across * crop_w[:, None] - 0.5
        ys = y0[:, None] + step[None] * crop_h[:, None] - 0.5
        base = self.store.offset[photos][:, None, None]
        stride = self.store.width[photos][:, None, None]

        def corners(at: Tensor, limit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            low = at.floor().clamp(min=0)
            fraction = (at - low).clamp(0, 1)
            top = (limit - 1)[:, None]
            return torch.minimum(low, top).long(), torch.minimum(low + 1, top).long(), fraction

        xa, xb, fx = corners(xs, width)
        ya, yb, fy = corners(ys, height)
        fx, fy = fx[:, None, :, None], fy[:, :, None, None]

        def take(y: Tensor, x: Tensor) -> Tensor:
            flat = base + y[:, :, None] * stride + x[:, None, :]
            return self.store.pixels[flat.reshape(-1)].view(b, size, size, 3).float()

        def row(y: Tensor) -> Tensor:
            left = take(y, xa)
            return left + (take(y, xb) - left) * fx

        upper = row(ya)
        rgb = upper + (row(yb) - upper) * fy
        return (rgb / 255).permute(0, 3, 1, 2).contiguous()

    def batch(self, size: int, count: int, zoom: float, old: float, hints: float) -> Batch:
        """`old` is the share of degraded inputs, `hints` that of hinted ones."""
        linear = srgb_to_linear(self.crops(self.draw(count), size, zoom))
        lab = linear_to_lab(linear)
        gray = lab[:, :1] / 100
        switch = self.chance(old, count)
        chosen = switch.view(-1).nonzero().view(-1)
        if chosen.numel():
            gray = gray.index_copy(0, chosen, self.degrade(linear[chosen]))
        ab = lab[:, 1:]
        mask, hint = self.hints(ab, hints)
        x = torch.cat([gray * 2 - 1, hint / AB_SCALE, mask], 1)
        return Batch(x.contiguous(memory_format=torch.channels_last), lab[:, :1], ab, mask)

    # Old photographs -------------------------------------------------------------------------------------------

    def film(self, linear: Tensor) -> Tensor:
        """L/100 as an orthochromatic plate sees it: blind to red, keen on blue, by a random amount."""
        b = linear.shape[0]
        luma = torch.tensor(LUMA, device=self.device).view(1, 3)
        ortho = torch.cat([self.uniform(0.0, 0.12, b, 1), self.uniform(0.3, 0.6, b, 1),
                           self.uniform(0.3, 0.6, b, 1)], 1)
        ortho = ortho / ortho.sum(1, keepdim=True)
        amount = self.rand(b, 1) * (self.rand(b, 1) < 0.4).float()
        mix = luma + (ortho - luma) * amount
        return lightness((linear * mix[:, :, None, None]).sum(1, keepdim=True)) / 100

    def blur(self, x: Tensor, radius: float) -> Tensor:
        reach = max(1, math.ceil(2.5 * radius))
        t = torch.arange(-reach, reach + 1, device=self.device, dtype=torch.float32)
        k = torch.exp(-0.5 * (t / radius) ** 2)
        k = k / k.sum()
        x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
        return F.conv2d(F.conv2d(x, k.view(1, 1, 1, -1)), k.view(1, 1, -1, 1))

    def jpeg(self, x: Tensor) -> Tensor:
        """Coarse quantisation of 8x8 cosine blocks, harder for fine detail, as JPEG does it."""
        b, _, h, w = x.shape
        n = torch.arange(8, device=self.device, dtype=torch.float32)
        basis = torch.cos((2 * n[None] + 1) * n[:, None] * math.pi / 16) * 0.5
        basis[0] *= math.sqrt(0.5)
        blocks = x.view(b, h // 8, 8, w // 8, 8).permute(0, 1, 3, 2, 4)
        c = basis @ blocks @ basis.t()
        step = self.uniform(0.01, 0.1, b, 1, 1, 1, 1) * (1 + 0.5 * (n[:, None] + n[None]))
        c = (c / step).round() * step
        return (basis.t() @ c @ basis).permute(0, 1, 3, 2, 4).reshape(b, 1, h, w)

    def degrade(self, linear: Tensor) -> Tensor:
        """Clean linear RGB -> the L/100 of an old, scanned, compressed photograph of it."""
        b, _, h, w = linear.shape
        x = self.film(linear)
        radius = float(self.uniform(0.5, 2.0, 1) * min(h, w) / 192)
        x = x + self.chance(0.4, b) * self.rand(b, 1, 1, 1) * (self.blur(x, max(radius, 0.4)) - x)
        small = F.interpolate(x, scale_factor=float(self.uniform(0.35, 0.8, 1)), mode="bilinear",
                              align_corners=False)
        small = F.interpolate(small, size=(h, w), mode="bilinear", align_corners=False)
        x = x + self.chance(0.25, b) * (small - x)
        gamma = torch.exp(self.uniform(-0.45, 0.45, b, 1, 1, 1) * self.chance(0.6, b))
        x = x.clamp(1e-4, 1) ** gamma
        fade = self.chance(0.5, b)
        black = self.uniform(0.0, 0.3, b, 1, 1, 1) * fade
        white = 1 - self.uniform(0.0, 0.3, b, 1, 1, 1) * fade
        x = black + (white - black) * x
        ys = torch.linspace(-1, 1, h, device=self.device).view(1, 1, -1, 1)
        xs = torch.linspace(-1, 1, w, device=self.device).view(1, 1, 1, -1)
        centre_x, centre_y = self.uniform(-0.3, 0.3, b, 1, 1, 1), self.uniform(-0.3, 0.3, b, 1, 1, 1)
        distance = (xs - centre_x) ** 2 + (ys - centre_y) ** 2
        x = x * (1 - self.chance(0.25, b) * self.uniform(0.05, 0.3, b, 1, 1, 1) * distance)
        noise = self.randn(b, 1, h, w)
        coarse = self.blur(noise, 0.7) * 2.2
        grain = noise + self.chance(0.5, b) * (coarse - noise)
        x = x + self.chance(0.6, b) * 0.06 * self.rand(b, 1, 1, 1) ** 2 * grain
        if h % 8 == 0 and w % 8 == 0:
            x = x + self.chance(0.35, b) * (self.jpeg(x) - x)
        return x.clamp(0, 1)

    # Hints -----------------------------------------------------------------------------------------------------

    def hints(self, ab: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Mask [B,1,S,S] and masked chroma [B,2,S,S]: patches of 1 to 9 pixels a side holding their mean chroma."""
        b, _, h, w = ab.shape
        # Log-uniform number of patches: one hint is as common a wish as twenty.
        number = torch.exp(self.rand(b) * math.log(HINT_MAX + 0.99)).floor() * (self.rand(b) < share).float()
        active = torch.arange(HINT_MAX, device=self.device)[None] < number[:, None]
        side = (1 + self.rand(b, HINT_MAX) * HINT_SIDE).floor().clamp(max=HINT_SIDE)
        y0 = (self.rand(b, HINT_MAX) * (h - side)).floor()
        x0 = (self.rand(b, HINT_MAX) * (w - side)).floor()
        reach = torch.arange(HINT_SIDE, device=self.device)
        inside = reach[None, None] < side[..., None]
        inside = inside[..., :, None] & inside[..., None, :] & active[..., None, None]
        ys = (y0[..., None].long() + reach).clamp(max=h - 1)
        xs = (x0[..., None].long() + reach).clamp(max=w - 1)
        flat = (ys[..., :, None] * w + xs[..., None, :]).reshape(b, -1)
        weight = inside.reshape(b, -1).float()
        # Pixels outside a patch go to one spare cell past the image's end.
        place = torch.where(weight > 0, flat, torch.full_like(flat, h * w))
        mask = torch.zeros(b, h * w + 1, device=self.device).scatter_(1, place, 1.0)
        planes = []
        for c in range(2):
            value = ab[:, c].reshape(b, -1).gather(1, flat) * weight
            value = value.view(b, HINT_MAX, -1)
            mean = value.sum(2) / weight.view(b, HINT_MAX, -1).sum(2).clamp(min=1)
            spread = mean[..., None].expand_as(value).reshape(b, -1)
            planes.append(torch.zeros(b, h * w + 1, device=self.device).scatter_(1, place, spread))
        mask = mask[:, :-1].view(b, 1, h, w)
        hint = torch.stack([p[:, :-1].view(b, h, w) for p in planes], 1)
        return mask, hint * mask
