"""Per-example gradients and trained weights of a small convolutional network, by PyTorch in float64.

    python convolution.py     writes Tests/ModelsTests/Fixtures/convolution.safetensors

Each convolution is torch.nn.functional.conv2d with 3 x 3 squares and one row of zeros around, then relu, then the mean over
squares of 2 x 2. Weights are written as this project has them: filters x 9 * channels, a column for each pixel of the square
row by row, all channels of a pixel together; the head reads place by place, all channels of a place together.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional

OUTPUT = Path(__file__).resolve().parents[2] / "Tests" / "ModelsTests" / "Fixtures" / "convolution.safetensors"

SEED = 5
CHANNELS, HEIGHT, WIDTH = 2, 8, 12
FILTERS = [3, 4]
CLASSES = 3
EXAMPLES = 6
STEPS, RATE, DECAY = 5, 0.01, 0.1

generator = torch.Generator().manual_seed(SEED)


def normal(*shape, scale):
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def parameters():
    found, channels = {}, CHANNELS
    for index, filters in enumerate(FILTERS):
        found[f"layers.{index}.weight"] = normal(filters, channels, 3, 3, scale=(9 * channels) ** -0.5)
        found[f"layers.{index}.bias"] = normal(filters, scale=0.1)
        channels = filters
    places = HEIGHT * WIDTH // 4 ** len(FILTERS)
    found["head.weight"] = normal(CLASSES, channels * places, scale=(channels * places) ** -0.5)
    found["head.bias"] = normal(CLASSES, scale=0.1)
    return found


def logits(values, images):
    x = images
    for index in range(len(FILTERS)):
        before = functional.conv2d(x, values[f"layers.{index}.weight"], values[f"layers.{index}.bias"], padding=1)
        x = functional.avg_pool2d(torch.relu(before), 2)
    return x.flatten(1) @ values["head.weight"].T + values["head.bias"]


def ours(name, tensor):
    """A parameter, or its gradients with leading dimensions, in this project's order of columns."""
    if name == "head.weight":
        height, width = HEIGHT // 2 ** len(FILTERS), WIDTH // 2 ** len(FILTERS)
        return tensor.unflatten(-1, (FILTERS[-1], height, width)).movedim(-3, -1).flatten(-3)
    return tensor.movedim(-3, -1).flatten(-3) if name.endswith("weight") else tensor


values = parameters()
images = normal(EXAMPLES, CHANNELS, HEIGHT, WIDTH, scale=1)
labels = torch.randint(CLASSES, (EXAMPLES,), generator=generator)
written = {"images": images.flatten(1), "labels": labels, "logits": logits(values, images)}
gradients = {name: [] for name in values}
losses = []
for image, label in zip(images, labels):
    leaves = {name: value.clone().requires_grad_(True) for name, value in values.items()}
    loss = functional.cross_entropy(logits(leaves, image[None]), label[None])
    loss.backward()
    losses.append(loss.detach())
    for name, leaf in leaves.items():
        gradients[name].append(leaf.grad)
written["losses"] = torch.stack(losses)
for name, value in values.items():
    written[name] = ours(name, value)
    written[f"gradient.{name}"] = ours(name, torch.stack(gradients[name])).flatten(1)

trained = {name: value.clone().requires_grad_(True) for name, value in values.items()}
optimizer = torch.optim.AdamW(trained.values(), lr=RATE, weight_decay=DECAY)
for _ in range(STEPS):
    optimizer.zero_grad()
    functional.cross_entropy(logits(trained, images), labels).backward()
    optimizer.step()
for name, value in trained.items():
    written[f"trained.{name}"] = ours(name, value.detach())

save_file({name: value.contiguous() for name, value in written.items()}, OUTPUT)
print(f"{OUTPUT}: {OUTPUT.stat().st_size} bytes")
