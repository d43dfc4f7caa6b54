"""What `influence convert` writes, read by the tools that it is for: numpy, safetensors and bergson.

    python conversions.py INFLUENCE     nothing is kept; prints what each read, and fails unless it is the source's numbers

Makes gradients of 40 examples in three blocks, whose names and order are odd, in every type; has the command convert them; and reads
them with numpy.load, safetensors.numpy, and bergson's load_gradients, load_module_gradients and Attributor, whose search must find
the inner products that numpy does.
"""

import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

TYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}
BLOCKS = {"m/layers.1.weight": (4, 6), "b": (5,), "a": (3, 2)}


def run(command, *arguments):
    subprocess.run([command, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def check(name, found, expected):
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    assert found.shape == expected.shape and (found == expected).all(), name


def main(command):
    import bergson

    torch.manual_seed(0)
    print(", ".join(f"{name} {version(name)}" for name in ("bergson", "numpy", "safetensors", "torch")))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, dtype in TYPES.items():
            tensors = {block: torch.randn(40, *shape).to(dtype) for block, shape in BLOCKS.items()}
            source = folder / f"{name}.safetensors"
            save_file(tensors, source)
            plain = {block: tensor.double().numpy() for block, tensor in tensors.items()}
            read = []

            run(command, "convert", source, "--to", "safetensors", "--output", folder / f"{name}-copy.safetensors")
            with safe_open(folder / f"{name}-copy.safetensors", "pt") as file:
                assert set(file.keys()) == set(BLOCKS)
                for block in BLOCKS:
                    assert file.get_tensor(block).dtype == dtype
                    check(block, file.get_tensor(block).double(), plain[block])
            read.append("safetensors")

            run(command, "convert", source, "--to", "npy", "--output", folder / f"{name}-arrays")
            notes = json.loads((folder / f"{name}-arrays/influencekit.json").read_text())
            assert {block["name"] for block in notes["blocks"]} == set(BLOCKS)
            for block in notes["blocks"]:
                array = np.load(folder / f"{name}-arrays" / block["file"])
                assert array.dtype == ("float32" if name == "bfloat16" else name)
                check(block["name"], array, plain[block["name"]])
            read.append("numpy")

            index = folder / f"{name}-index"
            run(command, "convert", source, "--to", "bergson", "--output", index)
            whole, modules = bergson.load_gradients(index), bergson.load_module_gradients(index)
            assert whole.shape == (40, 35) and set(modules.keys()) == set(BLOCKS)
            for block in BLOCKS:
                check(block, modules[block].astype(np.float64), plain[block].reshape(40, -1))
            # It computes in the type that it is given.
            attributor = bergson.Attributor(index, dtype=torch.float64)
            queries = {block: torch.tensor(plain[block].reshape(40, -1)[:3]) for block in BLOCKS}
            scores, rows = attributor.search(queries, k=40)
            expected = sum(plain[block].reshape(40, -1)[:3] @ plain[block].reshape(40, -1).T for block in BLOCKS)
            found = np.zeros((3, 40))
            np.put_along_axis(found, rows.numpy(), scores.double().numpy(), 1)
            assert np.abs(found - expected).max() < 1e-9 * np.abs(expected).max(), np.abs(found - expected).max()
            read.append("bergson (load_gradients, load_module_gradients, Attributor.search)")
            print(f"{name}: the same numbers by {', '.join(read)}")


if __name__ == "__main__":
    main(sys.argv[1])
