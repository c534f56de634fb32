# SPDX-License-Identifier: BSD-2-Clause
"""python -m train --config train/configs/default.toml [--resume]"""
from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from .config import load
from .trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint, if there is one")
    parser.add_argument("--minutes", type=float, help="another time budget than the file's")
    args = parser.parse_args()
    config = load(args.config)
    if args.minutes:
        config = dataclasses.replace(config, minutes=args.minutes)
    Trainer(config, args.resume).run()


if __name__ == "__main__":
    main()
