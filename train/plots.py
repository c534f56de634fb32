# SPDX-License-Identifier: BSD-2-Clause
"""The pictures of docs/model.md, from the figures that train.evaluate measured."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_vividness(rows: dict[str, dict[str, float]], path: Path) -> None:
    """PSNR against colourfulness: a line through the vividness rows, the baselines as points."""
    figure, axes = plt.subplots(figsize=(6, 4))
    vivid = [(name, row) for name, row in rows.items() if name.startswith("vividness")]
    axes.errorbar([r["colorfulness"] for _, r in vivid], [r["psnr"] for _, r in vivid],
                  [[r["psnr"] - r["psnr_low"] for _, r in vivid], [r["psnr_high"] - r["psnr"] for _, r in vivid]],
                  marker="o", capsize=3, label="built-in model, by vividness")
    for name, row in vivid:
        axes.annotate(name.split()[1], (row["colorfulness"], row["psnr"]), (6, 5), textcoords="offset points")
    for name, marker in (("gray", "s"), ("constant chroma", "^"), ("another's chroma", "x")):
        axes.plot(rows[name]["colorfulness"], rows[name]["psnr"], marker, color="gray", label=name)
    axes.axvline(1, color="lightgray", zorder=0)
    axes.set(xlabel="colourfulness, over the truth's", ylabel="PSNR, dB")
    axes.legend(loc="lower left")
    _save(figure, path)


def plot_reliability(curve: list[dict[str, float]], path: Path) -> None:
    """How often a colour was near the truth, against how sure the network said it was."""
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    axes.plot([0, 1], [0, 1], color="lightgray")
    axes.plot([c["confidence"] for c in curve], [c["right"] for c in curve], marker="o", label="measured")
    axes.bar([c["confidence"] for c in curve], [c["share"] for c in curve], 0.06, color="#cfe3f5",
             label="share of the pixels", zorder=0)
    axes.set(xlabel="confidence", ylabel="share of colours within 15 of the truth", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    _save(figure, path)
