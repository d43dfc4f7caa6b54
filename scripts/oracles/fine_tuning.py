"""The fine-tuning of small language models by PyTorch and PEFT in double precision.

    python fine_tuning.py          writes Tests/TransformersTests/Fixtures/trained/<family>.safetensors

Starts from the models, adapters and texts that `language_models.py` made, and takes ten steps, each on all texts of a model:
AdamW on the mean of their losses with weight decay, a learning rate that rises linearly in three steps and falls linearly to
zero, and gradients that are no longer than half. Nothing is dropped. Written in float64: the loss and the gradient's norm
before each step, and all trained parameters after the last.
"""

from pathlib import Path

import numpy as np
import torch
import transformers
from peft import PeftModel
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


if __name__ == "__main__":
    for family in ["bert", "llama"]:
        write(family)
