"""The fine-tuning of small language models by PyTorch and PEFT in double precision.

    python fine_tuning.py          writes Tests/TransformersTests/Fixtures/trained/<family>.safetensors
    python fine_tuning.py accuracy MODEL ADAPTER TEST.jsonl SEEDS
                                   trains MODEL anew as `influence finetune` has trained ADAPTER (its training.json says
                                   how, and its train.jsonl on what), with each seed from 0, and prints the losses and
                                   accuracies on TEST after the last epoch

Starts from the models, adapters and texts that `language_models.py` made, and takes ten steps, each on all texts of a model:
AdamW on the mean of their losses with weight decay, a learning rate that rises linearly in three steps and falls linearly to
zero, and gradients that are no longer than half. Nothing is dropped. Written in float64: the loss and the gradient's norm
before each step, and all trained parameters after the last.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import load_file, save_file

from language_models import FAMILIES, exact_rotation

FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "TransformersTests" / "Fixtures"
STEPS, RISING, RATE, DECAY, LONGEST = 10, 3, 0.02, 0.1, 0.5


def loss(model, values, index, has_labels):
    inputs = dict(input_ids=torch.tensor(values[f"tokens.{index}"])[None])
    goal = int(values["goal"][index])
    if f"types.{index}" in values and model.config.model_type == "bert":
        inputs["token_type_ids"] = torch.tensor(values[f"types.{index}"])[None]
    logits = model(**inputs).logits
    if has_labels:
        return torch.nn.functional.cross_entropy(logits, torch.tensor([goal]))
    return torch.nn.functional.cross_entropy(logits[0, goal - 1:-1], inputs["input_ids"][0, goal:])


def write(family):
    kind, _, _, saved = FAMILIES[family]
    folder = FIXTURES / "computed" / family
    base = kind.from_pretrained(folder, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True).double().eval()
    exact_rotation(base)
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([p for _, p in trained], lr=RATE, weight_decay=DECAY)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, RISING, STEPS)
    values = load_file(folder / "expected.safetensors")
    losses, norms = [], []
    for _ in range(STEPS):
        mean = torch.stack([loss(model, values, i, saved is not None) for i in range(len(values["goal"]))]).mean()
        optimizer.zero_grad()
        mean.backward()
        losses.append(mean.item())
        norms.append(torch.nn.utils.clip_grad_norm_([p for _, p in trained], LONGEST).item())
        optimizer.step()
        schedule.step()
    result = {name.replace(".modules_to_save", "").replace(".default", ""): p.detach().numpy() for name, p in trained}
    result |= {"losses": np.array(losses), "norms": np.array(norms)}
    (FIXTURES / "trained").mkdir(exist_ok=True)
    save_file(result, FIXTURES / "trained" / f"{family}.safetensors")
    print(family, losses[0], losses[-1], norms)


def accuracy(model_folder, adapter_folder, test, seeds):
    """The recipe of `influence finetune` by transformers and PEFT, in single precision with dropout."""
    record = json.loads((Path(adapter_folder) / "training.json").read_text())
    settings, labels = record["settings"], record["labels"]
    fields = settings["fields"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder)

    def encoded(path):
        rows = [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]
        pairs = [[row[fields["text"]]] + ([row[fields["text_pair"]]] if fields["text_pair"] else []) for row in rows]
        texts = [tokenizer(*pair, truncation=True, max_length=settings["max_length"]) for pair in pairs]
        return texts, torch.tensor([labels.index(str(row[fields["label"]])) for row in rows])

    def outputs(model, texts, targets, rows):
        batch = tokenizer.pad({key: [texts[r][key] for r in rows] for key in texts[0]}, return_tensors="pt")
        return model(**batch, labels=targets[rows])

    learnt, asked = encoded(Path(adapter_folder) / "train.jsonl"), encoded(test)
    for seed in range(seeds):
        torch.manual_seed(seed)
        base = transformers.AutoModelForSequenceClassification.from_pretrained(model_folder, num_labels=len(labels))
        model = get_peft_model(base, LoraConfig(
            r=settings["rank"], lora_alpha=settings["alpha"], lora_dropout=settings["dropout"],
            target_modules=(settings["targets"] or "query,value").split(","), task_type="SEQ_CLS"))
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=settings["learning_rate"], weight_decay=settings["weight_decay"])
        size = settings["batch"] * settings["accumulate"]
        steps = -(-len(learnt[0]) // size) * settings["epochs"]
        schedule = transformers.get_linear_schedule_with_warmup(optimizer, math.ceil(settings["warmup"] * steps), steps)
        for _ in range(settings["epochs"]):
            model.train()
            for rows in torch.randperm(len(learnt[0])).split(size):
                optimizer.zero_grad()
                outputs(model, *learnt, rows).loss.backward()
                torch.nn.utils.clip_grad_norm_(trained, settings["clip"])
                optimizer.step()
                schedule.step()
        model.eval()
        with torch.no_grad():
            result = outputs(model, *asked, torch.arange(len(asked[0])))
        right = (result.logits.argmax(1) == asked[1]).double().mean()
        print(f"seed {seed}: loss {result.loss.item():.4f}, accuracy {right.item():.4f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["accuracy"]:
        accuracy(*sys.argv[2:5], int(sys.argv[5]))
        sys.exit()
    for family in ["bert", "llama"]:
        write(family)
