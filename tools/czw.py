# SPDX-License-Identifier: BSD-2-Clause
"""Reads and writes .czw models; docs/format.md is the specification.

    m = Model()
    x = m.input("image", (1, 0, 0, 4), multiple=32)
    w = m.constant("stem.w", weights, dtype="f16")          # [Cout, kh, kw, Cin / groups]
    y = m.op("conv2d", [x, w], stride_h=2, stride_w=2, act="relu6")
    m.output("logits", y)
    m.metadata["name"] = "an example"
    m.write("model.czw")
"""
from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Sequence, Union

import numpy as np
import numpy.typing as npt

OPS_DEF = Path(__file__).resolve().parent.parent / "lib" / "model" / "ops.def"

MAGIC = b"\x89CZW\r\n\x1a\n"
VERSION = 1
NO_TENSOR = 0xFFFFFFFF
MAX_INPUTS, ATTR_WORDS = 8, 16
MAX_ELEMENTS = 1 << 29
MAX_COUNTS = {"inputs": (1, 8), "constants": (0, 4096), "operators": (1, 4096), "outputs": (1, 64),
              "metadata": (0, 256), "string bytes": (0, 1 << 20)}
HEADER = struct.Struct("<8sIIQIIIIIIQII")
INPUT = struct.Struct("<8I")
CONSTANT = struct.Struct("<8IQQ")
OPERATOR = struct.Struct("<4I8I64s16x")
OUTPUT = METADATA = struct.Struct("<4I")
DTYPES = {"f32": 1, "f16": 2, "i8": 3}
SAMPLES: dict[str, npt.DTypeLike] = {"f32": np.dtype("<f4"), "f16": np.dtype("<f2"), "i8": np.dtype("i1")}

ACTIVATIONS = {"none": 0, "clamp": 1, "leaky_relu": 2, "hard_swish": 3, "silu": 4, "gelu": 5, "gelu_tanh": 6,
               "tanh": 7, "sigmoid": 8}
# names for what the numbers above express with parameters
SHORTHANDS: dict[str, tuple[int, float, float]] = {"relu": (2, 0.0, 0.0), "relu6": (1, 0.0, 6.0)}

# Attributes whose default is neither 0 nor, where 0 is out of range, 1; None: must be given.
DEFAULTS: dict[tuple[str, str], float | None] = {
    ("matmul", "alpha"): 1.0, ("layer_norm", "eps"): 1e-5, ("softmax", "axis"): 3, ("concat", "axis"): 3,
    ("attention", "heads"): None, ("attention", "scale"): None, ("pixel_shuffle", "factor"): None,
    ("pool2d", "kernel_h"): None, ("pool2d", "kernel_w"): None, ("slice", "axis"): None, ("slice", "end"): None,
    ("quantize", "scale"): None, ("conv2d_i8", "x_scale"): None,
    ("transpose", "axis1"): 1, ("transpose", "axis2"): 2, ("transpose", "axis3"): 3,
}


