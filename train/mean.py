# SPDX-License-Identifier: BSD-2-Clause
"""The mean of several runs' weights, from one beginning: often better than each (Wortsman et al., "Model soups", 2022).

    python -m train.mean train/runs/default-more/weights.npz train/runs/default-last/weights.npz --out mean.npz
"""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Sequence

import numpy as np
import numpy.typing as npt


def mean(runs: Sequence[dict[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    """Of the arrays of weights.npz files; what is no weight or statistic is the last one's."""
    last = runs[-1]
    for other in runs[:-1]:
        for name in ("architecture", "color.bins", "color.log_weight"):
            if not np.array_equal(other[name], last[name]):
                raise SystemExit(f"the runs differ in {name}")
    return {name: np.mean([r[name] for r in runs], 0, np.float64).astype(a.dtype)
            if name.startswith("net.") and a.dtype.kind == "f" else a for name, a in last.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m train.mean", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+", help="weights.npz of each run")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    result = mean([dict(np.load(path)) for path in args.weights])
    partial = args.out.with_suffix(".part")
    with open(partial, "wb") as f:
        np.savez(f, **result)
    partial.replace(args.out)


if __name__ == "__main__":
    main()
