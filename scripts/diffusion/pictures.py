"""Pictures of digits: reading them, and the styles and subjects that a model is fine-tuned on."""

import gzip
import math
from pathlib import Path

import torch
import torch.nn.functional as F

STYLES = ("inverted", "turned", "striped")


def read_idx(path):
    """The bytes of an IDX file, as MNIST has them."""
    with gzip.open(path) as file:
        data = file.read()
    kind, axes = data[2], data[3]
    if data[:2] != b"\0\0" or kind != 8:
        raise SystemExit(f"error: {path}: it is not an IDX file of bytes")
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(axes)]
    return torch.frombuffer(bytearray(data[4 + 4 * axes:]), dtype=torch.uint8).reshape(shape)


def read(folder):
    """Pictures [n, 1, 16, 16] from −1 to 1 (28 × 28 pixels averaged over squares of 2, and an edge of 1), and classes [n]."""
    found = []
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        path = Path(folder) / name
        if not path.exists():
            raise SystemExit(f"error: there is no {path}; docs/data.md says where to get MNIST")
        found.append(read_idx(path))
    small = F.avg_pool2d(found[0][:, None].float() / 255, 2)
    return F.pad(small, (1, 1, 1, 1)) * 2 - 1, found[1].long()


def styled(pictures, style):
    """Pictures in a style: light and dark exchanged, turned by a quarter, or grey stripes behind the digit."""
    if style == "inverted":
        return -pictures
    if style == "turned":
        return torch.rot90(pictures, 1, (2, 3))
    return torch.where(torch.arange(16) % 4 < 2, pictures.clamp(min=0), pictures)


def views(picture, count, draws):
    """A picture as seen otherwise: turned by up to 15°, 0.85 to 1.1 times as large, moved by up to 1.2 pixels."""
    spread = 2 * torch.rand(count, 4, generator=draws) - 1
    angle, scale = spread[:, 0] * math.pi / 12, 1 / (0.975 + 0.125 * spread[:, 1])
    cos, sin = angle.cos() * scale, angle.sin() * scale
    move = spread[:, 2:] * 0.15
    maps = torch.stack([torch.stack([cos, -sin, move[:, 0]], 1), torch.stack([sin, cos, move[:, 1]], 1)], 1)
    grid = F.affine_grid(maps, [count, 1, 16, 16], align_corners=False)
    return F.grid_sample(picture.expand(count, 1, 16, 16) + 1, grid, align_corners=False) - 1


def style_set(pictures, digits, train, held, draws):
    """For each style `train` pictures to learn and `held` that are kept back; no two are of one digit's picture."""
    rows = torch.randperm(len(pictures), generator=draws)[:len(STYLES) * (train + held)].reshape(len(STYLES), -1)
    data = [{"sample": styled(pictures[rows[k]], style), "digit": digits[rows[k]], "concept": torch.full((train + held,), k + 1)}
            for k, style in enumerate(STYLES)]
    return joined(data, slice(0, train)), joined(data, slice(train, None))


def subject_set(pictures, digits, subjects, train, held, draws):
    """For each subject, which is one picture, `train` views of it to learn and `held` that are kept back."""
    rows = torch.randperm(len(pictures), generator=draws)[:subjects]
    data = [{"sample": views(pictures[row], train + held, draws), "digit": digits[row].expand(train + held),
             "concept": torch.full((train + held,), k + 1 + len(STYLES))} for k, row in enumerate(rows)]
    return joined(data, slice(0, train)), joined(data, slice(train, None))


def joined(parts, chosen=slice(None)):
    return {name: torch.cat([part[name][chosen] for part in parts]) for name in parts[0]}