class FormatError(Exception):
    """A file or model that is not valid. `code` is FORMAT, VERSION, CHECKSUM or MODEL."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code.lower()}: {text}")
        self.code = code


# ---------------------------------------------------------------- the operator table


@dataclass(frozen=True)
class Attribute:
    name: str
    integer: bool
    low: float
    high: float

    def pack(self, value: float) -> bytes:
        return struct.pack("<i" if self.integer else "<f", int(value) if self.integer else value)

    def unpack(self, word: bytes) -> float:
        value = struct.unpack("<i" if self.integer else "<f", word)[0]
        return int(value) if self.integer else float(value)

    def check(self, value: float) -> bool:
        if self.integer and value != int(value):
            return False
        if self.integer:
            return self.low <= value <= self.high
        return float(np.float32(self.low)) <= value <= float(np.float32(self.high))  # false for NaN


@dataclass(frozen=True)
class OpInfo:
    id: int
    name: str
    required: int
    optional: int
    packed: bool
    attributes: tuple[Attribute, ...]

    def default(self, a: Attribute) -> float | None:
        if (self.name, a.name) in DEFAULTS:
            return DEFAULTS[self.name, a.name]
        zero: float = 0 if a.low <= 0 <= a.high else 1
        return zero if a.low <= zero <= a.high else a.low


def parse_ops(text: str) -> dict[str, OpInfo]:
    """The rows of ops.def, by name."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    macros = dict(re.findall(r"^#define (A_\w+)[ \t]+(.*)$", text, flags=re.M))
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    for name, body in macros.items():
        text = re.sub(rf"\b{name}\b", body, text)
    ops: dict[str, OpInfo] = {}
    row = re.compile(r"CZ_OP\(\s*(\d+),\s*(\w+),\s*(\d+),\s*(\d+),\s*([01]),((?:\s*A_[IF]\([^()]*\))*)\s*\)")
    for number, name, required, optional, packed, attributes in row.findall(text):
        parsed = []
        for kind, attribute, low, high in re.findall(r"A_([IF])\(\s*(\w+)\s*,([^,]*),([^,()]*)\)", attributes):
            if kind == "I":
                parsed.append(Attribute(attribute, True, int(low, 0), int(high, 0)))
            else:
                parsed.append(Attribute(attribute, False, float(low), float(high)))
        ops[name] = OpInfo(int(number), name, int(required), int(optional), packed == "1", tuple(parsed))
    if len(ops) != text.count("CZ_OP("):
        raise RuntimeError("ops.def has a row that this parser does not understand")
    return ops


OPS = parse_ops(OPS_DEF.read_text(encoding="utf-8"))
OPS_BY_ID = {op.id: op for op in OPS.values()}

# ---------------------------------------------------------------- the model


@dataclass(frozen=True)
class Tensor:
    """A tensor of a Model: `kind` is "input", "constant" or "operator"."""

    kind: str
    index: int


@dataclass
class Input:
    name: str
    dims: tuple[int, int, int, int]
    multiple: int = 1


@dataclass
class Constant:
    name: str
    dtype: str  # "f32", "f16" or "i8"
    data: npt.NDArray[Any]  # 4-D, in the dtype stored
    scale: npt.NDArray[np.float32] | None = None  # i8: one for each slice of the first dimension

    def values(self) -> npt.NDArray[np.float32]:
        """The values as f32."""
        data = self.data.astype(np.float32)
        return data if self.scale is None else data * self.scale[:, None, None, None]

    def block(self) -> bytes:
        scale = b"" if self.scale is None else self.scale.astype("<f4").tobytes()
        return scale + np.ascontiguousarray(self.data, SAMPLES[self.dtype]).tobytes()


@dataclass
class Operator:
    op: OpInfo
    inputs: list[Tensor | None]
    attributes: dict[str, float]
    name: str = ""


@dataclass
class Output:
    name: str
    tensor: Tensor


Value = Union[float, str]


