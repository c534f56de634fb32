# SPDX-License-Identifier: BSD-2-Clause
"""The C library from Python, through ctypes: what the tools and the training need of it.

    with Colorizer("model.czw") as c:        # no path: the built-in model
        c.set("vividness", 0.5)
        colour = c.colorize(gray)            # [H, W] or [H, W, 2..4] -> [H, W, 3], with alpha 4

    c.colorize(scene, space=Space("linear", "display_p3"))   # float32, values above 1 kept

    with Graph("network.czw") as g:          # any model, by its tensors
        outputs = g.run({"x": values})       # float32 [1, H, W, C]

Finds the library named by COLORIZER_LIBRARY, or build/lib/libcolorizer.so beside this repository's sources, or the
system's.
"""
from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence, TypeVar

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]  # uint8, uint16, float16 or float32: gray [H, W], gray and alpha, RGB, RGBA [H, W, 2..4]
Values = npt.NDArray[np.float32]
Self = TypeVar("Self", bound="_Handle")
SAMPLES = {"uint8": 1, "uint16": 2, "float32": 3, "float16": 4}
AB_F32 = 0x0703
TRANSFERS = {"srgb": 0, "linear": 1}
PRIMARIES = {"srgb": 0, "display_p3": 1, "adobe_rgb": 2, "prophoto": 3, "bt2020": 4}
INTEGERS = {"threads": 1, "size": 2, "cpu": 5, "memory": 6}
REALS = {"strength": 3, "vividness": 4, "tint_a": 7, "tint_b": 8}
MAX_SUGGESTIONS, ALTERNATIVE_HINTS = 16, 3


class Error(RuntimeError):
    """A call that failed, with the library's own words."""


@dataclass(frozen=True)
class Space:
    """What samples mean: transfer "srgb", "linear", a gamma, or a curve's values; primaries by name, or the 3 x 3 matrix
    to X, Y, Z; whether colours are multiplied by alpha."""

    transfer: str | float | Values = "srgb"
    primaries: str | Values = "srgb"
    premultiplied: bool = False


class _Image(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("format", ctypes.c_int32), ("width", ctypes.c_int32),
                ("height", ctypes.c_int32), ("transfer", ctypes.c_int32), ("reserved", ctypes.c_int32),
                ("data", ctypes.c_void_p * 4), ("stride", ctypes.c_int64 * 4), ("size", ctypes.c_uint64 * 4),
                ("curve", ctypes.c_void_p), ("curve_size", ctypes.c_uint32), ("gamma", ctypes.c_float),
                ("primaries", ctypes.c_int32), ("alpha", ctypes.c_int32), ("matrix", ctypes.c_float * 9),
                ("reserved2", ctypes.c_int32)]


class _Hint(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32)] + [
        (name, ctypes.c_int32 if name == "space" else ctypes.c_float)
        for name in ("x", "y", "radius", "red", "green", "blue", "dx", "dy", "weight", "space", "a", "b")]


class _Suggestion(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32)] + [
        (name, ctypes.c_float) for name in ("probability", "a", "b", "red", "green", "blue")]


Rgb = tuple[float, float, float]


class Hint(NamedTuple):
    """A colour wanted at x, y, or along a stroke by dx, dy: sRGB 0..1, or a, b of CIELAB where `ab` is given."""

    x: float
    y: float
    radius: float = 0
    rgb: Rgb = (0, 0, 0)
    dx: float = 0
    dy: float = 0
    weight: float = 1
    ab: tuple[float, float] | None = None


class Suggestion(NamedTuple):
    """A colour that may be meant, and what it looks like there in sRGB."""

    probability: float
    ab: tuple[float, float]
    rgb: Rgb


class _Region(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32)] + [
        (name, ctypes.c_int32) for name in ("x", "y", "frame_width", "frame_height")] + [
        ("mask", ctypes.POINTER(_Image))]


