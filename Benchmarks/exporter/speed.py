"""Per-example gradients in PyTorch: export(), vmap(grad) and a loop over examples, by turns, in one run.

    python Benchmarks/exporter/speed.py --model DIR                        MiniLM from scripts/fetch-models
    python Benchmarks/exporter/speed.py --random                           models of the same shapes, nothing to fetch
    python Benchmarks/exporter/speed.py --random --device cuda --quick     the same on a GPU, in a minute or two

Texts have 64 tokens (BERT) or 96 (Llama). Adapters have rank 8 beside queries and values; BERT's classifier is trained
too. export() writes the whole store, checksums included; the other two make the same numbers, bring them to the CPU, and
write nothing. Before times are taken, all three are compared. Prints examples per second, medians of --repeats, and
ratios.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.func import functional_call, grad, vmap

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "exporter"))
from influence_export import export, label_loss, token_loss  # noqa: E402


def bert(options):
    """MiniLM-L6, or a random BERT of its shape, with adapters."""
    import transformers
    from peft import LoraConfig, get_peft_model
    if options.random:
        model = transformers.BertForSequenceClassification(transformers.BertConfig(
            hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, num_labels=2))
    else:
        model = transformers.AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=2)
    return get_peft_model(model, LoraConfig(r=8, target_modules=["query", "value"], task_type="SEQ_CLS"))


def llama(options):
    """A random Llama of the shape of SmolLM2-135M, with adapters."""
    import transformers
    from peft import LoraConfig, get_peft_model
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=49152, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        intermediate_size=1536, tie_word_embeddings=True))
    return get_peft_model(model, LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))


class Side:
    def __init__(self, model, loss, length, vocabulary, count, options):
        self.options, self.loss, self.count, self.batch = options, loss, count, options.batch
        self.device = torch.device(options.device)
        torch.manual_seed(1)
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                torch.nn.init.normal_(parameter, std=0.02)
        self.model = model.to(self.device).eval()
        ids = torch.randint(5, vocabulary, (count, length))
        # Without a mask, which transformers cannot look at within vmap; all texts have one length.
        self.all = {"input_ids": ids, "labels": torch.arange(count) % 2 if loss is label_loss else ids}
        self.batches = [{k: v[i:i + self.batch] for k, v in self.all.items()} for i in range(0, count, self.batch)]
        self.is_mappable = True
        self.trained = {n: p for n, p in self.model.named_parameters() if p.requires_grad}

    def exported(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        export(self.model, self.loss, self.batches, folder, quiet=True)
        return None

    def loop(self, count):
        """The loop of the README: one example at a time, its own loss."""
        rows = []
        for row in range(count):
            example = {k: v[row:row + 1].to(self.device) for k, v in self.all.items()}
            self.model.zero_grad()
            self.loss(self.model, example).sum().backward()
            rows.append(torch.cat([p.grad.reshape(-1) for p in self.trained.values()]).float().cpu().numpy())
        self.model.zero_grad()
        return np.stack(rows)

    def mapped(self, count):
        parameters = {n: p.detach() for n, p in self.trained.items()}
        model = self.model

        class Functional:
            def __init__(self, parameters):
                self.parameters = parameters

            def __call__(self, **named):
                return functional_call(model, self.parameters, kwargs=named)

        def one(parameters, example):
            return self.loss(Functional(parameters), {k: v[None] for k, v in example.items()}).sum()

        step, rows = vmap(grad(one), in_dims=(None, 0)), []
        for batch in self.batches[:max(1, count // self.batch)]:
            found = step(parameters, {k: v.to(self.device) for k, v in batch.items()})
            rows.append(torch.cat([found[n].reshape(len(batch["labels"]), -1) for n in self.trained], 1).float().cpu().numpy())
        return np.concatenate(rows)


def check(side, folder):
    """All three give the same rows."""
    side.exported(folder)
    columns = sum(p.numel() for p in side.trained.values())
    ours = np.fromfile(folder / "gradients.bin", "<f4").reshape(-1, columns)
    few = min(4, side.count)
    order = np.argsort([".lora_" not in n for n in side.trained], kind="stable")
    widths = [p.numel() for p in side.trained.values()]
    starts = np.cumsum([0] + widths)
    columns = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in order])
    worst, others = 0, [side.loop(few)[:, columns]]
    try:
        others.append(side.mapped(side.batch)[:few, columns])
    except Exception as error:  # Whatever vmap does not take on this device.
        print(f"vmap(grad) does not run here: {str(error).splitlines()[0][:150]}")
        side.is_mappable = False
    for theirs in others:
        worst = max(worst, np.max(np.linalg.norm(ours[:few] - theirs, axis=1) / np.linalg.norm(theirs, axis=1)))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="the folder of MiniLM")
    parser.add_argument("--random", action="store_true", help="random weights of the same shapes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--batch", type=int, help="16 on a CPU, 64 on a GPU, unless given")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="fewer examples and repeats")
    parser.add_argument("--only", choices=["bert", "llama"])
    options = parser.parse_args()
    if not options.model and not options.random:
        parser.error("give --model, or --random")
    if options.threads:
        torch.set_num_threads(options.threads)
    gpu = options.device.startswith("cuda")
    options.batch = options.batch or (64 if gpu else 16)
    repeats = min(options.repeats, 3 if gpu else 2) if options.quick else options.repeats
    name = torch.cuda.get_device_name(options.device) if gpu else f"CPU, {torch.get_num_threads()} threads"
    if not gpu:
        name += f", load {os.getloadavg()[0]:.1f}"
    print(f"{name}; torch {torch.__version__}; batches of {options.batch}; medians of {repeats}")
    torch.manual_seed(0)
    # So many that the comparison of the first batch, two single examples, weighs little.
    sizes = {"bert": (2048 if gpu else 128, 64, 30522), "llama": (512 if gpu else 64, 96, 49152)}
    for kind, make, loss in (("bert", bert, label_loss), ("llama", llama, token_loss)):
        if options.only not in (None, kind):
            continue
        count, length, vocabulary = sizes[kind]
        if options.quick:
            count //= 4 if gpu else 2
        if options.quick and not gpu and kind == "llama":
            count, options.batch = 16, min(8, options.batch)
        count = max(options.batch, count)
        side = Side(make(options), loss, length, vocabulary, count, options)
        # The loop and vmap take a share of the examples, enough for a rate.
        few = max(options.batch, count // 4) // options.batch * options.batch
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder) / "store"
            worst = check(side, folder)
            print(f"\n{kind}: {length} tokens, {sum(p.numel() for p in side.trained.values())} columns; "
                  f"export, loop and vmap differ by {worst:.1e} at most")
            if worst > 1e-3 and not gpu or worst > 1e-2:
                raise SystemExit("error: they must be the same")
            times = {"export": [], "loop": [], "vmap": []}
            processor = {what: [] for what in times}
            for _ in range(repeats):
                for what, work, done in (("export", lambda: side.exported(folder), count), ("loop", lambda: side.loop(few), few),
                                         ("vmap", lambda: side.mapped(few), few)):
                    if what == "vmap" and not side.is_mappable:
                        continue
                    if gpu:
                        torch.cuda.synchronize()
                    started, before = time.perf_counter(), time.process_time()
                    work()
                    if gpu:
                        torch.cuda.synchronize()
                    times[what].append(done / (time.perf_counter() - started))
                    processor[what].append(done / (time.process_time() - before))
        median = {what: statistics.median(values) for what, values in times.items() if values}
        used = {what: statistics.median(values) for what, values in processor.items() if values}

        def ratios(rates):
            return " and ".join(f"{rates['export'] / rates[what]:.2f} × {name}" for what, name in
                                (("loop", "the loop"), ("vmap", "vmap(grad)")) if what in rates)
        for what, rate in median.items():
            print(f"  {what:6} {rate:9.1f} examples per second, {rate * length:9.0f} tokens per second")
        print(f"  export is {ratios(median)}")
        if not gpu:
            # Which says more where other programs run.
            print(f"  by processor time {ratios(used)}")
        else:
            print(f"  peak GPU memory {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")


if __name__ == "__main__":
    main()