@dataclass
class Model:
    inputs: list[Input] = field(default_factory=list)
    constants: list[Constant] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def input(self, name: str, dims: Sequence[int], multiple: int = 1) -> Tensor:
        """An input N, H, W, C; H and W both 0 are chosen at run time, as multiples of `multiple`."""
        n, h, w, c = dims
        self.inputs.append(Input(name, (n, h, w, c), multiple))
        return Tensor("input", len(self.inputs) - 1)

    def constant(self, name: str, values: npt.ArrayLike, dtype: str = "f32") -> Tensor:
        """A constant of at most 4 dimensions (fewer are put last). "i8" rounds to 127 steps a slice of dimension 0."""
        array = np.asarray(values, np.float32)
        if array.ndim > 4:
            raise ValueError(f"{name}: {array.ndim} dimensions")
        array = array.reshape((1,) * (4 - array.ndim) + array.shape)
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: a value is not finite")
        scale = None
        if dtype == "i8":
            scale = (np.abs(array).max(axis=(1, 2, 3)) / 127).astype(np.float32)
            steps = array / np.where(scale > 0, scale, 1)[:, None, None, None]
            array = np.clip(np.rint(steps), -127, 127)
        with np.errstate(over="ignore"):  # found below
            data = array.astype(SAMPLES[dtype])
        if not np.isfinite(data).all():
            raise ValueError(f"{name}: a value does not fit {dtype}")
        self.constants.append(Constant(name, dtype, data, scale))
        return Tensor("constant", len(self.constants) - 1)

    def steps(self, name: str, samples: npt.ArrayLike, scale: npt.ArrayLike) -> Tensor:
        """An i8 constant as it is stored: samples, and one scale for each slice of dimension 0."""
        data, factors = np.asarray(samples, np.int8), np.asarray(scale, np.float32)
        if data.ndim != 4 or factors.shape != data.shape[:1] or not np.isfinite(factors).all():
            raise ValueError(f"{name}: samples or scales do not fit")
        self.constants.append(Constant(name, "i8", data, factors))
        return Tensor("constant", len(self.constants) - 1)

    def op(self, op: str, inputs: Sequence[Tensor | None], name: str = "", **attributes: Value) -> Tensor:
        """Appends an operator; returns its result. `act` may be a name: an activation, "relu" or "relu6"."""
        info = OPS[op]
        given: dict[str, float] = {}
        for key, value in attributes.items():
            if isinstance(value, str):
                if key != "act":
                    raise ValueError(f"{op}: attribute {key} is text")
                if value in SHORTHANDS:
                    given["act"], given["act_p0"], given["act_p1"] = SHORTHANDS[value]
                else:
                    given["act"] = ACTIVATIONS[value]
            else:
                given[key] = value
        values: dict[str, float] = {}
        for a in info.attributes:
            picked = given.pop(a.name, info.default(a))
            if picked is None:
                raise ValueError(f"{op}: attribute {a.name} must be given")
            if not a.check(picked):
                raise ValueError(f"{op}: attribute {a.name}: {picked} is not in {a.low}..{a.high}")
            values[a.name] = picked if a.integer else float(np.float32(picked))
        if given:
            raise ValueError(f"{op}: no attribute {', '.join(given)}")
        tensors = list(inputs)
        while tensors and tensors[-1] is None:
            tensors.pop()
        if len(tensors) > info.required + info.optional or None in tensors[:info.required]:
            raise ValueError(f"{op}: takes {info.required} inputs and {info.optional} optional ones")
        if len(tensors) < info.required:
            raise ValueError(f"{op}: takes {info.required} inputs")
        self.operators.append(Operator(info, tensors, values, name))
        return Tensor("operator", len(self.operators) - 1)

    def output(self, name: str, tensor: Tensor) -> None:
        if tensor.kind != "operator":
            raise ValueError(f"output {name}: not an operator's result")
        self.outputs.append(Output(name, tensor))

    def tensor_id(self, t: Tensor) -> int:
        first = {"input": 0, "constant": len(self.inputs), "operator": len(self.inputs) + len(self.constants)}
        return first[t.kind] + t.index

    def tensor_name(self, t: Tensor) -> str:
        """Its name, or where it has none the kind's letter and its number."""
        rows: Any = {"input": self.inputs, "constant": self.constants, "operator": self.operators}[t.kind]
        return str(rows[t.index].name or f"{t.kind[0]}{t.index}")

    def to_bytes(self) -> bytes:
        """The file's bytes, checked by the reader."""
        data = encode(self)
        decode(data)
        return data

    def write(self, path: str | os.PathLike[str]) -> None:
        write_file(path, self.to_bytes())


