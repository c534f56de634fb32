# SPDX-License-Identifier: BSD-2-Clause
"""A network that learns to tell the colour network's pictures from photographs, by what an ImageNet network sees in them
(Sauer, Chitta, Mueller, Geiger, "Projected GANs Converge Faster", 2021). Each picture is held against the very photograph
that it was made of (after Jolicoeur-Martineau, "The relativistic discriminator", 2018): they show the same things, so
colour is all that tells them apart."""
from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

WIDTH = 64
SCALE = 4.0  # of what it says at first; learned


class Critic(nn.Module):
    """Features at several scales, [B,channels,h,w] each -> how real each place of each looks."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            nn.Sequential(spectral_norm(nn.Conv2d(c, WIDTH, 1)), nn.LeakyReLU(0.2),
                          spectral_norm(nn.Conv2d(WIDTH, WIDTH, 3, padding=1)), nn.LeakyReLU(0.2),
                          spectral_norm(nn.Conv2d(WIDTH, 1, 1))) for c in channels)
        self.scale = nn.Parameter(torch.full((len(channels),), SCALE))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [scale * net(F.normalize(f, dim=1) * f.shape[1] ** 0.5)
                for net, f, scale in zip(self.scales, features, self.scale)]


def doubt(critic: Critic, first: list[Tensor], second: list[Tensor]) -> Tensor:
    """Low where the critic takes the first of each pair for the more real one; log 2 where it cannot tell."""
    pairs = zip(critic(first), critic(second))
    return torch.stack([F.softplus(b - a).mean() for a, b in pairs]).mean()


class Teacher:
    """A critic and how it learns. It is a constant in every other loss."""

    def __init__(self, channels: list[int], rate: float, device: torch.device) -> None:
        self.critic = Critic(channels).to(device).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=rate, betas=(0.5, 0.99))

    def step(self, pairs: list[tuple[list[Tensor], list[Tensor]]]) -> Tensor:
        """Learns from features of (pictures, photographs); returns its loss."""
        self.critic.train().requires_grad_(True)
        loss = torch.stack([doubt(self.critic, real, made) for made, real in pairs]).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.critic.eval().requires_grad_(False)
        return loss.detach()

    def state_dict(self) -> dict[str, object]:
        return {"critic": self.critic.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.critic.load_state_dict(state["critic"])
        self.optimizer.load_state_dict(state["optimizer"])