class _Tensor(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("dims", ctypes.c_int32 * 4), ("multiple", ctypes.c_int32),
                ("name", ctypes.c_char * 256), ("data", ctypes.c_void_p), ("size", ctypes.c_uint64)]


def _library() -> ctypes.CDLL:
    built = Path(__file__).resolve().parents[1] / "build" / "lib" / "libcolorizer.so"
    name = os.environ.get("COLORIZER_LIBRARY") or (str(built) if built.exists() else "libcolorizer.so.0")
    lib = ctypes.CDLL(name)
    lib.colorizer_strerror.restype = ctypes.c_char_p
    lib.colorizer_last_error.restype = ctypes.c_uint64
    lib.colorizer_last_error.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64]
    lib.colorizer_set_i.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64]
    lib.colorizer_set_f.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_double]
    return lib


def _source(pixels: Pixels) -> Pixels:
    """As the library reads it: without gaps, in this machine's byte order."""
    return np.ascontiguousarray(pixels, np.asarray(pixels).dtype.newbyteorder("="))


def _view(array: Pixels, space: Space = Space()) -> _Image:
    family = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
    if not 1 <= family <= 4 or array.dtype.name not in SAMPLES:
        raise TypeError(f"pixels are [H, W] or [H, W, 1..4] of {', '.join(SAMPLES)}; not {array.shape} of {array.dtype}")
    view = _Image(ctypes.sizeof(_Image), family << 8 | SAMPLES[array.dtype.name], array.shape[1], array.shape[0], 0, 0,
                  (array.ctypes.data,), (array.strides[0],), (array.nbytes,))
    view.alpha = int(space.premultiplied)
    if isinstance(space.transfer, str):
        view.transfer = TRANSFERS[space.transfer]
    elif isinstance(space.transfer, np.ndarray):
        view.kept = np.ascontiguousarray(space.transfer, np.float32)  # lives as long as the view
        view.transfer, view.curve, view.curve_size = 3, view.kept.ctypes.data, view.kept.size
    else:
        view.transfer, view.gamma = 2, space.transfer
    if isinstance(space.primaries, str):
        view.primaries = PRIMARIES[space.primaries]
    else:
        view.primaries, view.matrix = 5, (ctypes.c_float * 9)(*np.asarray(space.primaries, np.float32).ravel())
    return view


def _result(source: Pixels, dtype: npt.DTypeLike = None) -> Pixels:
    """Room for the colours of an image, with alpha where it has alpha."""
    alpha = source.ndim == 3 and source.shape[2] in (2, 4)
    return np.empty((*source.shape[:2], 4 if alpha else 3), dtype or source.dtype)


class _Handle:
    """One handle; use it from one thread at a time."""

    _open = "colorizer_open"

    def __init__(self, model: str | Path | None = None) -> None:
        self._lib = _library()
        self._handle = ctypes.c_void_p()
        path = None if model is None else os.fsencode(model)
        self._check(getattr(self._lib, self._open)(ctypes.byref(self._handle), path, None))

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def close(self) -> None:
        self._lib.colorizer_close(self._handle)
        self._handle = ctypes.c_void_p()

    def _check(self, status: int) -> None:
        if status != 0:
            detail = ctypes.create_string_buffer(256)
            self._lib.colorizer_last_error(self._handle, detail, 256)
            raise Error(f"{self._lib.colorizer_strerror(status).decode()}: {detail.value.decode()}")

    def set(self, name: str, value: float) -> None:
        if name in INTEGERS:
            self._check(self._lib.colorizer_set_i(self._handle, INTEGERS[name], int(value)))
        else:
            self._check(self._lib.colorizer_set_f(self._handle, REALS[name], float(value)))

    def get(self, name: str) -> float:
        if name in INTEGERS:
            integer = ctypes.c_int64()
            self._check(self._lib.colorizer_get_i(self._handle, INTEGERS[name], ctypes.byref(integer)))
            return integer.value
        real = ctypes.c_double()
        self._check(self._lib.colorizer_get_f(self._handle, REALS[name], ctypes.byref(real)))
        return real.value


