"""Tests of influence_export.py; scripts/test-exporter runs them."""

import contextlib
import copy
import csv
import functools
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from torch import nn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
import influence_export as exporter  # noqa: E402
from influence_export import Denoising, ExportError, export, label_loss, token_loss  # noqa: E402

warnings.filterwarnings("ignore")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
TESTS, SKIPPED = [], []
PLACE = Path(tempfile.mkdtemp(prefix="influence-export-"))


def test(function):
    TESTS.append(function)
    return function


def skip(what):
    SKIPPED.append(what)


def installed(name):
    try:
        return __import__(name)
    except Exception as error:  # A package may fail in many ways while it is imported.
        skip(f"{name}: {str(error).splitlines()[0]}")
        return None


@functools.cache
def command():
    """The command `influence`, or nothing."""
    for path in (os.environ.get("INFLUENCE"), ROOT / ".build/release/influence", ROOT / ".build/debug/influence"):
        if path and Path(path).exists():
            return str(path)
    skip("all comparisons with the command: there is no `influence` (set INFLUENCE)")
    return None


def influence(*arguments, code=0):
    if not command():
        return None
    run = subprocess.run([command(), *map(str, arguments)], capture_output=True, text=True)
    assert run.returncode == code, f"influence {' '.join(map(str, arguments))}: {run.returncode}\n{run.stdout}{run.stderr}"
    return run.stdout


def opened(path):
    """Blocks of a store as float64 arrays, the lines of examples.jsonl; `influence` must find the store sound."""
    influence("verify", path)
    influence("inspect", path)
    info = json.loads((path / "info.json").read_text())
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["complete"] and manifest["rows"] == info["num_items"]
    sizes, dtype = info["grad_sizes"], info["base_dtype"]
    raw = np.fromfile(path / "gradients.bin", {"bfloat16": "<u2", "scaled_int8": "i1"}.get(dtype, dtype))
    if dtype == "bfloat16":
        raw = (raw.astype(np.uint32) << 16).view(np.float32)
    all_ = raw.reshape(info["num_items"], -1).astype(float)
    if dtype == "scaled_int8":
        scales = np.fromfile(path / "scales.bin", "<f4").reshape(len(all_), -1)
        all_ = all_ * np.repeat(scales, list(sizes.values()), axis=1)
    norms = np.fromfile(path / "squared_norms.bin", "<f8").reshape(len(all_), -1)
    blocks, start = {}, 0
    for index, (name, width) in enumerate(sizes.items()):
        blocks[name] = all_[:, start:start + width]
        np.testing.assert_allclose(norms[:, index], (blocks[name] ** 2).sum(1), rtol=1e-6, atol=1e-30)
        start += width
    lines = [json.loads(line) for line in open(path / "examples.jsonl")]
    return blocks, lines


def near(found, expected, limit=1e-4, floor=1e-6):
    """The largest ‖found − expected‖/‖expected‖ over rows and blocks stays below the limit.

    A block that is less than a millionth of its row counts as a millionth: single precision has no more of it.
    """
    assert list(found) == list(expected), (list(found)[:3], list(expected)[:3])
    rows = np.sqrt(sum((v ** 2).sum(1) for v in expected.values()))
    worst = 0
    for name in expected:
        assert found[name].shape == expected[name].shape, (name, found[name].shape, expected[name].shape)
        far = np.linalg.norm(found[name] - expected[name], axis=1)
        size = np.maximum(np.linalg.norm(expected[name], axis=1), floor * rows)
        worst = max(worst, float((far / np.maximum(size, 1e-30)).max()))
    assert worst < limit, worst
    return worst


def block(name):
    return name.replace(".default", "").replace(".modules_to_save", "")


def looped(model, loss, singles, chosen=lambda name: True, double=True):
    """The gradients of examples by autograd, one after the other, without padding, in double precision."""
    model = copy.deepcopy(model).eval()
    model = model.double() if double else model
    named = [(n, p.requires_grad_(True)) for n, p in model.named_parameters() if chosen(n)]
    named.sort(key=lambda item: "lora_" not in item[0] and any("lora_" in n for n, _ in named))
    rows, losses = {block(n): [] for n, _ in named}, []
    for single in singles:
        value = loss(model, single).sum()
        found = torch.autograd.grad(value, [p for _, p in named], allow_unused=True)
        losses.append(float(value))
        for (name, parameter), gradient in zip(named, found):
            gradient = torch.zeros_like(parameter) if gradient is None else gradient
            rows[block(name)].append(gradient.double().reshape(-1).numpy())
    return {n: np.stack(v) for n, v in rows.items()}, losses