# ---------------------------------------------------------------- writing


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes the file beside its place, then renames it there."""
    target = Path(path)
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(data)
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def checksum(data: bytes) -> int:
    """The checksum of docs/format.md."""
    words = np.frombuffer(data + bytes(-len(data) % 64), "<u4").reshape(-1, 16)
    prime = np.uint32(0x01000193)
    lanes = np.arange(16, dtype=np.uint32) + np.uint32(0x811C9DC5)
    shift = np.uint32(15)
    for row in words:
        lanes ^= row
        lanes *= prime
        lanes ^= lanes >> shift
    total = 0x811C9DC5
    for word in [*map(int, lanes), len(data) & 0xFFFFFFFF, len(data) >> 32]:
        total = (total ^ word) * 0x01000193 & 0xFFFFFFFF
        total ^= total >> 15
    return total


def encode(model: Model) -> bytes:
    """The file's bytes; nothing is checked here."""
    strings = bytearray()

    def text(s: str) -> tuple[int, int]:
        raw = s.encode("utf-8")
        strings.extend(raw)
        return len(strings) - len(raw), len(raw)

    def align(n: int) -> int:
        return (n + 63) // 64 * 64

    blocks = [c.block() for c in model.constants]
    # names take their places in the order of the records
    input_names = [text(i.name) for i in model.inputs]
    constant_names = [text(c.name) for c in model.constants]
    operator_names = [text(o.name) for o in model.operators]
    output_names = [text(o.name) for o in model.outputs]
    pairs = [(text(k), text(v)) for k, v in model.metadata.items()]

    head = bytearray(HEADER.size)
    for i, name in zip(model.inputs, input_names):
        head += INPUT.pack(*name, i.multiple, 0, *i.dims)
    records = len(head) + CONSTANT.size * len(blocks) + OPERATOR.size * len(model.operators)
    records += 16 * (len(output_names) + len(pairs))
    payload_offset = align(records + len(strings))
    payload = bytearray()
    for c, name, block in zip(model.constants, constant_names, blocks):
        payload += bytes(-len(payload) % 64)
        head += CONSTANT.pack(*name, DTYPES[c.dtype], 0, *c.data.shape, payload_offset + len(payload), len(block))
        payload += block
    for o, name in zip(model.operators, operator_names):
        ids = [NO_TENSOR if t is None else model.tensor_id(t) for t in o.inputs]
        ids += [NO_TENSOR] * (MAX_INPUTS - len(ids))
        words = b"".join(a.pack(o.attributes[a.name]) for a in o.op.attributes)
        head += OPERATOR.pack(*name, o.op.id, 0, *ids, words)
    for out, name in zip(model.outputs, output_names):
        head += OUTPUT.pack(*name, model.tensor_id(out.tensor), 0)
    for key, value in pairs:
        head += METADATA.pack(*key, *value)
    head += strings
    head += bytes(payload_offset - len(head))
    fields = (MAGIC, VERSION, 0, payload_offset + len(payload), len(input_names), len(blocks), len(operator_names),
              len(output_names), len(pairs), len(strings), payload_offset)
    HEADER.pack_into(head, 0, *fields, 0, 0)
    HEADER.pack_into(head, 0, *fields, checksum(bytes(head)), checksum(bytes(payload)))
    return bytes(head + payload)


# ---------------------------------------------------------------- reading


def need(condition: bool, text: str, code: str = "FORMAT") -> None:
    if not condition:
        raise FormatError(code, text)


@dataclass
class Strings:
    """The strings part: every string begins where the one before it ends."""

    data: bytes
    at: int = 0

    def take(self, offset: int, length: int, what: str, shortest: int = 0, longest: int = 255) -> str:
        need(offset == self.at, f"{what}: offset {offset} is not {self.at}")
        need(length <= len(self.data) - self.at, f"{what}: length {length} passes the end of the strings")
        need(shortest <= length <= longest, f"{what}: length {length} is not in {shortest}..{longest}")
        raw = self.data[self.at:self.at + length]
        self.at += length
        need(b"\0" not in raw, f"{what}: not valid UTF-8 without NUL")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise FormatError("FORMAT", f"{what}: not valid UTF-8 without NUL") from None


