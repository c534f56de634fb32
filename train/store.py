# SPDX-License-Identifier: BSD-2-Clause
"""Photographs decoded once: one flat uint8 tensor of pixels a set, with each photo's place and size.

The flat form takes photos of any shape without padding, lies in a file that every run maps, and moves to a GPU's
memory as it is, so that no loader process is needed.
"""
from __future__ import annotations

import csv
import io
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

EXTENSIONS = {".jpg", ".jpeg", ".png", ".webp", ".ppm", ".tif", ".tiff"}
FOLDER_SHORT_SIDE = 256  # photos of a plain folder are shrunk to this before they are stored


@dataclass
class Store:
    pixels: Tensor  # [total, 3] uint8, rows of all photos one after the other
    offset: Tensor  # [photos] first pixel
    width: Tensor
    height: Tensor
    sources: list[str]

    def __len__(self) -> int:
        return int(self.offset.numel())

    def to(self, device: torch.device) -> "Store":
        return Store(self.pixels.to(device), self.offset.to(device), self.width.to(device),
                     self.height.to(device), self.sources)

    def photo(self, i: int) -> Tensor:
        """Photo i as [height, width, 3] uint8."""
        start, w, h = int(self.offset[i]), int(self.width[i]), int(self.height[i])
        return self.pixels[start:start + w * h].view(h, w, 3)


def _decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _read_shrunk(path: str) -> np.ndarray:
    image = Image.open(path).convert("RGB")
    scale = FOLDER_SHORT_SIDE / min(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image)


def _packed(folder: Path, name: str) -> tuple[list[bytes], list[str]]:
    with open(folder / f"{name}.tsv", newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    shards: dict[str, bytes] = {}
    encoded: list[bytes] = []
    for row in rows:
        shard = row["shard"]
        if shard not in shards:
            shards[shard] = (folder / f"{name}-{shard}.bin").read_bytes()
        start = int(row["offset"])
        encoded.append(shards[shard][start:start + int(row["length"])])
    return encoded, [row["source"] for row in rows]


def open_store(folder: Path, name: str, cache: Path, limit: int = 0) -> Store:
    """The packed set `name` of `folder`, or, where `folder/name` is a folder of photographs, those."""
    stem = f"{name.replace('/', '_')}-{limit}" if limit else name.replace("/", "_")
    index, blob = cache / f"{stem}.npz", cache / f"{stem}.u8"
    if not index.exists():
        _build(folder, name, index, blob, limit)
    table = np.load(index)
    pixels = torch.from_numpy(np.memmap(blob, np.uint8, "r+")).view(-1, 3)
    return Store(pixels, torch.from_numpy(table["offset"]), torch.from_numpy(table["width"]),
                 torch.from_numpy(table["height"]), [str(s) for s in table["source"]])


def _build(folder: Path, name: str, index: Path, blob: Path, limit: int) -> None:
    index.parent.mkdir(parents=True, exist_ok=True)
    offset, width, height = [], [], []
    with ProcessPoolExecutor() as pool, open(blob, "wb") as out:
        if (folder / f"{name}.tsv").exists():
            encoded, sources = _packed(folder, name)
            if limit:
                encoded, sources = encoded[:limit], sources[:limit]
            images = pool.map(_decode, encoded, chunksize=64)
        else:
            paths = sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in EXTENSIONS)
            paths = paths[:limit] if limit else paths
            sources = [p.parent.name for p in paths]
            images = pool.map(_read_shrunk, [str(p) for p in paths], chunksize=8)
        position = 0
        for image in images:
            h, w, _ = image.shape
            offset.append(position)
            width.append(w)
            height.append(h)
            position += w * h
            out.write(np.ascontiguousarray(image).tobytes())
    # The index is written last: an interrupted build leaves none and is done again.
    np.savez(index, offset=np.array(offset, np.int64), width=np.array(width, np.int64),
             height=np.array(height, np.int64), source=np.array(sources))


def center_crops(store: Store, count: int, side: int = 256) -> Tensor:
    """[N, 3, side, side] sRGB in 0..1; photos with a shorter side are enlarged first."""
    crops = []
    for i in range(min(count, len(store))):
        image = Image.fromarray(store.photo(i).numpy())
        short = min(image.size)
        if short < side:
            size = (round(image.width * side / short), round(image.height * side / short))
            image = image.resize(size, Image.Resampling.BICUBIC)
        x, y = (image.width - side) // 2, (image.height - side) // 2
        crops.append(np.asarray(image.crop((x, y, x + side, y + side))))
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
