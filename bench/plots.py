#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The pictures of docs/performance.md.

    plots.py compare FIGURES.json PICTURE     figures of bench/compare --json
    plots.py photo TABLE.txt PICTURE          the table of bench_photo
"""
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

Row = dict[str, Any]


def save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_compare(rows: list[Row], path: Path) -> None:
    """Time over ours, a group of bars a network, one picture a number of threads beside the other."""
    threads = sorted({r["threads"] for r in rows})
    networks = list(dict.fromkeys(r["network"] for r in rows))
    engines = list(dict.fromkeys(r["engine"] for r in rows))
    names = {r["engine"]: r["version"] for r in rows}
    figure, plots = plt.subplots(1, len(threads), figsize=(5.5 * len(threads), 3.8), sharey=True, squeeze=False)
    for axes, count in zip(plots[0], threads):
        found = {(r["network"], r["engine"]): r["least"] for r in rows if r["threads"] == count}
        for k, engine in enumerate(engines):
            x = [i + (k - (len(engines) - 1) / 2) * 0.2 for i in range(len(networks))]
            heights = [found.get((n, engine), float("nan")) / found[n, "ours"] for n in networks]
            bars = axes.bar(x, heights, 0.19, label=names[engine])
            axes.bar_label(bars, [f"{found[n, engine]:.0f}" if (n, engine) in found else "" for n in networks], size=7)
        axes.axhline(1, color="gray", linewidth=0.6)
        axes.set_xticks(range(len(networks)), [n.removesuffix("_256") for n in networks], size=8)
        axes.set_title(f"{count} thread{'s' if count > 1 else ''} (milliseconds on the bars)", size=9)
    plots[0][0].set_ylabel("time over libcolorizer's")
    plots[0][0].legend(fontsize=8)
    save(figure, path)


def read_photo(text: str) -> list[Row]:
    """Megapixels, threads, least milliseconds and memory of each row."""
    rows = []
    for line in text.splitlines():
        words = line.replace(" x ", "x").split()
        if words and words[0][0].isdigit():
            rows.append({"mp": float(words[1]), "threads": int(words[2]), "ms": float(words[5]),
                         "mib": float(words[8])})
    return rows


def draw_photo(rows: list[Row], path: Path) -> None:
    figure, (times, memory) = plt.subplots(1, 2, figsize=(9, 3.4))
    for count in sorted({r["threads"] for r in rows}):
        mine = [r for r in rows if r["threads"] == count]
        label = f"{count} thread{'s' if count > 1 else ''}"
        times.plot([r["mp"] for r in mine], [r["ms"] for r in mine], marker="o", label=label)
        memory.plot([r["mp"] for r in mine], [r["mib"] for r in mine], marker="o", label=label)
    times.set_yscale("log")
    for axes, what in ((times, "milliseconds a photograph"), (memory, "MiB beyond the two pictures")):
        axes.set_xscale("log")
        axes.set_xlabel("megapixels")
        axes.set_ylabel(what)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    memory.set_ylim(bottom=0)
    save(figure, path)


def main() -> int:
    if len(sys.argv) != 4 or sys.argv[1] not in ("compare", "photo"):
        print(__doc__, file=sys.stderr)
        return 2
    source = Path(sys.argv[2]).read_text()
    if sys.argv[1] == "compare":
        draw_compare(json.loads(source), Path(sys.argv[3]))
    else:
        draw_photo(read_photo(source), Path(sys.argv[3]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