def spread(model, scale=0.3, seed=3):
    """Random numbers in place of B = 0, at which A would have no gradient."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * scale
    return model


def texts(vocabulary, is_labelled, count=7, batch=3, seed=0):
    """Texts of mixed lengths: padded batches, and each by itself."""
    random = np.random.default_rng(seed)
    lengths = random.integers(3, 12, count)
    ids = [torch.tensor(random.integers(5, vocabulary, n)) for n in lengths]
    labels = random.integers(0, 3, count)
    singles = []
    for row, tokens in enumerate(ids):
        label = torch.tensor([labels[row]]) if is_labelled else tokens[None].clone()
        if not is_labelled:
            label[0, :2] = -100
        singles.append({"input_ids": tokens[None], "attention_mask": torch.ones(1, len(tokens), dtype=torch.long), "labels": label})
    batches = []
    for first in range(0, count, batch):
        part = singles[first:first + batch]
        longest = max(p["input_ids"].shape[1] for p in part)

        def pad(key, fill):
            return torch.cat([nn.functional.pad(p[key], (0, longest - p[key].shape[1]), value=fill) for p in part])
        batches.append({"input_ids": pad("input_ids", 0), "attention_mask": pad("attention_mask", 0),
                        "labels": torch.cat([p["labels"] for p in part]) if is_labelled else pad("labels", -100)})
    return batches, singles


def language_model(kind, seed=0, vocabulary=90):
    """A tiny random model with adapters: the model, its loss, padded batches and single texts."""
    import transformers
    from peft import LoraConfig, get_peft_model
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    if kind == "bert":
        base = transformers.BertForSequenceClassification(transformers.BertConfig(
            vocab_size=vocabulary, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, num_labels=3,
            max_position_embeddings=32, initializer_range=0.3))
        targets, task = ["query", "value", "output.dense"], "SEQ_CLS"
    elif kind == "llama":
        base = transformers.LlamaForCausalLM(transformers.LlamaConfig(
            vocab_size=vocabulary, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40,
            max_position_embeddings=32, initializer_range=0.3))
        targets, task = ["q_proj", "v_proj", "down_proj"], "CAUSAL_LM"
    else:
        base = transformers.GPT2LMHeadModel(transformers.GPT2Config(
            vocab_size=vocabulary, n_embd=24, n_layer=2, n_head=3, n_positions=32, initializer_range=0.3, eos_token_id=1, bos_token_id=1))
        targets, task = ["c_attn", "c_proj"], "CAUSAL_LM"
    model = spread(get_peft_model(base, LoraConfig(
        r=4, lora_alpha=8, target_modules=targets, task_type=task, lora_dropout=0.1, fan_in_fan_out=kind == "gpt2")))
    batches, singles = texts(vocabulary, kind == "bert")
    return model, label_loss if kind == "bert" else token_loss, batches, singles


def adapters(name):
    return "lora_" in name or "modules_to_save" in name


class Said(list):
    """What an export says, on standard error."""

    @contextlib.contextmanager
    def during(self):
        stream = io.StringIO()
        with contextlib.redirect_stderr(stream):
            yield self
        self.extend(stream.getvalue().splitlines())


def refused(work, *words):
    """Work must fail with a message that has all of the words, and is short."""
    try:
        work()
    except ExportError as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing and len(str(error)) < 400, (missing, str(error))
        return
    raise AssertionError("it was not refused")


# ---------------------------------------------------------------------------------------------------------------------

@test
def checksums_are_those_of_the_standard():
    assert exporter.crc32c(b"123456789") == 0xE3069283
    random = np.random.default_rng(0)
    for length in (0, 1, 255, 256, 257, 5_001, 1_200_003):
        data = random.integers(0, 256, length, dtype=np.uint8).tobytes()
        state = 0xFFFFFFFF
        for byte in data[:6000]:
            state = (state >> 8) ^ int(exporter._BYTES[(state ^ byte) & 255])
        assert exporter.crc32c(data[:6000]) == state ^ 0xFFFFFFFF
        cut = length // 3
        assert exporter.crc32c(data[cut:], exporter.crc32c(data[:cut])) == exporter.crc32c(data)


def models(kind):
    model, loss, batches, singles = language_model(kind)
    expected, losses = looped(model, loss, singles, adapters)
    before = {n: (p.requires_grad, p.detach().clone()) for n, p in model.named_parameters()}
    model.train()
    said = Said()
    with said.during():
        export(model, loss, batches, PLACE / kind,
               examples=[{"id": f"e{i}", "text": f"text {i} \u202e\n\"", "label": i % 3} for i in range(len(singles))])
    found, lines = opened(PLACE / kind)
    worst = near(found, expected)
    assert f"parameters: {len(expected)} by hooks" in said, said
    np.testing.assert_allclose([line["loss"] for line in lines], losses, rtol=1e-5)
    assert [line["id"] for line in lines] == [f"e{i}" for i in range(len(singles))] and lines[2]["text"] == "text 2 \u202e\n\""
    assert model.training and all(p.requires_grad == before[n][0] and torch.equal(p, before[n][1]) for n, p in model.named_parameters())
    return f"relative error {worst:.1e}"


@test
def bert_with_lora():
    return models("bert")


@test
def llama_with_lora():
    return models("llama")


@test
def gpt2_with_lora():
    return models("gpt2")


@test
def every_parameter_of_a_language_model():
    """All weights: tied embeddings, positions, Conv1D, norms, biases."""
    import transformers
    torch.manual_seed(0)
    worst = []
    for kind in ("gpt2", "bert", "llama"):
        model, loss, batches, singles = language_model(kind)
        model = model.unload()
        model = model.float()
        expected, _ = looped(model, loss, singles)
        said = Said()
        with said.during():
            export(model, loss, batches, PLACE / f"all-{kind}", parameters=".")
        # Biases of keys have no gradient but for rounding: softmax does not see them.
        worst.append(near(opened(PLACE / f"all-{kind}")[0], expected, floor=1e-3))
        assert not any("torch.func on the model" in line or "one example" in line for line in said), said
    assert isinstance(model, transformers.LlamaForCausalLM)
    return "relative errors " + ", ".join(f"{w:.1e}" for w in worst)


@test
def rows_without_a_gradient():
    """Frozen layers leave them out of the backward pass, and give what PyTorch's own give."""
    generator = torch.Generator().manual_seed(0)
    for turned in (False, True):
        for kept in (0, 1, 7, 24):
            layer = nn.Linear(20, 30).requires_grad_(False)
            x = torch.randn(4, 6, 20, generator=generator).requires_grad_(True)
            slopes = torch.randn(24, 30, generator=generator)
            slopes[torch.randperm(24, generator=generator)[kept:]] = 0
            # A row whose first numbers are zero has a gradient all the same.
            slopes[:, :16][slopes[:, 0] > 1] = 0
            expected, = torch.autograd.grad(layer(x), x, slopes.reshape(4, 6, 30))
            if turned:
                layer.weight.data = layer.weight.T.contiguous()
            with exporter._sparing([(layer, turned)]):
                found, = torch.autograd.grad(layer(x), x, slopes.reshape(4, 6, 30))
            assert "forward" not in layer.__dict__
            assert (found - expected).abs().max() <= 1e-5 and torch.equal(found == 0, expected == 0)
    # All frozen layers are taken so.
    model, *_ = language_model("gpt2")
    blocks = exporter._select(model, "lora", lambda text: None)
    frozen = exporter._Recorder(model, blocks).frozen
    assert len(frozen) == 9 and sum(turned for _, turned in frozen) == 8, len(frozen)


def measure_by_hand(name, reduction="mean"):
    """The margin log(p/(1 − p)) or the logit of labels or tokens, straight from probabilities."""
    def measured(model, batch):
        logits = model(**{k: v for k, v in batch.items() if k != "labels"}).logits[0]
        labels = batch["labels"][0] if logits.dim() > 1 else batch["labels"]
        pairs = list(zip(logits[:-1], labels[1:])) if logits.dim() > 1 else [(logits, labels[0])]
        values = []
        for z, y in pairs:
            if y >= 0:
                p = z.softmax(0)
                others = p[:y].sum() + p[y + 1:].sum()
                values.append(z[y] if name == "logit" else (p[y] / others).log())
        total = torch.stack(values).sum()
        return total if reduction == "sum" else total / len(values)
    return measured


@test
def measures():
    """Gradients of margins and logits."""
    worst = []
    for kind in ("bert", "llama"):
        model, loss, batches, singles = language_model(kind)
        for name in ("margin", "logit"):
            expected, values = looped(model, measure_by_hand(name), singles, adapters)
            place = PLACE / "measures" / kind / name
            export(model, functools.partial(loss, measure=name), batches, place, quiet=True)
            found, lines = opened(place)
            worst.append(near(found, expected))
            np.testing.assert_allclose([line["loss"] for line in lines], values, rtol=1e-4, atol=1e-5)
    model, loss, batches, singles = language_model("gpt2")
    expected, _ = looped(model, measure_by_hand("margin", "sum"), singles, adapters)
    export(model, functools.partial(loss, measure="margin", reduction="sum"), batches, PLACE / "measures" / "sum", quiet=True)
    worst.append(near(opened(PLACE / "measures" / "sum")[0], expected))
    refused(lambda: export(model, functools.partial(loss, measure="odds"), batches, PLACE / "measures" / "odds", quiet=True), "odds", "margin")
    return f"relative errors up to {max(worst):.1e}"