class Colorizer(_Handle):
    """A model that colorizes photographs."""

    def hints(self, hints: Sequence[Hint | tuple[float, float, float, Rgb]]) -> None:
        """Sets hints, replacing earlier ones."""
        rows = [_Hint(ctypes.sizeof(_Hint), h.x, h.y, h.radius, *h.rgb, h.dx, h.dy, h.weight, int(h.ab is not None),
                      *(h.ab or (0, 0))) for h in (Hint(*h) for h in hints)]
        self._check(self._lib.colorizer_set_hints(self._handle, (_Hint * len(rows))(*rows), len(rows)))

    def suggest(self, x: float, y: float, most: int = MAX_SUGGESTIONS) -> list[Suggestion]:
        """The most probable colours at a pixel of the photograph that was analyzed."""
        rows = (_Suggestion * most)(*[_Suggestion(ctypes.sizeof(_Suggestion)) for _ in range(most)])
        count = ctypes.c_uint32()
        self._check(self._lib.colorizer_suggest(self._handle, ctypes.c_float(x), ctypes.c_float(y), rows, most,
                                                ctypes.byref(count)))
        return [Suggestion(r.probability, (r.a, r.b), (r.red, r.green, r.blue)) for r in rows[:count.value]]

    def alternatives(self, count: int, seed: int = 0) -> list[tuple[float, list[Hint]]]:
        """Other colourings of the photograph that was analyzed, as probability and hints to be set behind its own."""
        rows = (_Hint * (count * ALTERNATIVE_HINTS))(*[_Hint(ctypes.sizeof(_Hint))] * (count * ALTERNATIVE_HINTS))
        probability, found = (ctypes.c_float * count)(), ctypes.c_uint32()
        self._check(self._lib.colorizer_alternatives(self._handle, ctypes.c_uint64(seed), count, probability, rows,
                                                     ctypes.byref(found)))
        hints = [Hint(h.x, h.y, h.radius, ab=(h.a, h.b)) for h in rows]
        return [(probability[i], hints[i * ALTERNATIVE_HINTS:(i + 1) * ALTERNATIVE_HINTS])
                for i in range(found.value)]

    def palette(self, colours: Sequence[Rgb], strength: float = 1) -> None:
        """Pulls what is unsure towards these sRGB colours, 0..1."""
        flat = [v for rgb in colours for v in rgb]
        self._check(self._lib.colorizer_set_palette(self._handle, (ctypes.c_float * len(flat))(*flat), len(colours),
                                                    ctypes.c_float(strength)))

    def hues(self, strength: Sequence[float] | None) -> None:
        """Strength 0..2 of the hues at 0, 45, ... 315 degrees; None: all 1."""
        array = None if strength is None else (ctypes.c_float * len(strength))(*strength)
        self._check(self._lib.colorizer_set_hues(self._handle, array))

    def colorize(self, pixels: Pixels, dtype: npt.DTypeLike = None, space: Space = Space()) -> Pixels:
        """The colours, in the space of the source. @param dtype of the result; None: that of the source."""
        source = _source(pixels)
        result = _result(source, dtype)
        views = _view(source, space), _view(result, space)
        self._check(self._lib.colorizer_colorize(self._handle, ctypes.byref(views[0]), ctypes.byref(views[1])))
        return result

    def chroma(self, pixels: Pixels, space: Space = Space()) -> Values:
        """CIELAB a and b, float32 [2, H, W], of a photograph that was analyzed."""
        source = _source(pixels)
        result = np.empty((2, *source.shape[:2]), np.float32)
        view, plane = _view(source, space), _view(result[0], space)
        plane.format, plane.transfer = AB_F32, 0
        for i in range(2):
            plane.data[i], plane.stride[i], plane.size[i] = result[i].ctypes.data, result.strides[1], result[i].nbytes
        self._check(self._lib.colorizer_render(self._handle, ctypes.byref(view), ctypes.byref(plane), None))
        return result

    def analyze(self, pixels: Pixels, space: Space = Space()) -> None:
        """Looks at a photograph, or a small version of it; then render() any part of it."""
        source = _source(pixels)
        view = _view(source, space)
        self._check(self._lib.colorizer_analyze(self._handle, ctypes.byref(view)))

    def render(self, pixels: Pixels, x: int = 0, y: int = 0, frame: tuple[int, int] = (0, 0), space: Space = Space(),
               mask: Pixels | None = None) -> Pixels:
        """The colours of a part of the photograph that lies at x, y of a frame of (width, height) pixels; (0, 0): of
        the size that was analyzed. mask [H, W]: how much of the strength each pixel takes."""
        source = _source(pixels)
        result = _result(source)
        views = _view(source, space), _view(result, space)
        cover = None if mask is None else _source(mask)
        region = _Region(ctypes.sizeof(_Region), x, y, *frame,
                         None if cover is None else ctypes.pointer(_view(cover)))
        self._check(self._lib.colorizer_render(self._handle, ctypes.byref(views[0]), ctypes.byref(views[1]),
                                               ctypes.byref(region)))
        return result

    def confidence(self, width: int, height: int) -> Pixels:
        """How sure the network was of the last picture, uint8 [height, width]; 255 is certain."""
        result = np.empty((height, width), np.uint8)
        view = _view(result)
        self._check(self._lib.colorizer_confidence(self._handle, ctypes.byref(view)))
        return result


