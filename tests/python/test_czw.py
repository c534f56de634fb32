# SPDX-License-Identifier: BSD-2-Clause
"""The Python reader, writer, shape rules and dump. With COLORIZER_BUILD naming a build folder also: both readers
agree on every named bad file of the C test."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import czw  # noqa: E402
import czw_shapes  # noqa: E402

STATUS = {-4: "FORMAT", -5: "VERSION", -6: "CHECKSUM", -7: "MODEL"}


def small() -> czw.Model:
    rng = np.random.default_rng(1)
    m = czw.Model()
    x = m.input("image", (1, 0, 0, 4), multiple=4)
    w = m.constant("w", rng.normal(size=(8, 3, 3, 4)), dtype="f16")
    b = m.constant("b", rng.normal(size=8))
    q = m.constant("q", rng.normal(size=(6, 1, 1, 8)), dtype="i8")
    y = m.op("conv2d", [x, w, b], name="conv", stride_h=2, stride_w=2, pad_top=1, pad_left=1, act="relu6")
    z = m.op("linear", [y, q], act="gelu")
    n = m.op("layer_norm", [z])
    m.output("logits", m.op("softmax", [n], name="share", temperature=0.5))
    m.metadata["name"] = "small \u00e4\u20ac"
    m.metadata["note"] = ""
    return m


def same(a: czw.Model, b: czw.Model) -> bool:
    return (a.inputs == b.inputs and a.operators == b.operators and a.outputs == b.outputs and a.metadata == b.metadata
            and len(a.constants) == len(b.constants)
            and all(p.name == q.name and p.dtype == q.dtype and p.data.shape == q.data.shape
                    and np.array_equal(p.values(), q.values()) for p, q in zip(a.constants, b.constants)))


def test_round_trip(tmp_path: Path) -> None:
    m = small()
    path = tmp_path / "m.czw"
    m.write(path)
    data = path.read_bytes()
    assert same(czw.read(path), m)
    assert czw.decode(data).to_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == ["m.czw"]


def test_no_constants() -> None:
    m = czw.Model()
    m.output("y", m.op("activation", [m.input("x", (1, 3, 5, 2))], act="relu"))
    data = m.to_bytes()
    assert len(data) % 64 == 0 and same(czw.decode(data), m)


def test_int8_error_is_half_a_step() -> None:
    values = np.random.default_rng(2).normal(size=(5, 3, 3, 7)).astype(np.float32)
    values[3] = 0
    m = czw.Model()
    m.constant("q", values, dtype="i8")
    error = np.abs(m.constants[0].values() - values).max(axis=(1, 2, 3))
    assert (error <= np.abs(values).max(axis=(1, 2, 3)) / 127 * 0.5001).all()


@pytest.mark.parametrize("call", [
    lambda m, x: m.op("conv2d", [x]),
    lambda m, x: m.op("activation", [x, x]),
    lambda m, x: m.op("activation", [x], slope=1),
    lambda m, x: m.op("activation", [x], act=9),
    lambda m, x: m.op("activation", [x], act_p0=float("nan")),
    lambda m, x: m.op("softmax", [x], axis=1.5),
    lambda m, x: m.op("attention", [x, x, x], heads=2),
    lambda m, x: m.output("y", x),
    lambda m, x: m.constant("c", [np.inf]),
    lambda m, x: m.constant("c", [1e6], dtype="f16"),
])
def test_builder_refuses(call) -> None:  # type: ignore[no-untyped-def]
    m = czw.Model()
    x = m.input("x", (1, 0, 0, 4))
    with pytest.raises(ValueError):
        call(m, x)


def test_every_truncation_is_refused() -> None:
    data = small().to_bytes()
    for n in range(len(data)):
        with pytest.raises(czw.FormatError):
            czw.decode(data[:n])


def test_every_changed_byte_is_refused() -> None:
    data = small().to_bytes()
    for i in range(len(data)):
        with pytest.raises(czw.FormatError):
            czw.decode(data[:i] + bytes([data[i] ^ 0x41]) + data[i + 1:])


def test_agrees_with_c_on_bad_files(tmp_path: Path) -> None:
    binary = Path(os.environ.get("COLORIZER_BUILD", ""), "tests", "test_format")
    if not binary.is_file():
        pytest.skip("COLORIZER_BUILD does not name a build folder with tests/test_format (scripts/test sets it)")
    subprocess.run([str(binary), "--write", str(tmp_path)], check=True)
    rows = (tmp_path / "list.txt").read_text().split("\n")[:-1]
    assert len(rows) >= 60
    wrong = []
    for row in rows:
        name, status = row.split()
        try:
            czw_shapes.infer(czw.read(tmp_path / f"{name}.czw"))
            got = "accepted"
        except czw.FormatError as e:
            got = e.code
        if got != STATUS[int(status)]:
            wrong.append(f"{name}: {got}, not {STATUS[int(status)]}")
    assert not wrong


def test_shapes() -> None:
    m = small()
    shapes = czw_shapes.infer(m, (8, 12))
    assert shapes[czw.Tensor("operator", 0)] == (1, 4, 6, 8)
    assert shapes[m.outputs[0].tensor] == (1, 4, 6, 6)
    with pytest.raises(czw.FormatError, match="multiple of 4"):
        czw_shapes.infer(m, (8, 10))


def test_every_operator_has_a_rule() -> None:
    assert set(czw_shapes.RULES) == set(czw.OPS)


def dump(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(TOOLS / "czw-dump"), *arguments], capture_output=True, text=True,
                          env={**os.environ, "PYTHONIOENCODING": "utf-8"})


def test_dump(tmp_path: Path) -> None:
    path = str(tmp_path / "m.czw")
    small().write(path)
    out = dump(path, "--size", "8x12")
    assert out.returncode == 0
    lines = out.stdout.splitlines()
    assert lines[2] == "344 parameters: 288 f16, 8 f32, 48 i8"
    assert "name: small \u00e4\u20ac" in lines
    assert "input image [1,?,?,4], multiples of 4" in lines
    conv = next(line for line in lines if "conv2d" in line)
    assert "conv = conv2d(image, w:f16[8,3,3,4], b:f32[1,1,1,8]) stride_h=2 stride_w=2" in conv
    assert "act=clamp act_p1=6  296 parameters  -> [1,4,6,8]" in conv
    assert "0.007 M multiply-adds" in conv  # 4 * 6 * 288
    assert "dilation" not in out.stdout
    assert lines[-2] == "output logits = share [1,4,6,6]"
    assert "output logits = share" in dump(path).stdout


@pytest.mark.parametrize("channels, told", [(2, True), (5, False)])
def test_dump_tells_that_vividness_does_nothing(tmp_path: Path, channels: int, told: bool) -> None:
    m = small()
    kernel = m.constant("k", np.zeros((channels, 1, 1, 4)))
    m.output("residual", m.op("conv2d", [czw.Tensor("input", 0), kernel]))
    m.write(tmp_path / "m.czw")
    assert ("vividness changes nothing" in dump(str(tmp_path / "m.czw")).stdout) == told


def test_dump_into_a_closed_pipe(tmp_path: Path) -> None:
    """As "czw-dump FILE | head" ends it: without a word."""
    small().write(tmp_path / "m.czw")
    reader, writer = os.pipe()
    os.close(reader)
    out = subprocess.run([sys.executable, str(TOOLS / "czw-dump"), str(tmp_path / "m.czw")], stdout=writer,
                         stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (out.returncode, out.stderr) == (-signal.SIGPIPE, "")


def test_dump_refuses(tmp_path: Path) -> None:
    path = tmp_path / "m.czw"
    path.write_bytes(small().to_bytes()[:-1])
    out = dump(str(path))
    assert out.returncode == 1 and "file_size" in out.stderr and out.stdout == ""
    assert dump(str(tmp_path / "absent.czw")).returncode == 1
