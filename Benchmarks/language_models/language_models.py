"""Per-text gradients and training of adapters: `influence` beside PyTorch and PEFT, by turns, in one run.

    python language_models.py INFLUENCE --minilm DIR --smollm2 FILE.gguf --texts FILE.jsonl [--repeats 5]

INFLUENCE is the command, built for release. Texts are made of the sentences in FILE (field `sentence`), so many after
each other that all have the asked number of tokens after cutting. Adapters have rank 8 beside queries and values; both
sides load the same one, trained for one epoch by the command. PyTorch takes gradients one text at a time, and with
`vmap(grad)` of 16 texts; it trains with AdamW on batches of 16, dropout and all. Ours is what the command says of its
pass, writing the store included. The limit is the largest rate of single-precision products that numpy reaches in the
same run, against 4 operations for each weight of the layers (and head) and token, 2 for those below the first adapter.

Prints medians, ratios, shares of the limit and our peak memory.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from torch.func import functional_call, grad, vmap
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer


# The peak that the system tells of a process counts what its parent had when it was made; a small one stands between.
WAIT = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
text = process.stdout.read().decode()
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss // 1024, status, text)
"""


def command(*arguments):
    """Runs the command: its tokens per second, and its peak memory in MB."""
    out = subprocess.run([sys.executable, "-c", WAIT, *map(str, arguments)], capture_output=True, text=True).stdout
    memory, status, text = out.split(" ", 2)
    if status != "0":
        raise SystemExit(text)
    rate = float(re.search(r"([\d.,e+]+) (?:tokens )?per second", text).group(1).replace(",", ""))
    return rate, int(memory)


def product_rate():
    a = np.random.default_rng(0).normal(size=(2048, 2048)).astype(np.float32)
    best = 0
    for _ in range(5):
        started = time.time()
        a @ a
        best = max(best, 2 * 2048**3 / (time.time() - started))
    return best