class Pictures(nn.Module):
    """Convolutions of many kinds, a norm with statistics, changes in place."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 6, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.groups = nn.Conv2d(6, 6, (3, 1), padding="same", groups=3, dilation=(2, 1))
        self.depth = nn.Conv2d(6, 6, 3, padding=1, groups=6, padding_mode="circular", bias=False)
        self.line = nn.Conv1d(6, 5, 3, padding=1, stride=2)
        self.turned = nn.ConvTranspose1d(5, 4, 2)
        self.head = nn.Linear(4, 3)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        x = nn.functional.relu_(self.norm(self.first(x)))
        x = x + self.depth(self.groups(x))
        x = torch.relu_(self.line(x.flatten(2)))
        return self.head(self.turned(x).mean(2)) * self.scale


def picture_loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0].to(next(model.parameters()).dtype) if not hasattr(model, "_model") else batch[0]),
                                       batch[1], reduction="none")


def pictures(count=7):
    generator = torch.Generator().manual_seed(5)
    x, y = torch.randn(count, 2, 9, 8, generator=generator), torch.arange(count) % 3
    return [(x[i:i + 3], y[i:i + 3]) for i in range(0, count, 3)], [(x[i:i + 1], y[i:i + 1]) for i in range(count)]


@test
def a_convolutional_net():
    torch.manual_seed(1)
    model = Pictures()
    model.norm.running_mean.normal_()
    model.norm.running_var.uniform_(0.5, 2)
    batches, singles = pictures()
    expected, _ = looped(model, picture_loss, singles)
    said = Said()
    with said.during():
        export(model, picture_loss, batches, PLACE / "pictures", parameters="trainable", memory=20_000)
    worst = near(opened(PLACE / "pictures")[0], expected)
    assert any("by hooks" in s and "on modules" in s and "by torch.func on the model (scale)" in s for s in said), said
    return f"relative error {worst:.1e}"


@test
def a_unet_with_lora():
    diffusers = installed("diffusers")
    if not diffusers:
        return "skipped"
    from peft import LoraConfig
    torch.manual_seed(0)
    model = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=2, out_channels=2, block_out_channels=(8,), layers_per_block=1, cross_attention_dim=6,
        attention_head_dim=4, norm_num_groups=4, down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",))
    model.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v", "conv1"]))
    spread(model)
    scheduler = diffusers.DDPMScheduler(num_train_timesteps=100)
    generator = torch.Generator().manual_seed(1)
    count, latents = 3, torch.randn(3, 2, 8, 8, generator=generator)
    words = torch.randn(3, 4, 6, generator=generator)
    batches = [{"latents": latents[i:i + 2], "encoder_hidden_states": words[i:i + 2]} for i in range(0, count, 2)]
    loss = Denoising(scheduler, [10, 60], seed=4)

    def by_hand(timesteps):
        def one(model, batch):
            place, total = batch["row"], 0
            for t in timesteps:
                seed = exporter._number(f"noise 4 {place} {t}")
                noise = torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(seed)).double()[None]
                share = scheduler.alphas_cumprod[t].double()
                noisy = share.sqrt() * batch["latents"].double() + (1 - share).sqrt() * noise
                output = model(noisy, torch.tensor([t]), encoder_hidden_states=batch["encoder_hidden_states"].double()).sample
                total = total + (output - noise).square().mean() / len(timesteps)
            return total
        singles = [{"latents": latents[i:i + 1], "encoder_hidden_states": words[i:i + 1], "row": i} for i in range(count)]
        return looped(model, one, singles, adapters)

    export(model, loss, batches, PLACE / "unet", quiet=True)
    worst = near(opened(PLACE / "unet")[0], by_hand([10, 60])[0])
    both = Denoising(scheduler, [10, 60], seed=4, concatenate=True)
    export(model, both, batches, PLACE / "unet-both", quiet=True)
    expected = {}
    for t in (10, 60):
        expected |= {f"{name}@t={t}": rows for name, rows in by_hand([t])[0].items()}
    return f"relative errors {worst:.1e}, {near(opened(PLACE / 'unet-both')[0], expected):.1e} concatenated"


@test
def the_diffusion_experiment():
    """scripts/diffusion/run.py at its smallest; its measures and tests against others."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "scripts/diffusion")]
    import tables
    generator = np.random.default_rng(3)
    scores, asked, learnt = generator.integers(0, 6, (4, 30)).astype(float), np.arange(4) % 3, np.arange(30) % 3
    aucs, recalls = tables.class_auc_and_recall(scores, asked, learnt)
    for row in range(4):
        pairs = [(scores[row, i], scores[row, j]) for i in range(30) for j in range(30) if learnt[i] == asked[row] != learnt[j]]
        assert abs(aucs[row] - np.mean([(a > b) + (a == b) / 2 for a, b in pairs])) < 1e-12
        best = sorted(range(30), key=lambda i: (-scores[row, i], i))[:10]
        assert recalls[row] == np.mean([learnt[i] == asked[row] for i in best])
    # Closed forms of Student's distribution at 3 and at 1 degrees of freedom; Holm's by hand.
    assert abs(tables.chance([1.0, 2.0, 3.0, 4.0]) - 0.0304663) < 1e-6
    assert abs(tables.chance([0.3, -0.1]) - 0.7048328) < 1e-6
    np.testing.assert_allclose(tables.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    if not command():
        return "without the command: measures alone"
    output = PLACE / "diffusion"
    call = [sys.executable, ROOT / "scripts/diffusion/run.py", "--smoke", "--influence", command(), "--output", output]
    run = subprocess.run(call, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    again = subprocess.run(call, capture_output=True, text=True)
    assert again.returncode == 0 and again.stdout == run.stdout, again.stderr
    ElementTree.parse(output / "found.svg")
    rows = list(csv.DictReader(open(output / "results.csv")))
    assert {row["method"] for row in rows} >= {"hessian-free", "datainf", "ekfac", "hyperinf", "exact", "pixels", "random"}
    assert all(0 <= float(row["mean"]) <= 1 for row in rows)
    # The measures in results.csv are those of the scores that `influence` wrote.
    kept = np.load(output / "seed-0/style/pictures.npz")
    auc, _ = tables.class_auc_and_recall(kept["scores exact 0.1"], kept["generated_class"], kept["train_class"])
    result = json.loads((output / "seed-0/style/result.json").read_text())
    found = [r["auc"] for r in result["measured"] if (r["method"], r["damping"], r["queries"]) == ("exact", "0.1", "generated")]
    np.testing.assert_allclose(found[0], auc)
    return f"{len(rows)} rows"


class Attention(nn.Module):
    """PyTorch's own attention, whose weights no module of their own uses."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(12, 3, 20, dropout=0.1, batch_first=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        return self.head(self.layer(x).mean(1))


class Cube(torch.autograd.Function):
    """A function that torch.func does not take."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3

    @staticmethod
    def backward(ctx, gradient):
        return 3 * ctx.saved_tensors[0] ** 2 * gradient


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.bend = nn.Linear(6, 3), nn.Parameter(torch.randn(6))

    def forward(self, x):
        return self.head(Cube.apply(x * self.bend))


@test
def modules_that_hooks_do_not_see():
    worst = []
    for model, shape, word in ((Attention(), (6, 5, 12), "torch.func on the model"), (Odd(), (6, 6), "one example after the other")):
        torch.manual_seed(0)
        x, y = torch.randn(shape), torch.arange(6) % 3
        batches = [(x[:4], y[:4]), (x[4:], y[4:])]
        expected, _ = looped(model, picture_loss, [(x[i:i + 1], y[i:i + 1]) for i in range(6)])
        said = Said()
        with said.during():
            export(model, picture_loss, batches, PLACE / f"odd-{word[:5]}", parameters="trainable")
        assert any(word in line for line in said), said
        worst.append(near(opened(PLACE / f"odd-{word[:5]}")[0], expected))
    return "relative errors " + ", ".join(f"{w:.1e}" for w in worst)


class Experts(nn.Module):
    """Each example takes one of two layers, with tokens in front: the second is used from the second batch on."""

    def __init__(self):
        super().__init__()
        self.experts, self.head = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 6)]), nn.Linear(6, 3)

    def forward(self, x):
        out, choice = torch.zeros_like(x), x[:, 0, 0] > 3
        for which, expert in enumerate(self.experts):
            chosen = choice == bool(which)
            if chosen.any():
                out = out.index_put((chosen.nonzero()[:, 0],), expert(x[chosen].transpose(0, 1)).transpose(0, 1))
        return self.head(torch.tanh(out).mean(1))


@test
def modules_that_later_batches_use():
    torch.manual_seed(0)
    model, x, y = Experts(), torch.randn(8, 4, 6), torch.arange(8) % 3
    x[5:7, 0, 0] = 4
    batches, singles = [(x[:4], y[:4]), (x[4:], y[4:])], [(x[i:i + 1], y[i:i + 1]) for i in range(8)]
    export(model, picture_loss, batches, PLACE / "experts", parameters="trainable", quiet=True)
    near(opened(PLACE / "experts")[0], looped(model, picture_loss, singles)[0])


class Late(nn.Module):
    """A layer is used by batches with a marked example alone."""

    def __init__(self):
        super().__init__()
        self.first, self.late, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        out, marked = self.first(x), x[:, :1, :1] > 3
        if marked.any():
            out = out + self.late(x) * marked
        return self.head(self.drop(torch.tanh(out)).mean(1))


