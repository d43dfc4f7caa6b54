"""A cache that dattri-LLM writes while a small network is trained, and the same per-example gradients by autograd.

    python dattri_llm_cache.py     writes Tests/InfluenceTests/Fixtures/dattri-llm/

The network reads tokens of four numbers: a layer with a bias, one without that is called twice, the mean over tokens, and a head
with a bias. Two steps of three and two examples are captured, of three and five tokens, of a loss that is a sum over the batch, with
dattri-LLM's own hooks and its default format, "memmap". Written are

    cache/                   the folder that dattri-LLM wrote, in float32
    expected.safetensors     per layer, examples x outputs x inputs, the bias as the last input; in float64 from the same weights
"""

import shutil
from pathlib import Path

import numpy as np
import torch
from dattri_llm import REGISTER_ALL, GradientStorageManager, HookManager, HookManagerConfig, OffloadCallback
from safetensors.numpy import save_file
from torch import nn

OUTPUT = Path(__file__).resolve().parents[2] / "Tests/InfluenceTests/Fixtures/dattri-llm"


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.again = nn.Linear(3, 3, bias=False)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        x = torch.tanh(self.again(x))
        x = torch.tanh(self.again(x))
        return self.head(x.mean(1))


def gradients(model, batches):
    rows = {}
    model = model.double()
    for inputs, labels in batches:
        for x, y in zip(inputs.double(), labels):
            model.zero_grad()
            nn.functional.cross_entropy(model(x[None]), y[None]).backward()
            for name, layer in model.named_children():
                g = layer.weight.grad
                if layer.bias is not None:
                    g = torch.cat([g, layer.bias.grad[:, None]], 1)
                rows.setdefault(name, []).append(g.numpy().copy())
    return {name: np.stack(values) for name, values in rows.items()}


def main():
    torch.manual_seed(3)
    model = Network()
    batches = [(torch.randn(3, 3, 4), torch.tensor([0, 1, 1])), (torch.randn(2, 5, 4), torch.tensor([1, 0]))]
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    storage = GradientStorageManager(str(OUTPUT / "cache"))
    manager = HookManager(
        model, config=HookManagerConfig(linear_io=REGISTER_ALL),
        callbacks=[OffloadCallback(offload_interval=1, file_manager=storage, recording_type="per_sample")])
    with manager.collect():
        for inputs, labels in batches:
            model.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels, reduction="sum").backward()
    manager.remove()
    save_file(gradients(model, batches), OUTPUT / "expected.safetensors")
    for path in sorted(OUTPUT.rglob("*")):
        if path.is_file():
            print(path.relative_to(OUTPUT), path.stat().st_size)


if __name__ == "__main__":
    main()
