# SPDX-License-Identifier: BSD-2-Clause
"""One engine, one network, one number of threads, in a process of its own: bench/compare talks to it by lines of JSON.

    engines.py ENGINE FOLDER THREADS

FOLDER is one of compare.py's or of networks.py's. Answers: once {"load_ms", "first_ms", "memory_mib", "version"}, then
for each line read, a number of seconds, {"ms": [...]}, a time for each call. Waiting costs nothing: no engine keeps
spinning between turns."""
from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Run = Callable[[], Values]
ROOT = Path(__file__).resolve().parents[1]
INTEGERS_FILE = "integers.czw"


def peak_mib() -> float:
    """The most memory this process has had."""
    line = next(s for s in Path("/proc/self/status").read_text().splitlines() if s.startswith("VmHWM"))
    return float(line.split()[1]) / 1024


def inputs_of(folder: Path) -> dict[str, Values]:
    """By name, N C H W."""
    net = json.loads((folder / "net.json").read_text())
    return {i["name"]: np.fromfile(folder / (i["name"] + ".f32"), np.float32).reshape(i["shape"]) for i in net["inputs"]}


def outputs_of(folder: Path) -> list[str]:
    net = json.loads((folder / "net.json").read_text())
    return [str(name) for name in net.get("outputs", [net["output"]])]


# An engine's maker imports it, so that its code is not counted as the network's memory, and returns what loads a network.
Loader = Callable[[], Run]


def ours(folder: Path, threads: int, file: str = "model.czw") -> tuple[str, Loader]:
    sys.path.insert(0, str(ROOT / "tools"))
    import colorizer

    def load() -> Run:
        graph = colorizer.Graph(folder / file)
        graph.set("threads", threads)
        given = {k: np.ascontiguousarray(v.transpose(0, 2, 3, 1)) for k, v in inputs_of(folder).items()}
        outputs = graph.plan(given)
        name = outputs_of(folder)[0]
        return lambda: graph.run(given, outputs)[name].transpose(0, 3, 1, 2)

    return "libcolorizer", load


def ours_in_integers(folder: Path, threads: int) -> tuple[str, Loader]:
    """The file that computes in integers, where the network is one; model.czw has its weights in f32."""
    return "libcolorizer, int8", ours(folder, threads, INTEGERS_FILE)[1]


def onnx_runtime(folder: Path, threads: int) -> tuple[str, Loader]:
    import onnxruntime

    def load() -> Run:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.force_spinning_stop", "1")
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, ["CPUExecutionProvider"])
        given, wanted = inputs_of(folder), outputs_of(folder)
        return lambda: session.run(wanted, given)[0]  # type: ignore[no-any-return]

    return f"ONNX Runtime {onnxruntime.__version__}", load


def ncnn_engine(folder: Path, threads: int) -> tuple[str, Loader]:
    import ncnn

    def load() -> Run:
        net = ncnn.Net()
        net.opt.num_threads = threads
        # f32 throughout, as the others; with these ncnn would take 16-bit storage where the CPU has it
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.opt.use_bf16_storage = False
        net.load_param(str(folder / "ncnn.param"))
        net.load_model(str(folder / "ncnn.bin"))
        given = {name: ncnn.Mat(np.ascontiguousarray(v[0])).clone() for name, v in inputs_of(folder).items()}
        wanted = outputs_of(folder)

        def run() -> Values:
            extractor = net.create_extractor()
            for name, mat in given.items():
                extractor.input(name, mat)
            results = [extractor.extract(name) for name in wanted]
            if any(code != 0 for code, _ in results):
                raise RuntimeError("ncnn could not run the network")
            return np.array(results[0][1], np.float32)[None]

        return run

    return f"ncnn {ncnn.__version__}", load


def pytorch(folder: Path, threads: int) -> tuple[str, Loader]:
    import torch

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)

    def load() -> Run:
        module = torch.jit.freeze(torch.jit.load(str(folder / "torch.pt")).eval())
        module = torch.jit.optimize_for_inference(module)
        given = [torch.from_numpy(v) for v in inputs_of(folder).values()]

        def run() -> Values:
            with torch.no_grad():
                result = module(*given)
            return (result if isinstance(result, torch.Tensor) else result[0]).numpy()  # type: ignore[no-any-return]

        return run

    return f"PyTorch {torch.__version__}", load


ENGINES: dict[str, Callable[[Path, int], tuple[str, Loader]]] = {
    "ours": ours, "ours-int8": ours_in_integers, "onnxruntime": onnx_runtime, "ncnn": ncnn_engine, "pytorch": pytorch}


def relative_rms(got: Values, folder: Path) -> float:
    want = np.fromfile(folder / "out.f32", np.float32).astype(np.float64)
    error = np.ravel(got).astype(np.float64) - want
    return float(np.sqrt(np.square(error).mean() / np.square(want).mean()))


def answer(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    engine, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    version, load = ENGINES[engine](folder, threads)
    inputs_of(folder)  # read from the disk once, so that no engine waits for it
    before = peak_mib()
    start = time.perf_counter()
    run = load()
    loaded = time.perf_counter()
    result = run()
    first = time.perf_counter()
    run()
    answer({"version": version, "load_ms": 1e3 * (loaded - start), "first_ms": 1e3 * (first - loaded),
            "memory_mib": peak_mib() - before, "error": relative_rms(result, folder)})
    for line in sys.stdin:
        seconds = float(line)
        times: list[float] = []
        begin = time.perf_counter()
        while not times or time.perf_counter() - begin < seconds:
            start = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - start))
        answer({"ms": times})


if __name__ == "__main__":
    main()