@test
def factors_and_members_of_modules_that_later_batches_use():
    torch.manual_seed(0)
    model, x, y = Late(), torch.randn(8, 4, 6), torch.arange(8) % 3
    x[5:7, 0, 0] = 4
    batches = [(x[:4], y[:4]), (x[4:], y[4:])]
    weights = [n for n, _ in model.named_parameters() if n.endswith("weight")]
    for name, given in [("two", batches), ("one", [(x, y)])]:
        export(model, picture_loss, given, PLACE / "late" / name, parameters=weights, factors=True, quiet=True)
    two, one = (load_file(PLACE / "late" / n / "curvature.safetensors") for n in ("two", "one"))
    # Each batch counts once; the layer itself has no tokens of the first batch.
    always = [key for key in one if "late" not in key]
    assert set(two) == set(one) and len(always) >= 4
    for key in always:
        assert np.abs(two[key] - one[key]).max() <= 1e-5 * np.abs(one[key]).max(), key
    # The comparison of the second batch is outside of dropout.
    export(model, picture_loss, batches, PLACE / "late-members" / "train", parameters="trainable", members=(2, 0.3), quiet=True)
    members = [opened(PLACE / "late-members" / str(m) / "train")[0] for m in range(2)]
    assert any(not np.array_equal(members[0][key], members[1][key]) for key in members[0])


@test
def names_of_classes():
    torch.manual_seed(0)
    model, x, y = Experts(), torch.randn(4, 4, 6), torch.arange(4) % 3
    labelled = [{"label": name} for name in ("no", "yes", "no", "yes")]

    def metadata(name, examples, **more):
        export(model, picture_loss, [(x, y)], PLACE / "classes" / name, parameters="trainable", representations="head",
               examples=examples, quiet=True, **more)
        with safe_open(PLACE / "classes" / name / "representations.safetensors", "np") as file:
            return file.metadata()

    assert json.loads(metadata("given", labelled, classes=["yes", "no"])["classes"]) == ["yes", "no"]
    # A store that lacks a class numbers the others alike.
    assert json.loads(metadata("one", [{"label": "no"}] * 4, classes=["yes", "no"])["classes"]) == ["yes", "no"]
    assert json.loads(metadata("none", [{"id": str(i)} for i in range(4)])["classes"]) == []
    for name, examples, more, part in [
        ("unknown", labelled, {}, "classes="), ("other", labelled, {"classes": ["yes"]}, "row 0"),
        ("some", [{"label": "no"}] + [{"id": str(i)} for i in range(3)], {"classes": ["no"]}, "row 1"),
    ]:
        try:
            metadata(name, examples, **more)
        except ExportError as error:
            assert part in str(error), error
        else:
            raise AssertionError(name)


class Checkpointed(nn.Module):
    """Layers that are shared, and computed again in the backward pass."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        from torch.utils.checkpoint import checkpoint
        for _ in range(3):
            x = checkpoint(lambda t: torch.tanh(self.layer(t)), x, use_reentrant=False)
        return self.head(x)


@test
def checkpointing_and_shared_layers():
    x, y = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3
    torch.manual_seed(0)
    model = Checkpointed()
    expected, _ = looped(model, picture_loss, [(x[i:i + 1], y[i:i + 1]) for i in range(6)])
    export(model, picture_loss, [(x[:4], y[:4]), (x[4:], y[4:])], PLACE / "again", parameters="trainable", quiet=True)
    near(opened(PLACE / "again")[0], expected)
    model, loss, batches, singles = language_model("llama")
    expected, _ = looped(model, loss, singles, adapters)
    model.gradient_checkpointing_enable()
    model.train()
    export(model, loss, batches, PLACE / "again-llama", quiet=True)
    near(opened(PLACE / "again-llama")[0], expected)


@test
def half_precision():
    """Models in bfloat16 and float16 against the same weights in double precision; stores of every type."""
    out = []
    for dtype, limit in ((torch.bfloat16, 0.3), (torch.float16, 0.05)):
        model, loss, batches, singles = language_model("bert")
        model = model.to(dtype)
        expected, _ = looped(model, loss, singles, adapters)
        export(model, loss, batches, PLACE / f"half-{dtype}", quiet=True)
        found, _ = opened(PLACE / f"half-{dtype}")
        rows = np.sqrt(sum((v ** 2).sum(1) for v in expected.values()))
        far = np.sqrt(sum(((found[n] - expected[n]) ** 2).sum(1) for n in expected))
        assert (far / rows).max() < limit, (dtype, (far / rows).max())
        out.append(f"{dtype} model {(far / rows).max():.1e}")
    model, loss, batches, singles = language_model("bert")
    expected, _ = looped(model, loss, singles, adapters)
    for dtype, limit in (("float64", 1e-4), ("float16", 2e-3), ("bfloat16", 8e-3), ("int8", 2e-2)):
        export(model, loss, batches, PLACE / f"store-{dtype}", dtype=dtype, quiet=True)
        # Small numbers of float16 lose digits; of the row as a whole little is lost.
        found, _ = opened(PLACE / f"store-{dtype}")
        rows = np.sqrt(sum((v ** 2).sum(1) for v in expected.values()))
        far = np.sqrt(sum(((found[n] - expected[n]) ** 2).sum(1) for n in expected))
        assert (far / rows).max() < limit, (dtype, (far / rows).max())
    return ", ".join(out)


@test
def what_the_command_itself_writes():
    """`influence import` of the store gives the same bytes, in every type."""
    if not command():
        return "skipped"
    model, loss, batches, singles = language_model("gpt2")
    described = [{"id": f"{i}", "text": "ünïcode \u2028 \x07 \\ ok", "label": "x"} for i in range(len(singles))]
    for dtype in ("float32", "float64", "float16", "bfloat16", "int8"):
        ours, theirs = PLACE / f"ours-{dtype}", PLACE / f"theirs-{dtype}"
        export(model, loss, batches, ours, dtype=dtype, examples=described, quiet=True)
        influence("import", ours, theirs, "--quiet")
        for name in sorted(os.listdir(theirs)):
            if name == "manifest.json":
                a, b = (json.loads((place / name).read_text()) for place in (ours, theirs))
                for manifest in (a, b):
                    for key in ("provenance", "checksum"):
                        manifest.pop(key)
                    # Sums of squares differ in the last digit by the order of addition.
                    manifest["checksums"].pop("squared_norms.bin")
                assert json.dumps(a) == json.dumps(b), dtype
            elif name == "squared_norms.bin":
                np.testing.assert_allclose(*(np.fromfile(p / name, "<f8") for p in (ours, theirs)), rtol=1e-13)
            else:
                assert (ours / name).read_bytes() == (theirs / name).read_bytes(), (dtype, name)


SLOW = """
import sys, time
sys.path.insert(0, {here!r})
import torch
torch.set_num_threads(1)
from test_export import Pictures, picture_loss as loss, pictures
from influence_export import export
torch.manual_seed(0)
model, (batches, singles) = Pictures(), pictures()
def slow(model, batch):
    time.sleep({pause})
    return loss(model, batch)
slow.__qualname__ = "loss"
export(model, slow, batches * 6, {output!r}, "trainable", commit_seconds=0, dtype="bfloat16", quiet=True,
       examples=[dict(id=str(i)) for i in range(42)])
