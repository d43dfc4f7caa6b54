"""Writes seeded gradients, large enough to time scoring on: low rank plus noise, as LoRA gradients are.

    python make_store.py --rows 1000 --queries 100 --blocks 24 --columns 8192 --output DIR

DIR receives the same numbers twice, so that every reader finds a form it can open:

    train.safetensors, query.safetensors   one float32 tensor a block, example first
    train/, query/                         info.json + gradients.bin: n rows of sum(columns) float32, row-major,
                                           no header, the columns in the order of grad_sizes

One block at a time is in memory, and the files are written block by block.
"""

import argparse
import json
import struct
import zlib
from pathlib import Path

import numpy as np

LORA_RANK = 8
SIGNAL_RANK = 16
NOISE = 0.3


def block_shapes(blocks, columns):
    """Alternating LoRA factors, A of r x d/r and B of d/r x r; plain vectors where 8 does not divide the columns."""
    if columns % LORA_RANK:
        return {f"blocks.{index}.weight": (columns,) for index in range(blocks)}
    width = columns // LORA_RANK
    return {
        f"layers.{index // 2}.value.lora_{'AB'[index % 2]}.weight": [(LORA_RANK, width), (width, LORA_RANK)][index % 2]
        for index in range(blocks)
    }


def block_gradients(seed, index, name, train_rows, query_rows, columns):
    """Train and query rows of one block: the same directions, their own coefficients and noise."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    strengths = np.float32(2.0) ** -np.arange(SIGNAL_RANK, dtype=np.float32)[:, None] ** 0.5
    directions = generator.standard_normal((SIGNAL_RANK, columns), dtype=np.float32) * strengths
    scale = np.float32(10.0 ** (-2 - index % 3))  # neighbouring blocks a decade or two apart
    for rows in (train_rows, query_rows):
        gradients = generator.standard_normal((rows, columns), dtype=np.float32)
        gradients *= np.float32(NOISE)
        gradients += generator.standard_normal((rows, SIGNAL_RANK), dtype=np.float32) @ directions
        gradients *= scale
        yield gradients


class SplitWriter:
    """One split's two forms, written a block of columns at a time."""

    def __init__(self, directory, split, rows, shapes):
        self.rows = rows
        sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
        self.width = sum(sizes.values())

        store = directory / split
        store.mkdir(parents=True, exist_ok=True)
        info = {
            "attribute_tokens": False,
            "num_items": rows,
            "num_grads": rows,
            "grad_sizes": sizes,
            "base_dtype": "float32",
        }
        (store / "info.json").write_text(json.dumps(info, indent=2) + "\n")
        self.matrix = np.memmap(store / "gradients.bin", dtype="<f4", mode="w+", shape=(rows, self.width))
        self.column = 0

        header, offset = {}, 0
        for name, shape in shapes.items():
            end = offset + rows * sizes[name] * 4
            header[name] = {"dtype": "F32", "shape": [rows, *shape], "data_offsets": [offset, end]}
            offset = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        self.tensors = open(directory / f"{split}.safetensors", "wb")
        self.tensors.write(struct.pack("<Q", len(text)) + text)

    def append(self, gradients):
        columns = gradients.shape[1]
        self.matrix[:, self.column : self.column + columns] = gradients
        self.column += columns
        self.tensors.write(gradients.astype("<f4", copy=False).data)

    def close(self):
        assert self.column == self.width
        self.matrix.flush()
        self.tensors.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000, help="training examples")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--blocks", type=int, default=24)
    parser.add_argument("--columns", type=int, default=8192, help="columns of each block")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    shapes = block_shapes(arguments.blocks, arguments.columns)
    train = SplitWriter(arguments.output, "train", arguments.rows, shapes)
    query = SplitWriter(arguments.output, "query", arguments.queries, shapes)
    for index, name in enumerate(shapes):
        train_gradients, query_gradients = block_gradients(
            arguments.seed, index, name, arguments.rows, arguments.queries, arguments.columns
        )
        train.append(train_gradients)
        query.append(query_gradients)
    train.close()
    query.close()
    for path in sorted(arguments.output.rglob("*")):
        if path.is_file():
            print(f"wrote {path} ({path.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
