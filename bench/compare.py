# SPDX-License-Identifier: BSD-2-Clause
"""Runs networks on this library and on other engines, in turn, and prints who is how fast: use bench/compare.

Each engine runs each network in a process of its own. They take turns, A B C A B C, so that whatever else the machine
does hits all; a ratio is taken within a round, and its spread is over the rounds."""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Sequence

from engines import INTEGERS_FILE

ROOT = Path(__file__).resolve().parents[1]
OURS, INTEGERS = "ours", "ours-int8"
PEERS = ("onnxruntime", "ncnn", "pytorch")


class Engine:
    """One process of engines.py."""

    def __init__(self, name: str, folder: Path, threads: int) -> None:
        self.name = name
        self.rounds: list[list[float]] = []
        self.process = subprocess.Popen([sys.executable, str(ROOT / "bench" / "engines.py"), name, str(folder),
                                         str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)
        self.first = self.read()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        return dict(json.loads(line))

    def turn(self, seconds: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        self.rounds.append(self.read()["ms"])

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Row:
    """One engine on one network with one number of threads; times in milliseconds."""

    network: str
    threads: int
    engine: str
    version: str
    least: float
    median: float
    rounds: list[float] = field(repr=False)  # the least of each
    gflop: float
    load: float
    first: float
    memory: float
    error: float

    @property
    def rate(self) -> float:
        return 1e3 * self.gflop / self.least


def measure(folder: Path, threads: int, names: Sequence[str], rounds: int, seconds: float) -> list[Row]:
    gflop = json.loads((folder / "net.json").read_text())["flops"] / 1e9
    engines: list[Engine] = []
    try:
        for name in names:
            if name == INTEGERS and not (folder / INTEGERS_FILE).exists():
                continue  # the network is in f32
            try:
                engines.append(Engine(name, folder, threads))
            except RuntimeError as e:
                print(f"{folder.name}: {e}: left out", file=sys.stderr)
        for i in range(rounds):
            for engine in engines:
                print(f"\r{folder.name}, {threads} threads: round {i + 1} of {rounds}, {engine.name:12}", end="",
                      file=sys.stderr)
                time.sleep(0.05)
                engine.turn(seconds)
        print("\r" + 70 * " " + "\r", end="", file=sys.stderr)
    finally:
        for engine in engines:
            engine.close()
    return [Row(folder.name, threads, e.name, e.first["version"], min(ms for r in e.rounds for ms in r),
                median(ms for r in e.rounds for ms in r), [min(r) for r in e.rounds], gflop, e.first["load_ms"],
                e.first["first_ms"], e.first["memory_mib"], e.first["error"]) for e in engines]


def ratios(rows: list[Row], engine: str = OURS) -> tuple[str, list[float]] | None:
    """The best peer and, a round, its time over ours; `engine` is one of ours."""
    mine = [r for r in rows if r.engine == engine]
    peers = [r for r in rows if r.engine not in (OURS, INTEGERS)]
    if not mine or not peers:
        return None
    best = min(peers, key=lambda r: r.least)
    return best.version, sorted(p / m for p, m in zip(best.rounds, mine[0].rounds))


def peak(threads: int, binary: Path) -> float:
    """GFLOP/s of fused multiply-adds alone, as bench_kernels measures it, best instruction set."""
    text = subprocess.run([str(binary), "peak"], check=True, capture_output=True, text=True).stdout
    return threads * max(float(line.split()[-2]) for line in text.splitlines())


def table(rows: list[Row], top: float) -> str:
    lines = [f"{rows[0].network}, {rows[0].gflop:.1f} GFLOP, {rows[0].threads} thread{'s' * (rows[0].threads > 1)}",
             f"{'engine':22}{'least ms':>10}{'median':>10}{'GFLOP/s':>9}{'peak':>6}{'MiB':>7}{'load ms':>9}"
             f"{'first ms':>10}{'error':>10}"]
    for r in rows:
        lines.append(f"{r.version:22}{r.least:10.2f}{r.median:10.2f}{r.rate:9.1f}{100 * r.rate / top:5.0f}%"
                     f"{r.memory:7.0f}{r.load:9.0f}{r.first:10.0f}{r.error:10.1e}")
    for engine, how in ((OURS, ""), (INTEGERS, ", in integers")):
        found = ratios(rows, engine)
        if found is not None:
            name, values = found
            lines.append(f"  {median(values):.2f} times as fast as the best peer, {name}{how} "
                         f"({values[0]:.2f}-{values[-1]:.2f} over {len(values)} rounds)")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/compare", description=__doc__)
    parser.add_argument("networks", nargs="*", help="beside the built-in model: eccv16, siggraph17, deoldify, convnext "
                        "(architectures.py), or folders with net.json, weights.bin, model.onnx, ncnn.param, values")
    parser.add_argument("--engines", default=",".join((OURS, INTEGERS, *PEERS)))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one turn; one call at least")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "compare", help="where the built-in model's "
                        "folder is made")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "default.czw", help="instead of the built-in")
    parser.add_argument("--json", type=Path, help="writes every figure")
    parser.add_argument("--plot", type=Path, help="writes a bar plot")
    args = parser.parse_args()
    import architectures
    import networks
    import plots

    default = args.work / "default"
    print("==> preparing the networks", file=sys.stderr)
    networks.prepare_czw(args.model, default)
    everything: list[Row] = []
    tops: dict[int, float] = {}
    folders = [default]
    for name in args.networks:
        if name in architectures.NETWORKS:
            folders.append(args.work / name)
            networks.prepare_named(name, folders[-1])
        else:
            folders.append(Path(name))
            networks.prepare(folders[-1])
    for folder in folders:
        for threads in map(int, args.threads.split(",")):
            tops[threads] = tops.get(threads) or peak(threads, ROOT / "build" / "bench" / "bench_kernels")
            rows = measure(folder, threads, args.engines.split(","), args.rounds, args.seconds)
            everything += rows
            print(table(rows, tops[threads]) + "\n", flush=True)
    if args.json:
        args.json.write_text(json.dumps([{**vars(r), "peak": tops[r.threads]} for r in everything], indent=1) + "\n")
    if args.plot:
        plots.draw_compare([vars(r) for r in everything], args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