"""


def slow(output, pause):
    return [sys.executable, "-W", "ignore", "-c", SLOW.format(here=str(HERE), pause=pause, output=str(output))]


@test
def a_kill():
    """Killed at several moments by SIGKILL, and gone on with: the same bytes as at one go."""
    whole, parts = PLACE / "whole", PLACE / "killed"
    subprocess.run(slow(whole, 0), check=True)
    rows = []
    for stop in (1, 20):
        run = subprocess.Popen(slow(parts, 0.12))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                if json.loads((parts / "manifest.json").read_text())["rows"] >= stop:
                    break
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        manifest = json.loads((parts / "manifest.json").read_text())
        assert not manifest["complete"] and 0 < manifest["rows"] < 42
        rows.append(manifest["rows"])
        influence("inspect", parts, code=65)
    subprocess.run(slow(parts, 0), check=True)
    for name in os.listdir(whole):
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
    assert not [name for name in os.listdir(parts) if name.startswith(".")]
    opened(parts)
    return f"killed at rows {rows}"


@test
def going_on_is_refused_for_another_store():
    model, loss, batches, singles = language_model("bert")
    place = PLACE / "other"
    export(model, loss, batches, place, quiet=True)
    before = (place / "manifest.json").read_bytes()
    said = Said()
    with said.during():
        export(model, loss, batches, place)
    assert (place / "manifest.json").read_bytes() == before and any("7 of them earlier" in line for line in said), said
    refused(lambda: export(model, loss, batches, place, dtype="float16", quiet=True), "type of numbers", "another folder")
    refused(lambda: export(model, loss, batches[1:], place, quiet=True), "origin")
    refused(lambda: export(model, loss, batches, place, parameters="query", quiet=True), "blocks")
    refused(lambda: export(model, loss, batches + batches, place, quiet=True), "complete with 7 rows")
    spread(model, seed=9)
    refused(lambda: export(model, loss, batches, place, quiet=True), "origin")
    (place / "manifest.json").write_bytes(before.replace(b'"rows": 7,', b'"rows": 6,'))
    refused(lambda: export(model, loss, batches, place, quiet=True), "damaged")


@test
def members_under_dropout():
    model, loss, batches, _ = language_model("bert")
    export(model, loss, batches, PLACE / "plain", quiet=True)
    folders = export(model, loss, batches, PLACE / "members" / "train", members=(3, 0.4), seed=5, quiet=True)
    assert [str(f.relative_to(PLACE)) for f in folders] == [f"members/{m}/train" for m in range(3)]
    export(model, loss, batches, PLACE / "again" / "train", members=(3, 0.4), seed=5, quiet=True)
    stores = [opened(f)[0] for f in folders]
    plain = opened(PLACE / "plain")[0]
    near(stores[0], plain, 1e-7)
    for m, folder in enumerate(folders):
        assert (folder / "gradients.bin").read_bytes() == (PLACE / "again" / str(m) / "train" / "gradients.bin").read_bytes()
    # By the same random numbers, autograd gives each batch's sum of rows.
    dropouts = [d for n, d in model.named_modules() if n.endswith("lora_dropout.default")]
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    provenance = json.loads((folders[1] / "manifest.json").read_text())["provenance"]
    assert provenance["dropout"] == "0.2" and provenance["seed"] == "5"
    row = 0
    for batch in batches:
        model.eval()
        for dropout in dropouts:
            dropout.train().p = 0.2
        torch.manual_seed(exporter._number(f"5 1 {provenance['first_batch']}  {row}"))
        found = torch.autograd.grad(loss(model, batch).sum(), [p for _, p in named])
        count = len(batch["labels"])
        for (name, _), gradient in zip(named, found):
            ours = stores[1][block(name)][row:row + count].sum(0)
            assert np.linalg.norm(ours - gradient.reshape(-1).numpy()) <= 1e-4 * np.linalg.norm(ours) + 1e-6, name
        row += count
    far = [np.sqrt(sum(((s[n] - plain[n]) ** 2).sum() for n in plain)) for s in stores]
    assert 0 < far[1] < far[2]


@test
def checkpoints():
    model, loss, batches, singles = language_model("llama")
    own = {n: p.detach().clone() for n, p in model.named_parameters()}
    states = {}
    for epoch in (1, 2):
        model.save_pretrained(PLACE / f"epoch-{epoch}")
        states[f"epoch-{epoch}"] = PLACE / f"epoch-{epoch}"
        spread(model, seed=10 + epoch)
    for name, parameter in model.named_parameters():
        parameter.data = own[name].clone()
    folders = export(model, loss, batches, PLACE / "steps" / "train", checkpoints=states, quiet=True)
    assert [str(f.relative_to(PLACE / "steps")) for f in folders] == ["checkpoints/epoch-1/train", "checkpoints/epoch-2/train"]
    assert all(torch.equal(p, own[n]) for n, p in model.named_parameters())
    for epoch, folder in enumerate(folders, 1):
        if epoch == 2:
            spread(model, seed=11)
        near(opened(folder)[0], looped(model, loss, singles, adapters)[0])
    refused(lambda: export(model, loss, batches, PLACE / "nothing" / "train", checkpoints={"a": {"what": torch.ones(1)}}, quiet=True),
            "what", "that the model has not")


@test
def optimizer_moments():
    """Scores of less against steps that AdamW itself takes from the same state, one example's gradient at a time."""
    model, loss, batches, singles = language_model("bert")
    trained = [p for n, p in model.named_parameters() if adapters(n)]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, betas=(0.9, 0.98), eps=1e-6)
    place = PLACE / "optimizer"
    refused(lambda: export(model, loss, batches, PLACE / "optimizer-none", optimizer=optimizer, quiet=True), "no step", "lora_A")
    for batch in batches * 2:
        optimizer.zero_grad()
        loss(model, batch).mean().backward()
        optimizer.step()
    export(model, loss, batches, place, optimizer=optimizer, quiet=True)
    blocks = opened(place)[0]
    found, names = load_file(place / "optimizer.safetensors"), {block(n): p for n, p in model.named_parameters() if adapters(n)}
    assert {name.rsplit(".", 1)[0] for name in found} == set(blocks)
    steps, rows = [], []
    for row in range(len(next(iter(blocks.values())))):
        step, gradient = [], []
        for name, values in blocks.items():
            state, alone = optimizer.state[names[name]], nn.Parameter(torch.zeros(values[row].size, dtype=torch.float64))
            other = torch.optim.AdamW([alone], lr=1.0, betas=(0.9, 0.98), eps=1e-6, weight_decay=0)
            other.state[alone] = {"step": state["step"].clone(), "exp_avg": state["exp_avg"].double().flatten(),
                                  "exp_avg_sq": state["exp_avg_sq"].double().flatten()}
            alone.grad = torch.from_numpy(values[row].flatten())
            other.step()
            step.append(-alone.detach().numpy())
            gradient.append(values[row].flatten())
        steps.append(np.concatenate(step))
        rows.append(np.concatenate(gradient))
    steps, rows = np.array(steps), np.array(rows)
    expected = rows @ steps.T / np.outer(np.linalg.norm(rows, axis=1), np.linalg.norm(steps, axis=1))
    if command():
        influence("score", "--train", place, "--query", place, "--method", "less", "--output", PLACE / "less.npy", "--quiet")
        far = np.abs(np.load(PLACE / "less.npy") - expected).max()
        assert far < 1e-4, far
    momentum = torch.optim.SGD(trained, lr=1e-3)
    refused(lambda: export(model, loss, batches, PLACE / "optimizer-none", optimizer=momentum, quiet=True), "SGD", "Adam")
    refused(lambda: export(model, loss, batches, PLACE / "optimizer-none", checkpoints={"a": {}}, optimizer=optimizer, quiet=True), "checkpoints")
    odd = torch.optim.AdamW([{"params": trained[:1]}, {"params": trained[1:], "eps": 1e-4}], lr=1e-3)
    for p in trained:
        p.grad = torch.ones_like(p)
    odd.step()
    refused(lambda: export(model, loss, batches, PLACE / "optimizer-none", optimizer=odd, quiet=True), "other betas")


def factors_by_hand(model, loss, singles, chosen):
    """A and S of linear maps by a loop over texts and tokens, in numpy."""
    model = copy.deepcopy(model).double().eval()
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    modules = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear) and chosen(n)}
    sums = {n: [0, 0, 0] for n in modules}
    for single in singles:
        kept, handles = {}, []
        for name, module in modules.items():
            def hook(module, inputs, output, name=name):
                output.retain_grad()
                kept[name] = inputs[0].detach(), output
            handles.append(module.register_forward_hook(hook))
        loss(model, single).sum().backward()
        for handle in handles:
            handle.remove()
        for name, (a, s) in kept.items():
            for x, g in zip(a.reshape(-1, a.shape[-1]).numpy(), s.grad.reshape(-1, s.shape[-1]).numpy()):
                sums[name][0] = sums[name][0] + np.outer(x, x)
                sums[name][1] = sums[name][1] + np.outer(g, g)
                sums[name][2] += 1
    return {n: (a / tokens, s / len(singles)) for n, (a, s, tokens) in sums.items()}


