"""A small diffusion model of 16 × 16 pictures: schedule of noise, U-Net with attention, LoRA, training and generation."""

import math
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

STEPS = 1000  # of the noise, as in DDPM


class Schedule:
    """DDPM's linear schedule. `config` and `add_noise` are what `Denoising` of the exporter asks of a scheduler."""

    def __init__(self):
        self.config = SimpleNamespace(prediction_type="epsilon")
        self.kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, STEPS), 0)  # the share of the picture's variance at each step

    def add_noise(self, clean, noise, t):
        kept = self.kept[t].reshape(-1, 1, 1, 1).to(clean)
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise


class Block(nn.Module):
    """Two convolutions around the timestep, with a connection past them."""

    def __init__(self, inner, outer, time):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, inner), nn.Conv2d(inner, outer, 3, padding=1)
        self.time = nn.Linear(time, outer)
        self.norm2, self.conv2 = nn.GroupNorm(8, outer), nn.Conv2d(outer, outer, 3, padding=1)
        self.past = nn.Conv2d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x))) + self.time(time)[:, :, None, None]
        return self.past(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    """Places of a picture read each other, or the words of its description."""

    def __init__(self, width, read):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_q, self.to_k, self.to_v = nn.Linear(width, width), nn.Linear(read, width), nn.Linear(read, width)
        self.to_out = nn.Linear(width, width)

    def forward(self, x, words=None):
        h = self.norm(x)
        words = h if words is None else words
        weights = (self.to_q(h) @ self.to_k(words).transpose(1, 2) / math.sqrt(x.shape[2])).softmax(2)
        return x + self.to_out(weights @ self.to_v(words))


class Reading(nn.Module):
    """Attention to the picture itself, then to its description."""

    def __init__(self, width, words):
        super().__init__()
        self.own, self.described = Attention(width, width), Attention(width, words)

    def forward(self, x, words):
        h = self.described(self.own(x.flatten(2).transpose(1, 2)), words)
        return h.transpose(1, 2).reshape(x.shape)


class UNet(nn.Module):
    """Predicts the noise in pictures [n, 1, 16, 16] at timesteps [n], described by two words: a digit's and a concept's, [n] each.

    The digit's word is trained with the model. Concepts (a style, or a subject) have random words that nothing trains, as
    the text encoder of Stable Diffusion is left as it is: concept 0 is a plain digit.
    """

    def __init__(self, width=32, words=32, concepts=32):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(32, 64), nn.SiLU(), nn.Linear(64, 64))
        self.digits = nn.Embedding(10, words)
        self.register_buffer("concepts", torch.randn(concepts, words, generator=torch.Generator().manual_seed(0)))
        self.first = nn.Conv2d(4, width, 3, padding=1)  # the picture as 8 × 8 places of 2 × 2 pixels
        self.down = Block(width, width, 64)
        self.down_reading = Reading(width, words)
        self.narrow = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.middle = Block(2 * width, 2 * width, 64)
        self.middle_reading = Reading(2 * width, words)
        self.middle2 = Block(2 * width, 2 * width, 64)
        self.widen = nn.Conv2d(2 * width, width, 3, padding=1)
        self.up = Block(2 * width, width, 64)
        self.up_reading = Reading(width, words)
        self.norm, self.last = nn.GroupNorm(8, width), nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, sample, t, digit, concept):
        angles = t[:, None].float() * torch.exp(-torch.arange(16) * (math.log(10000) / 16))
        time = F.silu(self.time(torch.cat([angles.sin(), angles.cos()], 1)))
        words = torch.stack([self.digits(digit), self.concepts[concept]], 1)
        wide = self.down_reading(self.down(self.first(F.pixel_unshuffle(sample, 2)), time), words)
        h = self.middle(self.narrow(wide), time)
        h = self.middle2(self.middle_reading(h, words), time)
        h = self.widen(F.interpolate(h, scale_factor=2.0))
        h = self.up_reading(self.up(torch.cat([h, wide], 1), time), words)
        return F.pixel_shuffle(self.last(F.silu(self.norm(h))), 2)


class LoRA(nn.Module):
    """A frozen linear map or convolution, and beside it a trained one of low rank, zero at first."""

    def __init__(self, base, rank):
        super().__init__()
        self.base = base
        if isinstance(base, nn.Conv2d):
            self.lora_A = nn.Conv2d(base.in_channels, rank, base.kernel_size, base.stride, base.padding, bias=False)
            self.lora_B = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        else:
            self.lora_A = nn.Linear(base.in_features, rank, bias=False)
            self.lora_B = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x):
        return self.base(x) + self.lora_B(self.lora_A(x))


def add_lora(model, rank):
    """Freezes the model, and puts LoRA beside all maps of attention and all convolutions of blocks."""
    model.requires_grad_(False)
    for module in list(model.modules()):
        if isinstance(module, (Block, Attention)):
            for name in ("conv1", "conv2") if isinstance(module, Block) else ("to_q", "to_k", "to_v", "to_out"):
                setattr(module, name, LoRA(getattr(module, name), rank))
    return model


def train(model, data, steps, batch, rate, seed, say):
    """Adam on the denoising loss with random timesteps, and a rate that falls to zero; gives the mean loss of the last tenth."""
    schedule, draws = Schedule(), torch.Generator().manual_seed(seed)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=rate)
    losses, count = [], len(data["sample"])
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 50) * (1 + math.cos(math.pi * step / steps)) / 2
        rows = torch.randint(count, (batch,), generator=draws)
        t = torch.randint(STEPS, (batch,), generator=draws)
        clean = data["sample"][rows]
        noise = torch.randn(clean.shape, generator=draws)
        predicted = model(schedule.add_noise(clean, noise, t), t, data["digit"][rows], data["concept"][rows])
        loss = F.mse_loss(predicted, noise)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1)
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            say(f"step {step + 1} of {steps}, loss {sum(losses[-100:]) / 100:.4f}")
    last = losses[-max(1, steps // 10):]
    return sum(last) / len(last)


@torch.no_grad()
def generate(model, digit, concept, seed, steps=40):
    """Pictures from noise by DDIM (arXiv 2010.02502) without noise of its own, at evenly spaced timesteps."""
    kept, draws = Schedule().kept, torch.Generator().manual_seed(seed)
    x = torch.randn(len(digit), 1, 16, 16, generator=draws)
    times = torch.linspace(STEPS - 1, 0, steps).round().long()
    for place, t in enumerate(times):
        noise = model(x, t.expand(len(x)), digit, concept)
        clean = ((x - (1 - kept[t]).sqrt() * noise) / kept[t].sqrt()).clamp(-1, 1)
        if place + 1 == steps:
            return clean
        noise, after = (x - kept[t].sqrt() * clean) / (1 - kept[t]).sqrt(), kept[times[place + 1]]
        x = after.sqrt() * clean + (1 - after).sqrt() * noise