def decode(data: bytes) -> Model:
    """The model of a file's bytes; FormatError where they break a rule of docs/format.md but those of shapes."""
    counts, payload_offset = decode_header(data)
    n_inputs, n_constants, n_operators, n_outputs, n_metadata, string_bytes = counts
    at_constants = HEADER.size + INPUT.size * n_inputs
    at_operators = at_constants + CONSTANT.size * n_constants
    at_outputs = at_operators + OPERATOR.size * n_operators
    at_metadata = at_outputs + OUTPUT.size * n_outputs
    at_strings = at_metadata + METADATA.size * n_metadata
    end = at_strings + string_bytes
    need(not any(data[end:payload_offset]), "bytes after the strings are not zero")
    strings = Strings(data[at_strings:end])
    model = Model()
    for i, row in enumerate(INPUT.iter_unpack(data[HEADER.size:at_constants])):
        decode_input(model, f"input {i}", row, strings)
    block_end = payload_offset
    for i, row in enumerate(CONSTANT.iter_unpack(data[at_constants:at_operators])):
        block_end = decode_constant(model, f"constant {i}", row, strings, data, block_end)
    need(block_end == len(data), f"the payload ends at {block_end}, not at the end of the file")
    for i in range(n_operators):
        at = at_operators + OPERATOR.size * i
        decode_operator(model, f"operator {i}", data[at:at + OPERATOR.size], strings)
    for i, row in enumerate(OUTPUT.iter_unpack(data[at_outputs:at_metadata])):
        name = strings.take(row[0], row[1], f"output {i}: name", 1)
        first = n_inputs + n_constants
        need(first <= row[2] < first + n_operators, f"output {i}: tensor {row[2]} is not an operator's")
        need(row[3] == 0, f"output {i}: reserved is not 0")
        model.outputs.append(Output(name, Tensor("operator", row[2] - first)))
    for i, row in enumerate(METADATA.iter_unpack(data[at_metadata:at_strings])):
        key = strings.take(row[0], row[1], f"metadata {i}: key", 1)
        need(key not in model.metadata, f"metadata {i}: key: used twice")
        model.metadata[key] = strings.take(row[2], row[3], f"metadata {i}: value", 0, 1 << 20)
    need(strings.at == string_bytes, f"the strings end at {strings.at}, not at {string_bytes}")
    for what, names in (("input", [n.name for n in model.inputs]), ("output", [n.name for n in model.outputs]),
                        ("constant", [n.name for n in model.constants if n.name])):
        need(len(set(names)) == len(names), f"{what}: name: used twice")
    return model