@test
def kronecker_factors():
    """Against a loop over tokens, which has no padding; on a run that was cut short, too; EK-FAC takes them."""
    model, loss, batches, singles = language_model("bert")
    expected = factors_by_hand(model, loss, singles, lambda n: "lora_" in n and "dropout" not in n or n.endswith("modules_to_save.default"))
    for folder in ("factors", "factors-late"):
        if folder == "factors-late":
            export(model, loss, batches, PLACE / folder, quiet=True)
        export(model, loss, batches, PLACE / folder, factors=True, quiet=True)
        found = load_file(PLACE / folder / "curvature.safetensors")
        for name, (a, s) in expected.items():
            for what, matrix in (("activations", a), ("output_gradients", s)):
                theirs = found[f"{block(name)}.weight.{what}"]
                far = np.linalg.norm(theirs - matrix) / np.linalg.norm(matrix)
                assert far < 1e-4, (name, what, far)
        assert f"{block('base_model.model.classifier')}.bias.activations" in found
        influence("verify", PLACE / folder)
        if command():
            for method in ("kfac", "ekfac"):
                influence("score", "--train", PLACE / folder, "--query", PLACE / folder, "--method", method,
                          "--output", PLACE / f"{folder}-{method}.npy", "--quiet")
    refused(lambda: export(model, loss, batches, PLACE / "no-factors", parameters="LayerNorm", factors=True, quiet=True), "linear maps")
    # GPT-2's weights are stored the other way round, and their factors too.
    model, loss, batches, singles = language_model("gpt2")
    model = model.unload().float()
    export(model, loss, batches, PLACE / "factors-turned", parameters=r"c_fc\.", factors=True, quiet=True)
    if command():
        influence("score", "--train", PLACE / "factors-turned", "--query", PLACE / "factors-turned", "--method", "ekfac",
                  "--output", PLACE / "turned.npy", "--quiet")


def drawn_by_hand(model, singles, seed):
    """The texts with labels or tokens drawn from the model's own probabilities, by a loop."""
    model = copy.deepcopy(model).double().eval()
    out = []
    for row, single in enumerate(singles):
        labels = single["labels"].clone()
        with torch.no_grad():
            logits = model(**{k: v for k, v in single.items() if k != "labels"}).logits[0]
        places = [None] if logits.dim() == 1 else [i for i in range(1, labels.shape[1]) if labels[0, i] >= 0]
        for place, number in zip(places, exporter._uniforms(seed, row, len(places)).tolist()):
            shares = (logits if place is None else logits[place - 1]).softmax(0).tolist()
            token = 0
            while token < len(shares) - 1 and number >= shares[token]:
                number -= shares[token]
                token += 1
            labels[(0,) if place is None else (0, place)] = token
        out.append({**single, "labels": labels})
    return out


@test
def factors_of_drawn_labels():
    """Labels and tokens drawn by a loop give the same factors, eigenvectors and second moments."""
    worst = 0
    for kind in ("bert", "llama"):
        model, loss, batches, singles = language_model(kind)
        drawn = drawn_by_hand(model, singles, 5)
        assert any(not torch.equal(a["labels"], b["labels"]) for a, b in zip(drawn, singles))
        expected = factors_by_hand(model, loss, drawn, lambda n: "lora_" in n and "dropout" not in n or n.endswith("modules_to_save.default"))
        gradients = looped(model, loss, drawn, adapters)[0]
        place = PLACE / "drawn" / kind
        export(model, loss, batches, place, factors="sampled", seed=5, quiet=True)
        near(opened(place)[0], looped(model, loss, singles, adapters)[0])
        with safe_open(place / "curvature.safetensors", "np") as file:
            assert file.metadata()["fisher"] == "sampled" and file.metadata()["examples"] == str(len(singles))
        found = load_file(place / "curvature.safetensors")
        for name, (a, s) in expected.items():
            one = f"{block(name)}.weight"
            bases = found[f"{one}.output_basis"], found[f"{one}.activation_basis"]
            moments = np.mean([(bases[0] @ g.reshape(len(s), len(a)) @ bases[1].T) ** 2 for g in gradients[one]], 0)
            for basis, matrix in zip(bases, (s, a)):
                turned = basis @ matrix @ basis.T
                assert np.abs(turned - np.diag(np.diag(turned))).max() < 1e-4 * np.abs(turned).max(), name
            for what, matrix in (("activations", a), ("output_gradients", s), ("eigenvalues", moments)):
                far = np.linalg.norm(found[f"{one}.{what}"] - matrix) / np.linalg.norm(matrix)
                worst = max(worst, far)
                assert far < 1e-4, (name, what, far)
        influence("verify", place)
        # Later, and with batches of other sizes, the same are drawn.
        again = PLACE / "drawn" / f"{kind}-again"
        export(model, loss, singles, again, quiet=True)
        export(model, loss, singles, again, factors="sampled", seed=5, quiet=True)
        others = load_file(again / "curvature.safetensors")
        assert all(np.abs(others[n] - found[n]).max() <= 1e-4 * np.abs(found[n]).max() for n in found if "basis" not in n and "eigenvalues" not in n)
        if command():
            influence("score", "--train", place, "--query", place, "--method", "ekfac", "--output", PLACE / "drawn.npy", "--quiet")
    refused(lambda: export(model, lambda m, b: loss(m, b), batches, PLACE / "drawn" / "none", factors="sampled", quiet=True), "draws")
    refused(lambda: export(model, loss, batches, PLACE / "drawn" / "none", factors="true", quiet=True), "sampled")
    return f"relative error {worst:.1e}"


@test
def factors_of_kronfluence():
    if not installed("kronfluence"):
        return "skipped"
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments
    from kronfluence.task import Task
    from kronfluence.utils.dataset import DataLoaderKwargs
    model, loss, batches, singles = language_model("bert")
    export(model, loss, batches, PLACE / "ours-kf", factors=True, quiet=True)
    ours = load_file(PLACE / "ours-kf" / "curvature.safetensors")
    names = [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and "lora_" in n]

    class Texts(Task):
        def compute_train_loss(self, batch, model, sample=False):
            return label_loss(model, batch).sum()

        def compute_measurement(self, batch, model):
            return label_loss(model, batch).sum()

        def get_influence_tracked_modules(self):
            return names

        def get_attention_mask(self, batch):
            return batch["attention_mask"]

    longest = max(s["input_ids"].shape[1] for s in singles)
    data = [{k: nn.functional.pad(v[0], (0, longest - v.shape[1])) if v.dim() == 2 else v[0] for k, v in s.items()} for s in singles]
    task = Texts()
    model = prepare_model(model.eval(), task)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        analyzer = Analyzer("kf", model, task, cpu=True, disable_tqdm=True, output_dir=str(PLACE / "kf"))
        analyzer.set_dataloader_kwargs(DataLoaderKwargs(num_workers=0))
        arguments = FactorArguments(strategy="ekfac", use_empirical_fisher=True)
        analyzer.fit_covariance_matrices("f", data, per_device_batch_size=3, factor_args=arguments, overwrite_output_dir=True)
        theirs = analyzer.load_covariance_matrices("f")
    tokens = sum(int(s["attention_mask"].sum()) for s in singles)
    worst = 0
    for name in names:
        a = theirs["activation_covariance"][name].numpy() / float(theirs["num_activation_covariance_processed"][name])
        # Its S is a mean over tokens, ours a sum over a text's tokens and a mean over texts.
        s = theirs["gradient_covariance"][name].numpy() / len(singles)
        assert float(theirs["num_gradient_covariance_processed"][name]) == tokens
        for what, matrix in (("activations", a), ("output_gradients", s)):
            worst = max(worst, np.linalg.norm(ours[f"{block(name)}.weight.{what}"] - matrix) / np.linalg.norm(matrix))
    assert worst < 1e-4, worst
    return f"relative error {worst:.1e}"


