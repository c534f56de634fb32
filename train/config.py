# SPDX-License-Identifier: BSD-2-Clause
"""One TOML file a run. Paths in it are relative to the working directory."""
from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .losses import LossWeights
from .network import Architecture


@dataclass(frozen=True)
class Phase:
    """A stretch of the schedule: which sets (a name, or several joined by "+", taken in turn), at which crop size, for
    which share of the run."""

    data: str
    size: int
    batch: int
    share: float
    zoom: float = 1.5  # crops cover at least 1/zoom of a photo's short side


@dataclass(frozen=True)
class Config:
    name: str
    data: str
    phases: list[Phase]
    minutes: float = 0.0  # the budget: minutes of training, or, where that is 0, steps
    steps: int = 0
    rate: float = 1e-3
    encoder_rate: float = 2e-4
    decay: float = 0.02
    warmup: float = 0.02  # share of the run
    final: float = 0.01  # of the rate, at the end
    critic_rate: float = 5e-4
    clip: float = 2.0
    ema: float = 0.998
    old: float = 0.5  # share of inputs degraded like old photographs
    hints: float = 0.5  # share of inputs with colour hints
    freeze: int = 0  # leading encoder blocks (and the stem) kept as ImageNet left them
    pretrained: bool = True
    init: str = ""  # a weights.npz or .czw to begin from, with its chroma bins, in place of the ImageNet weights
    histogram_photos: int = 4000
    balance: float = 0.5  # lambda of the class-rebalancing weights; 1 would be no rebalancing
    min_share: float = 1e-5
    max_weight: float = 12.0
    threads: int = 0
    compile: bool = False
    seed: int = 1
    limit: int = 0  # photos a set; 0 takes all
    checkpoint_seconds: float = 120.0
    report_seconds: float = 10.0
    architecture: Architecture = field(default_factory=Architecture)
    loss: LossWeights = field(default_factory=LossWeights)
    runs: str = "train/runs"

    @property
    def folder(self) -> Path:
        return Path(self.runs) / self.name

    def phase_at(self, progress: float) -> int:
        total = sum(p.share for p in self.phases)
        end = 0.0
        for i, phase in enumerate(self.phases):
            end += phase.share / total
            if progress < end:
                return i
        return len(self.phases) - 1


def parse(table: dict[str, Any]) -> Config:
    table = dict(table)
    table["phases"] = [Phase(**p) for p in table["phases"]]
    table["architecture"] = Architecture(**table.get("architecture", {}))
    table["loss"] = LossWeights(**table.get("loss", {}))
    return Config(**table)


def read_table(path: Path) -> dict[str, Any]:
    """The file's table; `extends` names a file beside it whose keys it takes where it has none of its own, in
    `architecture` too."""
    with open(path, "rb") as f:
        table = tomllib.load(f)
    if "extends" in table:
        base = read_table(path.parent / table.pop("extends"))
        architecture = {**base.get("architecture", {}), **table.get("architecture", {})}
        table = {**base, **table, "architecture": architecture}
    return table


def load(path: Path) -> Config:
    return parse(read_table(path))