class Graph(_Handle):
    """Any model as its tensors, float32 [N, H, W, C] (colorizer_experimental.h)."""

    _open = "colorizer_graph_open"

    def inputs(self) -> dict[str, tuple[tuple[int, ...], int]]:
        """Of each input its dims (H and W 0: chosen at run time) and what height and width are multiples of."""
        found: dict[str, tuple[tuple[int, ...], int]] = {}
        tensor = _Tensor(ctypes.sizeof(_Tensor))
        while self._lib.colorizer_graph_input(self._handle, len(found), ctypes.byref(tensor)) == 0:
            found[tensor.name.decode()] = (tuple(tensor.dims), tensor.multiple)
        return found

    def _given(self, values: Mapping[str, Values]) -> tuple[ctypes.Array[_Tensor], list[Values]]:
        """The inputs' structs, and the arrays that they point into."""
        kept = [np.ascontiguousarray(v, np.float32) for v in values.values()]
        rows = [_Tensor(ctypes.sizeof(_Tensor), v.shape, 0, name.encode(), v.ctypes.data, v.nbytes)
                for name, v in zip(values, kept)]
        return (_Tensor * len(rows))(*rows), kept

    def plan(self, values: Mapping[str, Values]) -> dict[str, Values]:
        """Plans for inputs of these shapes; returns an empty array for each output."""
        given, _ = self._given(values)
        outputs: dict[str, Values] = {}
        tensor = _Tensor(ctypes.sizeof(_Tensor))
        self._check(self._lib.colorizer_graph_output(self._handle, given, len(given), 0, ctypes.byref(tensor)))
        while True:
            outputs[tensor.name.decode()] = np.empty(tuple(tensor.dims), np.float32)
            index = len(outputs)
            if self._lib.colorizer_graph_output(self._handle, given, len(given), index, ctypes.byref(tensor)) != 0:
                return outputs

    def run(self, values: Mapping[str, Values], outputs: dict[str, Values] | None = None) -> dict[str, Values]:
        """Runs the graph. @param outputs arrays of plan(), to be used again."""
        results = self.plan(values) if outputs is None else outputs
        given, kept = self._given(values)
        wanted, _ = self._given(results)
        self._check(self._lib.colorizer_graph_run(self._handle, given, len(given), wanted, len(wanted)))
        del kept
        return results