@test
def representations():
    model, loss, batches, singles = language_model("bert")
    described = [{"label": ["bad", "good", "so so"][int(s["labels"])]} for s in singles]
    export(model, loss, batches, PLACE / "vectors", representations="classifier", examples=described,
           classes=["bad", "good", "so so"], quiet=True)
    whole = load_file(PLACE / "vectors" / "representations.safetensors")
    found = whole["features"]
    with torch.no_grad():
        model.eval()
        expected = torch.cat([model.base_model.model.bert(s["input_ids"], s["attention_mask"]).pooler_output for s in singles])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # The head is at its minimum, so that it is the sum of its representers.
    x = np.concatenate([found, np.ones((len(found), 1))], 1)
    y = np.eye(3)[[int(s["labels"]) for s in singles]]
    z = x @ whole["head"].T
    slopes = np.exp(z) / np.exp(z).sum(1, keepdims=True) - y
    np.testing.assert_allclose(whole["output_gradients"], slopes, atol=1e-12)
    np.testing.assert_allclose(whole["head"], -slopes.T @ x / len(x) / 0.01, atol=1e-9)
    influence("score", "--train", PLACE / "vectors", "--query", PLACE / "vectors", "--method", "rps",
              "--output", PLACE / "rps.npy", "--quiet")
    influence("verify", PLACE / "vectors")
    influence("score", "--train", PLACE / "vectors", "--query", PLACE / "vectors", "--method", "knn-shapley:k=2",
              "--output", PLACE / "knn.npy", "--quiet")


@test
def scores_of_exported_gradients():
    """`influence` on exported stores against hessian-free, DataInf and exact scores in numpy, in double precision."""
    if not command():
        return "skipped"
    model, loss, batches, _ = language_model("bert")
    more, singles = texts(90, True, count=40, batch=8, seed=1)
    queries, query_singles = texts(90, True, count=6, batch=4, seed=2)
    export(model, loss, more, PLACE / "scored" / "train", quiet=True)
    export(model, loss, queries, PLACE / "scored" / "query", quiet=True)
    train = looped(model, loss, singles, adapters)[0]
    query = looped(model, loss, query_singles, adapters)[0]
    expected = {"hessian-free": 0, "datainf": 0, "exact": 0}
    for name, g in train.items():
        v, (n, d) = query[name], g.shape
        damping = 0.1 * (g ** 2).sum() / n / d
        expected["hessian-free"] = expected["hessian-free"] + v @ g.T
        weights = 1 / (damping + (g ** 2).sum(1))
        expected["datainf"] = expected["datainf"] + (v @ g.T - (v @ g.T * weights) @ (g @ g.T) / n) / damping
        expected["exact"] = expected["exact"] + v @ np.linalg.solve(g.T @ g / n + damping * np.eye(d), g.T)
    folder = PLACE / "scored" / "compared"
    influence("compare", "--train", PLACE / "scored" / "train", "--query", PLACE / "scored" / "query",
              "--methods", *expected, "--output", folder, "--quiet")
    out = []
    for method, scores in expected.items():
        found = np.load(next(p for p in sorted(folder.rglob(f"*{method}*.npy")))).astype(float)
        far = np.abs(found - scores).max() / np.abs(scores).max()
        assert far < 1e-3, (method, far)
        out.append(f"{method} {far:.1e}")
    return ", ".join(out)


