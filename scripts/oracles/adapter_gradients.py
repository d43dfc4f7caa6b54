"""Compares a store of `influence gradients` with gradients that PyTorch and PEFT take one text at a time.

    python adapter_gradients.py MODEL ADAPTER DATA STORE --text FIELD [--label FIELD | --prompt FIELD]
                                [--max-length N] [--rows N] [--double]

MODEL is a folder of Hugging Face or a .gguf file. Prints the largest relative error of losses, and of gradients the largest
over texts and blocks of ||ours - theirs|| / ||theirs||. Tokens are the library's own; texts whose loss says that they
have other tokens are counted. Where there is a prompt, both are
encoded as one text with the end token after it, and the loss is of what the prompt alone does not begin with.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer


def arguments():
    parser = argparse.ArgumentParser()
    for name in ["model", "adapter", "data", "store"]:
        parser.add_argument(name, type=Path)
    parser.add_argument("--text", required=True)
    parser.add_argument("--label")
    parser.add_argument("--prompt")
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--double", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    torch.set_num_threads(2)
    isFile = options.model.is_file()
    place = dict(pretrained_model_name_or_path=str(options.model.parent if isFile else options.model))
    if isFile:
        place["gguf_file"] = options.model.name
    examples = [json.loads(line) for line in options.data.open() if line.strip()][: options.rows]
    tokenizer = AutoTokenizer.from_pretrained(**place)
    if options.label:
        count = max(int(e[options.label]) for e in [json.loads(line) for line in options.data.open()]) + 1
        base = AutoModelForSequenceClassification.from_pretrained(**place, num_labels=max(count, 2))
    else:
        base = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, str(options.adapter), is_trainable=True).eval()
    if options.double:
        model = model.double()
    trained = {n.replace(".default", "").replace("modules_to_save.", ""): p
               for n, p in model.named_parameters() if p.requires_grad}
    info = json.loads((options.store / "info.json").read_text())
    blocks, columns = info["grad_sizes"], sum(info["grad_sizes"].values())
    if set(blocks) != set(trained):
        raise SystemExit(f"other blocks: {set(blocks) ^ set(trained)}")
    store = np.memmap(options.store / "gradients.bin", dtype="<f4", mode="r").reshape(-1, columns)
    lines = [json.loads(line) for line in (options.store / "examples.jsonl").open()]
    worst, worstLoss, others, where = 0.0, 0.0, 0, ""
    for row, example in enumerate(examples):
        if options.label:
            ids = tokenizer(example[options.text], truncation=True, max_length=options.max_length, return_tensors="pt")
            loss = torch.nn.functional.cross_entropy(model(**ids).logits, torch.tensor([int(example[options.label])]))
        else:
            prompt = example.get(options.prompt, "") if options.prompt else ""
            whole = tokenizer(prompt + example[options.text])["input_ids"]
            before = tokenizer(prompt)["input_ids"] if options.prompt else []
            first = 0
            while first < len(before) and before[first] == whole[first]:
                first += 1
            first = max(first, 1)
            if options.prompt:
                whole = whole + [tokenizer.eos_token_id]
            whole = torch.tensor(whole[: options.max_length])[None]
            labels = whole.clone()
            labels[0, :first] = -100
            loss = model(input_ids=whole, labels=labels).loss
        theirs = torch.autograd.grad(loss, list(trained.values()))
        error = abs(loss.item() - lines[row]["loss"]) / max(abs(loss.item()), 1e-3)
        if error > 1e-3:
            others += 1
            continue
        worstLoss = max(worstLoss, error)
        start = 0
        byName = dict(zip(trained, theirs))
        for name, width in blocks.items():
            a = byName[name].numpy().astype(np.float64).ravel()
            b = store[row, start:start + width].astype(np.float64)
            start += width
            size = np.linalg.norm(a)
            if size > 0:
                relative = np.linalg.norm(a - b) / size
                if relative > worst:
                    worst, where = relative, f"row {row}, {name}"
    print(f"{len(examples)} texts, {others} with another loss; relative error of losses {worstLoss:.1e}, "
          f"of gradients {worst:.1e} ({where})")


if __name__ == "__main__":
    main()
