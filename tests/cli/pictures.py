# SPDX-License-Identifier: BSD-2-Clause
"""Pictures that PIL can neither write nor read: 16-bit RGB, tiles, floats, colour profiles."""

import ctypes
import ctypes.util
import struct
import zlib
from pathlib import Path

import numpy as np

TIFF_TAGS = {"width": 256, "height": 257, "bits": 258, "photometric": 262, "samples": 277, "planar": 284,
             "tile_width": 322, "tile_height": 323, "extra": 338, "format": 339, "orientation": 274}


def waves(width: int, height: int) -> np.ndarray:
    """A gray picture with soft shapes and many levels, 0..1."""
    y, x = np.mgrid[0:height, 0:width]
    return (0.5 + 0.23 * np.sin(x / 7.0) + 0.2 * np.cos(y / 5.0) + 0.05 * np.sin(x * y / 90.0)).clip(0, 1)


# ---------------------------------------------------------------- PNG

def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents."""
    at, chunks = 8, []
    while at < len(data):
        (length,) = struct.unpack(">I", data[at:at + 4])
        chunks.append((data[at + 4:at + 8], data[at + 8:at + 8 + length]))
        at += 12 + length
    return chunks


def png_of_chunks(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A file of them, with their checksums."""
    body = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def read_png16(path: Path) -> np.ndarray:
    """A 16-bit gray or RGB PNG without interlace, (height, width, samples)."""
    chunks = png_chunks(path.read_bytes())
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    assert depth == 16
    samples = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    raw = np.frombuffer(zlib.decompress(b"".join(c for n, c in chunks if n == b"IDAT")), np.uint8)
    rows = raw.reshape(height, 1 + width * samples * 2)
    out = np.zeros((height, width * samples * 2), np.int64)
    step = samples * 2
    for y in range(height):
        above = out[y - 1] if y else np.zeros_like(out[0])
        method, line = rows[y, 0], rows[y, 1:].astype(np.int64)
        for x in range(line.size):
            left, corner = (out[y, x - step], above[x - step]) if x >= step else (0, 0)
            paeth = min((abs(above[x] - corner), 0, left), (abs(left - corner), 1, above[x]),
                        (abs(left + above[x] - 2 * corner), 2, corner))[2]
            out[y, x] = (line[x] + (0, left, above[x], (left + above[x]) // 2, paeth)[method]) % 256
    return (out[:, 0::2] * 256 + out[:, 1::2]).reshape(height, width, samples).astype(np.uint16)


def write_png16(path: Path, samples: np.ndarray, extra: list[tuple[bytes, bytes]] | None = None) -> None:
    """Writes (height, width) or (height, width, 3) of u16; `extra` chunks go before the pixels."""
    height, width = samples.shape[:2]
    kind = 0 if samples.ndim == 2 else 2
    rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    pixels = zlib.compress(np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes())
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    path.write_bytes(png_of_chunks([(b"IHDR", head), *(extra or []), (b"IDAT", pixels), (b"IEND", b"")]))


# ---------------------------------------------------------------- TIFF, through libtiff itself

def _libtiff() -> ctypes.CDLL:
    library = ctypes.CDLL(ctypes.util.find_library("tiff"))
    library.TIFFOpen.restype = ctypes.c_void_p
    for name in ("TIFFClose", "TIFFReadScanline", "TIFFWriteScanline", "TIFFWriteTile", "TIFFGetField", "TIFFSetField"):
        getattr(library, name).argtypes = None
    return library


def write_tiff(path: Path, samples: np.ndarray, tile: int = 0, apart: bool = False, **tags: int) -> None:
    """Writes (height, width, samples) of u8, u16 or f32 in rows or square tiles, interleaved or apart."""
    library, (height, width, count) = _libtiff(), samples.shape
    handle = ctypes.c_void_p(library.TIFFOpen(str(path).encode(), b"w"))
    fields = {"width": width, "height": height, "samples": count, "bits": 8 * samples.itemsize,
              "format": 3 if samples.dtype.kind == "f" else 1, "planar": 2 if apart else 1,
              "photometric": 1 if count < 3 else 2}
    if tile:
        fields |= {"tile_width": tile, "tile_height": tile}
    extra = tags.pop("extra", None)
    for name, value in (fields | tags).items():
        assert library.TIFFSetField(handle, TIFF_TAGS[name], ctypes.c_int(value))
    if extra is not None:
        assert library.TIFFSetField(handle, TIFF_TAGS["extra"], ctypes.c_int(1), ctypes.byref(ctypes.c_uint16(extra)))
    for s in range(count if apart else 1):
        plane = np.ascontiguousarray(samples[:, :, s:s + 1] if apart else samples)
        if tile:
            edge = ((0, -height % tile), (0, -width % tile), (0, 0))
            padded = np.pad(plane, edge)
            for y in range(0, height, tile):
                for x in range(0, width, tile):
                    block = np.ascontiguousarray(padded[y:y + tile, x:x + tile])
                    assert library.TIFFWriteTile(handle, block.ctypes.data_as(ctypes.c_void_p), x, y, 0, s) > 0
        else:
            for y in range(height):
                row = plane[y].copy()
                assert library.TIFFWriteScanline(handle, row.ctypes.data_as(ctypes.c_void_p), y, s) == 1
    library.TIFFClose(handle)


def read_tiff(path: Path) -> np.ndarray:
    """Reads rows of interleaved samples, as they are."""
    library = _libtiff()
    handle = ctypes.c_void_p(library.TIFFOpen(str(path).encode(), b"r"))
    width, height = ctypes.c_uint32(), ctypes.c_uint32()
    samples, bits, kind = ctypes.c_uint16(1), ctypes.c_uint16(), ctypes.c_uint16(1)
    for name, value in zip(("width", "height", "samples", "bits", "format"), (width, height, samples, bits, kind)):
        library.TIFFGetField(handle, TIFF_TAGS[name], ctypes.byref(value))
    dtype = np.float32 if kind.value == 3 else {8: np.uint8, 16: np.uint16}[bits.value]
    out = np.empty((height.value, width.value, samples.value), dtype)
    for y in range(height.value):
        assert library.TIFFReadScanline(handle, out[y].ctypes.data_as(ctypes.c_void_p), y, 0) == 1
    library.TIFFClose(handle)
    return out


# ---------------------------------------------------------------- colour profiles

D50 = (0.9642, 1.0, 0.8249)
#: Adobe RGB (1998), columns adapted to D50 as ICC wants them
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
#: sRGB likewise
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
#: Display P3 and ROMM RGB (ProPhoto) likewise
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ROMM = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
#: the gamma, the three gammas or the values of a profile's tone curve
Curve = float | tuple[float, float, float] | np.ndarray


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(_fixed(v) for v in values)


def _curve(of: float | np.ndarray) -> bytes:
    head = b"curv" + bytes(4)
    if isinstance(of, np.ndarray):
        return head + struct.pack(">I", len(of)) + np.round(of * 65535).astype(">u2").tobytes()
    return head + struct.pack(">IH", 1, round(of * 256))


def icc_profile(curve: Curve, columns: tuple[tuple[float, float, float], ...] | None = None) -> bytes:
    """A version 2 display profile: of gray, or of RGB with those columns (red, green, blue)."""
    curves = curve if isinstance(curve, tuple) else (curve, curve, curve)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79)
    tags = {b"desc": text, b"wtpt": _xyz(D50), b"cprt": b"text" + bytes(4) + b"CC0\0"}
    if columns is None:
        tags[b"kTRC"] = _curve(curves[0])
    else:
        for name, column, of in zip("rgb", columns, curves):
            tags[name.encode() + b"XYZ"] = _xyz(column)
            tags[name.encode() + b"TRC"] = _curve(of)
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        content += bytes(-len(content) % 4)
        table += tag + struct.pack(">II", at + len(body), len(content))
        body += content
    size = at + len(body)
    head = struct.pack(">I4s4s4s4s4s", size, bytes(4), b"\x02\x10\0\0", b"mntr", b"GRAY" if columns is None else b"RGB ",
                       b"XYZ ") + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += b"".join(_fixed(v) for v in D50)
    return head + bytes(128 - len(head)) + table + body