def run_command(*arguments):
    run = subprocess.run([sys.executable, "-W", "ignore", str(HERE / "influence_export.py"), *map(str, arguments)],
                         capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


@test
def the_same_store_as_the_native_one():
    """MiniLM with an adapter that `influence finetune` trained: the same blocks and, to 1e-4, the same numbers."""
    models, data = os.environ.get("INFLUENCE_MODELS"), ROOT.parent / "shared/data/glue/sst2_train4500.jsonl"
    minilm = Path(models) / "minilm" if models else None
    if not command() or not minilm or not minilm.exists():
        skip("native gradients of MiniLM: they need INFLUENCE_MODELS and the command")
        return "skipped"
    lines = [json.dumps({"sentence": f"a {word} film , {'never' if row % 3 else 'always'} dull" + " indeed" * (row % 7), "label": row % 2})
             for row, word in enumerate("good bad charming slow witty loud".split() * 8)]
    if data.exists():
        lines = open(data, encoding="utf-8").read().splitlines()
    (PLACE / "sst2.jsonl").write_text("\n".join(lines[:48]) + "\n", encoding="utf-8")
    (PLACE / "few.jsonl").write_text("\n".join(lines[:24]) + "\n", encoding="utf-8")
    shared = ["--text", "sentence", "--label", "label", "--max-length", 64]
    influence("finetune", "--model", minilm, "--data", PLACE / "sst2.jsonl", *shared, "--epochs", 2, "--learning-rate", "1e-3",
              "--output", PLACE / "adapter", "--quiet")
    same = ["--model", minilm, "--adapter", PLACE / "adapter", "--data", PLACE / "few.jsonl", *shared, "--quiet"]
    influence("gradients", *same, "--output", PLACE / "native")
    code, text = run_command(*same, "--output", PLACE / "not-native", "--batch", 8)
    assert code == 0, text
    assert (PLACE / "native" / "info.json").read_bytes() == (PLACE / "not-native" / "info.json").read_bytes()
    (native, lines), (found, ours) = opened(PLACE / "native"), opened(PLACE / "not-native")
    worst = near(found, native)
    np.testing.assert_allclose([line.pop("loss") for line in ours], [line.pop("loss") for line in lines], rtol=1e-5)
    assert ours == lines
    if "--select-blocks" not in influence("gradients", "--help"):
        skip("native Kronecker factors: the command is of an earlier version")
        return f"relative error {worst:.1e}"
    some = [*same, "--select-blocks", "*.layer.0.*.lora_B.*", "--select-blocks", "*.layer.5.*lora_?.*", "--factors", "empirical"]
    influence("gradients", *some, "--output", PLACE / "native-some")
    code, text = run_command(*some, "--output", PLACE / "not-native-some", "--batch", 8)
    assert code == 0, text
    near(opened(PLACE / "not-native-some")[0], opened(PLACE / "native-some")[0])
    theirs, found = (load_file(PLACE / name / "curvature.safetensors") for name in ("native-some", "not-native-some"))
    assert len(found) == 12 and set(found) <= set(theirs)
    far = max(np.linalg.norm(found[name] - theirs[name]) / np.linalg.norm(theirs[name]) for name in found)
    assert far < 1e-4, far
    return f"relative error {worst:.1e}, of factors {far:.1e}"


def small_folders(kind, place):
    """A tiny model, its tokenizer and an adapter as folders of Hugging Face and PEFT."""
    import tokenizers
    import transformers
    from tokenizers import decoders, pre_tokenizers
    words = [f"{a} {b} {c}." for a in ("one", "Two", "three") for b in ("red", "green", "grey") for c in ("birds", "bells", "ünïcode")]
    if kind == "bert":
        trained = tokenizers.BertWordPieceTokenizer()
        trained.train_from_iterator(words, vocab_size=90, show_progress=False)
        tokenizer = transformers.BertTokenizerFast(tokenizer_object=trained._tokenizer)
    else:
        trained = tokenizers.Tokenizer(tokenizers.models.BPE())
        trained.pre_tokenizer, trained.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        trained.train_from_iterator(words, tokenizers.trainers.BpeTrainer(
            vocab_size=290, show_progress=False, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=trained, eos_token="<|endoftext|>")
    model, *_ = language_model(kind, vocabulary=max(90, len(tokenizer)))
    if kind == "bert":
        model.config.id2label = dict(enumerate(("bad", "good", "so so")))
        model.config.label2id = {name: number for number, name in model.config.id2label.items()}
    else:
        model.config.eos_token_id = tokenizer.eos_token_id
        model.config.bos_token_id = model.config.pad_token_id = None
    model.save_pretrained(place / "adapter")
    base = model.unload()
    base.save_pretrained(place / "model")
    tokenizer.save_pretrained(place / "model")
    return ["--model", place / "model", "--adapter", place / "adapter"], words


@test
def both_engines_on_small_models():
    """Whatever the exporter and `influence gradients` both have gives the same stores: measures, drawn labels, answers, heads."""
    if not command() or "--generate" not in influence("gradients", "--help"):
        return "skipped"
    worst = 0
    for kind in ("bert", "llama", "gpt2"):
        place = PLACE / "both" / kind
        same, words = small_folders(kind, place)
        rows = [{"text": w, "label": ("bad", "good", "so so")[i % 3], "prompt": w[:-1], "answer": " are " + words[(5 * i) % 27]} for i, w in enumerate(words[:11])]
        (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        same += ["--data", place / "rows.jsonl", "--quiet"]
        fields = ["--text", "text", "--label", "label"] if kind == "bert" else ["--prompt", "prompt", "--text", "answer"]
        runs = {"margin": [*fields, "--measure", "margin"], "logit": [*fields, "--measure", "logit"],
                "drawn": [*fields, "--factors", "sampled", "--seed", 3]}
        if kind == "bert":
            runs["head"] = [*fields, "--representations"]
        else:
            runs["sum"] = [*fields, "--measure", "margin", "--loss-reduction", "sum", "--loss-on", "all"]
            runs["answers"] = ["--prompt", "prompt", "--generate", 6]
        for name, options in runs.items():
            influence("gradients", *same, *options, "--output", place / f"native-{name}")
            ours = options + ["classifier"] if name == "head" else options
            code = exporter.main([*map(str, [*same, *ours, "--output", place / name, "--batch", 4])])
            assert code == 0, (kind, name)
            assert (place / name / "info.json").read_bytes() == (place / f"native-{name}" / "info.json").read_bytes()
            (found, lines), (native, theirs) = opened(place / name), opened(place / f"native-{name}")
            np.testing.assert_allclose([line.pop("loss") for line in lines], [line.pop("loss") for line in theirs], rtol=1e-4, atol=1e-5)
            if name == "answers":
                # Of bytes that are no text, one or more marks are shown.
                for line in lines + theirs:
                    line["text"] = re.sub("\ufffd+", "?", line["text"])
            wrong = next(((a, b) for a, b in zip(lines, theirs) if a != b), None)
            assert wrong is None, (kind, name, wrong)
            worst = max(worst, near(found, native))
            for file in {"drawn": ["curvature"], "head": ["representations"]}.get(name, []):
                one, other = (load_file(place / folder / f"{file}.safetensors") for folder in (name, f"native-{name}"))
                # Names of classes are numbers there, and names with their order here.
                assert set(one) ^ set(other) <= {"labels"}, (kind, name, set(one) ^ set(other))
                for key in set(one) & set(other):
                    # Eigenvectors are theirs up to signs, and to rotations among equal eigenvalues.
                    if key.endswith("basis"):
                        continue
                    a, b = one[key], other[key]
                    if key.endswith("eigenvalues"):
                        a, b = a.sum(), b.sum()
                    far = np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30)
                    assert far < 1e-4, (kind, name, key, far)
    return f"relative error {worst:.1e}"


@test
def the_command_says_what_is_wrong():
    data = PLACE / "bad.jsonl"
    data.write_text('{"sentence": "a", "label": 0}\n{"sentence": null, "label": 0}\n')
    same = ["--model", PLACE / "none", "--text", "sentence", "--label", "label", "--output", PLACE / "none-out"]
    code, text = run_command(*same, "--data", PLACE / "missing.jsonl")
    assert code == 65 and "there is no such file" in text, text
    with contextlib.redirect_stderr(io.StringIO()):
        for wrong in (["--prompt", "p"], ["--loss-on", "all"], ["--batch", "0"], ["--generate", "3"], ["--penalty", "0"],
                      ["--factors", "sampled", "--measure", "margin"]):
            try:
                exporter.main([*map(str, same), "--data", str(data), *wrong])
                raise AssertionError(wrong)
            except SystemExit as end:
                assert end.code == 2
    rows = exporter._read_examples(data)
    refused(lambda: exporter._texts(rows, "sentence", data), "row 1", "sentence", "repair")
    refused(lambda: exporter._texts(rows, "text", data), "no field 'text'", "sentence")
    data.write_text('{"sentence": "a"}\n{"sentence"\n')
    refused(lambda: exporter._read_examples(data), "line 2", "repair")


@test
def traps():
    """What goes wrong without a word elsewhere."""
    import peft
    model, loss, batches, singles = language_model("bert")
    place = PLACE / "trap"

    def attempt(loss=loss, batches=batches, model=model, **more):
        shutil.rmtree(place, ignore_errors=True)
        export(model, loss, batches, place, quiet=True, **more)

    refused(lambda: attempt(lambda m, b: loss(m, b).mean()), "one number for each", "reduction=")
    refused(lambda: attempt(lambda m, b: loss(m, b) - loss(m, b).mean()), "may not depend on the others")
    loader = torch.utils.data.DataLoader(singles, shuffle=True)
    refused(lambda: attempt(batches=loader), "shuffle=False")
    refused(lambda: attempt(batches=iter(batches), members=2), "only once")
    refused(lambda: attempt(parameters="nothing"), "no parameter's name matches")
    refused(lambda: attempt(parameters=["a.b"]), "a.b")
    refused(lambda: attempt(examples=[{}] * 6), "6 examples", "row 6")
    refused(lambda: attempt(examples=[{}] * 8), "8 examples and 7 rows")
    refused(lambda: attempt(examples=[{"idx": 1}] * 7), "row 0", "idx")
    refused(lambda: attempt(dtype="float8"), "float16")

    def poisoned(value):
        def bad(model, batch):
            return loss(model, batch) * torch.where(batch["input_ids"][:, 0] == singles[4]["input_ids"][0, 0], value, 1.0)
        return bad

    refused(lambda: attempt(poisoned(float("nan")), examples=[{"id": f"e{i}"} for i in range(7)]), "row 4 (e4)", "NaN", "leave it out")
    assert json.loads((place / "manifest.json").read_text())["rows"] == 3
    refused(lambda: attempt(poisoned(1e12), dtype="float16"), "row 4", "block base_model", "too large for float16", "bfloat16")

    class Blind(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * float("nan")

    def blind(model, batch):
        losses = loss(model, batch)
        return torch.stack([Blind.apply(v) if i == singles[4]["input_ids"][0, 0] else v
                            for v, i in zip(losses, batch["input_ids"][:, 0])])

    refused(lambda: attempt(blind), "row 4", "block base_model", "NaN or infinity")

    # PEFT freezes an adapter that is loaded without is_trainable=True.
    model.save_pretrained(PLACE / "frozen")
    base = copy.deepcopy(model).unload()
    frozen = peft.PeftModel.from_pretrained(base, PLACE / "frozen")
    said = Said()
    with said.during():
        export(frozen, loss, batches, PLACE / "frozen-out")
    assert any("is_trainable=True" in line for line in said), said
    near(opened(PLACE / "frozen-out")[0], looped(model, loss, singles, adapters)[0])
    assert not any(p.requires_grad for p in frozen.parameters())
    refused(lambda: attempt(model=frozen, parameters="trainable"), "is_trainable=True")
    plain = Pictures()
    refused(lambda: attempt(picture_loss, pictures()[0], plain), "no adapter", "trainable")

    # One output folder, two writers.
    shutil.rmtree(place, ignore_errors=True)
    store = exporter._Store(place, [("a", (2,))], "float32", {})
    refused(lambda: exporter._Store(place, [("a", (2,))], "float32", {}), "another run writes there")
    store.close()


def main():
    # Models are tiny: threads would wait for each other longer than they work.
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    words = sys.argv[2:] if sys.argv[1:2] == ["-k"] else []
    failed, started = 0, time.monotonic()
    try:
        for function in TESTS:
            if words and not any(word in function.__name__ for word in words):
                continue
            begun = time.monotonic()
            try:
                note = function()
            except Exception:
                import traceback
                traceback.print_exc()
                failed, note = failed + 1, "FAILED"
            print(f"{function.__name__.replace('_', ' ')}: {note or 'passed'} ({time.monotonic() - begun:.1f} s)", flush=True)
    finally:
        shutil.rmtree(PLACE, ignore_errors=True)
    for what in dict.fromkeys(SKIPPED):
        print(f"skipped: {what}")
    print(f"{failed} failed; {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