class Side:
    """One model on both sides."""

    def __init__(self, options, name, folder):
        self.name, self.options, self.folder = name, options, folder
        self.isLabels = name == "MiniLM"
        self.model = options.minilm if self.isLabels else options.smollm2
        self.length = 64 if self.isLabels else 96
        self.count = 128 if self.isLabels else 32
        sentences = [json.loads(line) for line in open(options.texts)]
        self.data = folder / f"{name}.jsonl"
        with open(self.data, "w") as out:
            for row in range(self.count):
                text = " ".join(sentences[(row * 24 + k) % len(sentences)]["sentence"] for k in range(24))
                out.write(json.dumps(dict(text=text, label=row % 2)) + "\n")
        self.fields = ["--text", "text", "--max-length", self.length] + (["--label", "label"] if self.isLabels else [])
        self.adapter = folder / f"{name}-adapter"
        self.train_ours()
        self.load()

    def train_ours(self):
        target = self.folder / f"{self.name}-{time.time_ns()}"
        rate = command(self.options.influence, "finetune", "--model", self.model, "--data", self.data, *self.fields,
                       "--epochs", 1, "--batch", 16, "--dropout", 0.05, "--output", target)
        if not self.adapter.exists():
            target.rename(self.adapter)
        return rate

    def gradients_ours(self):
        target = self.folder / f"{self.name}-{time.time_ns()}"
        result = command(self.options.influence, "gradients", "--model", self.model, "--adapter", self.adapter,
                         "--data", self.data, *self.fields, "--output", target)
        subprocess.run(["rm", "-r", str(target)])
        return result

    def load(self):
        path = Path(self.model)
        place = dict(pretrained_model_name_or_path=str(path.parent if path.is_file() else path))
        if path.is_file():
            place["gguf_file"] = path.name
        tokenizer = AutoTokenizer.from_pretrained(**place)
        kind = AutoModelForSequenceClassification if self.isLabels else AutoModelForCausalLM
        base = kind.from_pretrained(**place, dtype=torch.float32)
        self.peft = PeftModel.from_pretrained(base, str(self.adapter), is_trainable=True)
        rows = [json.loads(line) for line in open(self.data)]
        ids = [tokenizer(r["text"], truncation=True, max_length=self.length)["input_ids"] for r in rows]
        assert all(len(i) == self.length for i in ids)
        self.ids = torch.tensor(ids)
        self.labels = torch.tensor([r["label"] for r in rows])
        self.trained = {n: p for n, p in self.peft.named_parameters() if p.requires_grad}
        weights = sum(p.numel() for n, p in base.named_parameters() if "layer" in n and "lora" not in n and p.dim() == 2)
        self.operations = 4 * weights
        if not self.isLabels:
            self.operations += 4 * base.get_output_embeddings().weight.numel()

    def loss(self, ids, label):
        if self.isLabels:
            return torch.nn.functional.cross_entropy(self.peft(input_ids=ids[None]).logits, label[None])
        return self.peft(input_ids=ids[None], labels=ids[None]).loss

    def loop(self, count):
        self.peft.eval()
        started = time.time()
        for row in range(count):
            torch.autograd.grad(self.loss(self.ids[row], self.labels[row]), list(self.trained.values()))
        return count * self.length / (time.time() - started)

    def mapped(self, count):
        self.peft.eval()
        parameters = {n: p.detach() for n, p in self.trained.items()}

        def one(parameters, ids, label):
            out = functional_call(self.peft, parameters, kwargs=dict(input_ids=ids[None])).logits
            if self.isLabels:
                return torch.nn.functional.cross_entropy(out, label[None])
            return torch.nn.functional.cross_entropy(out[0, :-1], ids[1:])

        step = vmap(grad(one), in_dims=(None, 0, 0))
        started = time.time()
        for first in range(0, count, 16):
            step(parameters, self.ids[first:first + 16], self.labels[first:first + 16])
        return count * self.length / (time.time() - started)

    def train(self, count):
        self.peft.train()
        optimizer = torch.optim.AdamW(self.trained.values(), lr=1e-5)
        started = time.time()
        for first in range(0, count, 16):
            ids = self.ids[first:first + 16]
            labels = self.labels[first:first + 16] if self.isLabels else ids
            loss = self.peft(input_ids=ids, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        return count * self.length / (time.time() - started)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("influence")
    parser.add_argument("--minilm")
    parser.add_argument("--smollm2")
    parser.add_argument("--texts", required=True)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count())
    peak = product_rate()
    print(f"{os.cpu_count()} cores; products {peak / 1e9:.0f} GFLOP/s; medians of {options.repeats}, tokens per second")
    with tempfile.TemporaryDirectory() as folder:
        for name in [n for n, p in [("MiniLM", options.minilm), ("SmolLM2", options.smollm2)] if p]:
            side = Side(options, name, Path(folder))
            few = side.count if side.isLabels else side.count // 2
            rates = {k: [] for k in ["ours", "loop", "vmap", "training ours", "training"]}
            memory = 0
            side.loop(2)
            for _ in range(options.repeats):
                rate, used = side.gradients_ours()
                rates["ours"].append(rate)
                memory = max(memory, used)
                rates["loop"].append(side.loop(few))
                rates["vmap"].append(side.mapped(min(few, 32)))
                rates["training ours"].append(side.train_ours()[0])
                rates["training"].append(side.train(few))
            median = {k: statistics.median(v) for k, v in rates.items()}
            share = median["ours"] * side.operations / peak
            print(f"{name}, {side.length} tokens, {len(side.trained)} blocks")
            print(f"  gradients: ours {median['ours']:.0f} ({share:.0%} of the limit, {memory:.0f} MB), loop "
                  f"{median['loop']:.0f} ({median['ours'] / median['loop']:.2f} x), vmap {median['vmap']:.0f} "
                  f"({median['ours'] / median['vmap']:.2f} x)")
            print(f"  training: ours {median['training ours']:.0f}, PyTorch {median['training']:.0f} "
                  f"({median['training ours'] / median['training']:.2f} x)")


if __name__ == "__main__":
    main()