def decode_header(data: bytes) -> tuple[list[int], int]:
    need(len(data) >= HEADER.size, f"file: {len(data)} bytes are shorter than the header")
    magic, version, flags, file_size, *rest = HEADER.unpack_from(data)
    counts, payload_offset, head_sum, payload_sum = rest[:6], rest[6], rest[7], rest[8]
    need(magic == MAGIC, "header: magic")
    need(version == VERSION, f"header: version {version}", "VERSION")
    need(flags == 0, f"header: flags {flags:#x}", "VERSION")
    need(file_size == len(data), f"header: file_size {file_size} is not {len(data)}")
    for (what, (low, high)), count in zip(MAX_COUNTS.items(), counts):
        need(low <= count <= high, f"header: {count} {what}, not {low}..{high}")
    sizes = (INPUT.size, CONSTANT.size, OPERATOR.size, OUTPUT.size, METADATA.size, 1)
    end = HEADER.size + sum(n * size for n, size in zip(counts, sizes))
    need(payload_offset == (end + 63) // 64 * 64, f"header: payload_offset {payload_offset}")
    need(payload_offset <= file_size, "header: the records pass the end of the file")
    need(checksum(data[:56] + bytes(8) + data[64:payload_offset]) == head_sum, "header: head_checksum", "CHECKSUM")
    need(checksum(data[payload_offset:]) == payload_sum, "header: payload_checksum", "CHECKSUM")
    return counts, payload_offset


def decode_input(model: Model, what: str, row: tuple[int, ...], strings: Strings) -> None:
    name = strings.take(row[0], row[1], f"{what}: name", 1)
    multiple, reserved, (n, h, w, c) = row[2], row[3], row[4:8]
    need(1 <= multiple <= 1024, f"{what}: multiple {multiple}")
    need(reserved == 0, f"{what}: reserved is not 0")
    need(n == 1 and c >= 1 and (h == 0) == (w == 0), f"{what}: dims {n} {h} {w} {c}")
    need(h == 0 or multiple == 1, f"{what}: multiple {multiple} of a fixed size")
    need(n * max(h, 1) * max(w, 1) * c <= MAX_ELEMENTS, f"{what}: too many elements")
    model.inputs.append(Input(name, (n, h, w, c), multiple))


def decode_constant(model: Model, what: str, row: tuple[int, ...], strings: Strings, data: bytes, end: int) -> int:
    """Returns the block's end."""
    name = strings.take(row[0], row[1], f"{what}: name")
    names = {number: key for key, number in DTYPES.items()}
    need(row[2] in names, f"{what}: dtype {row[2]}", "VERSION")
    need(row[3] == 0, f"{what}: reserved is not 0")
    dtype, dims, offset, size = names[row[2]], row[4:8], row[8], row[9]
    elements = dims[0] * dims[1] * dims[2] * dims[3]
    need(1 <= elements <= MAX_ELEMENTS, f"{what}: dims")
    scales = dims[0] if dtype == "i8" else 0
    expected = elements * np.dtype(SAMPLES[dtype]).itemsize + 4 * scales
    begin = (end + 63) // 64 * 64
    need(offset == begin, f"{what}: payload offset {offset} is not {begin}")
    need(size == expected, f"{what}: payload bytes {size} are not {expected}")
    need(begin + expected <= len(data), f"{what}: the payload passes the end of the file")
    need(not any(data[end:begin]), f"{what}: bytes before the payload are not zero")
    scale = np.frombuffer(data, "<f4", scales, begin) if scales else None
    samples = np.frombuffer(data, SAMPLES[dtype], elements, begin + 4 * scales).reshape(dims)
    need(bool(np.isfinite(samples).all()), f"{what}: a sample is not finite")
    need(scale is None or bool((np.abs(scale) <= 2.0**120).all()), f"{what}: a scale is not finite or above 2^120")
    model.constants.append(Constant(name, dtype, samples, scale))
    return begin + expected


def decode_operator(model: Model, what: str, record: bytes, strings: Strings) -> None:
    offset, length, number, reserved, *ids = struct.unpack_from("<12I", record)
    words, tail = record[48:112], record[112:]
    name = strings.take(offset, length, f"{what}: name")
    need(number in OPS_BY_ID, f"{what}: operator {number}", "VERSION")
    need(reserved == 0 and not any(tail), f"{what}: reserved is not 0")
    op = OPS_BY_ID[number]
    first_constant = len(model.inputs)
    first_operator = first_constant + len(model.constants)
    known = first_operator + len(model.operators)
    tensors: list[Tensor | None] = []
    for k, i in enumerate(ids):
        need(i == NO_TENSOR or i < known, f"{what}: input {k}: tensor {i} does not come before")
        if i == NO_TENSOR:
            tensors.append(None)
        elif i < first_constant:
            tensors.append(Tensor("input", i))
        elif i < first_operator:
            tensors.append(Tensor("constant", i - first_constant))
        else:
            tensors.append(Tensor("operator", i - first_operator))
    for k, t in enumerate(tensors):
        need(t is not None or k >= op.required, f"{what}: input {k} is not given", "MODEL")
        need(t is None or k < op.required + op.optional, f"{what}: input {k} is one too many", "MODEL")
    weight = tensors[1]
    need(not op.packed or (weight is not None and weight.kind == "constant"), f"{what}: input 1 is not a constant",
         "MODEL")
    while tensors and tensors[-1] is None:
        tensors.pop()
    values = {}
    for k, a in enumerate(op.attributes):
        values[a.name] = value = a.unpack(words[4 * k:4 * k + 4])
        need(a.check(value), f"{what}: attribute {a.name}: {value} is not in {a.low}..{a.high}", "MODEL")
    need(not any(words[4 * len(op.attributes):]), f"{what}: words after the attributes are not 0", "MODEL")
    model.operators.append(Operator(op, tensors, values, name))


def read(path: str | os.PathLike[str]) -> Model:
    return decode(Path(path).read_bytes())
